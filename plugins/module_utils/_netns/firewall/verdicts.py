# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdicts of foreign chains, of nftables or iptables, on forwarded packets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional, Sequence, Set

DROPS, GOES, ENDS = "drops", "goes", "ends"


@dataclass(frozen=True)
class Verdict:
    """The end of a rule. C(always): the rule matches every packet. C(to) is the chain in which the packet continues."""

    always: bool
    word: str
    to: Optional[str] = None


Chains = Mapping[str, Sequence[Verdict]]
"""The rules of other programs in a table, by chain."""


def may_drop(chains: Chains, name: str) -> bool:
    """Whether a packet can be dropped, in the chain or in the chains that it leads to."""
    return _reaches_drop(chains, name, set(), always=False)


def drops_all(chains: Chains, name: str) -> bool:
    """Whether every packet is dropped that no earlier rule has matched."""
    return _reaches_drop(chains, name, set(), always=True)


def _reaches_drop(chains: Chains, name: str, seen: Set[str], always: bool) -> bool:
    seen.add(name)
    for verdict in chains.get(name, ()):
        if verdict.always or not always:
            if verdict.word == DROPS:
                return True
            if verdict.to is not None and verdict.to not in seen and _reaches_drop(chains, verdict.to, seen, always):
                return True
        if verdict.always and verdict.word == ENDS:
            return False
    return False
