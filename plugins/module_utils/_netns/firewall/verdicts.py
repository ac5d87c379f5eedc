# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What chains of others do with forwarded packets, whatever program made the chains. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional, Sequence, Set

DROPS, GOES, ENDS = "drops", "goes", "ends"


@dataclass(frozen=True)
class Verdict:
    """How a rule ends: C(always) for one that matches everything, C(to) is the chain that it goes on with."""

    always: bool
    word: str
    to: Optional[str] = None


Chains = Mapping[str, Sequence[Verdict]]
"""The rules of others in a table, by chain."""


def may_drop(chains: Chains, name: str) -> bool:
    """Whether some packet can end in a drop, in the chain or where it leads to."""
    return _reaches_drop(chains, name, set(), always=False)


def drops_all(chains: Chains, name: str) -> bool:
    """Whether every packet that no rule has matched before ends in a drop."""
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
