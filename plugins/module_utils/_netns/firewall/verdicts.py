# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdicts of foreign chains, of nftables or iptables, on forwarded packets. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator, Mapping, Optional, Sequence, Set, Tuple

from ..state import Place

DROPS, GOES, ENDS = "drops", "goes", "ends"


@dataclass(frozen=True)
class Verdict:
    """The end of a rule. C(always): the rule matches every packet. C(to) is the chain in which the packet continues.

    C(by_link): the rule matches every packet, or every packet of some interfaces. C(where) is the place of the rule in its chain.
    """

    always: bool
    word: str
    to: Optional[str] = None
    by_link: bool = False
    where: str = field(default="", compare=False)


Chains = Mapping[str, Sequence[Verdict]]
"""The rules of other programs in a table, by chain."""


def may_drop(chains: Chains, name: str) -> bool:
    """Whether a packet can be dropped, in the chain or in the chains that it leads to."""
    return _reaches_drop(chains, name, set(), always=False)


def drops_all(chains: Chains, name: str) -> bool:
    """Whether every packet is dropped that no earlier rule has matched."""
    return _reaches_drop(chains, name, set(), always=True)


def reached(chains: Chains, name: str) -> Set[str]:
    """The chain itself, and all chains to which its rules lead."""
    found, new = {name}, [name]
    while new:
        new = [one.to for one in chains.get(new.pop(), ()) if one.to is not None and one.to not in found] + new
        found.update(new)
    return found


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


def catch_alls(chains: Chains, name: str, policy_drops: bool) -> Tuple[Place, ...]:
    """The places at which packets are dropped that no rule has matched. A rule before such a place lets no banned packet through.

    Followed are only jumps of all packets or of an interface: a jump on another condition, such as an address, is a ban.
    """
    found = dict.fromkeys(_catch_alls(chains, name, {name}))
    if policy_drops and not any(one.always and one.word in (DROPS, ENDS) for one in chains.get(name, ())):
        found[name, None] = None
    return tuple(found)


def _catch_alls(chains: Chains, name: str, seen: Set[str]) -> Iterator[Place]:
    for verdict in chains.get(name, ()):
        if verdict.always and verdict.word == DROPS:
            yield name, verdict.where
        elif verdict.to is not None and (verdict.always or verdict.by_link):
            if _only_drops(chains, verdict.to):
                yield name, verdict.where
            elif verdict.to not in seen:
                seen.add(verdict.to)
                yield from _catch_alls(chains, verdict.to, seen)
        if verdict.always and verdict.word in (DROPS, ENDS):
            return


def _only_drops(chains: Chains, name: str) -> bool:
    """Whether a chain does nothing else than drop every packet."""
    verdicts = [one for one in chains.get(name, ()) if one.word != GOES or one.to in chains]
    return bool(verdicts) and verdicts[0].always and verdicts[0].word == DROPS
