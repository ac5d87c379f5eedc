# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from the rules of a namespace to the wanted rules. Pure."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Iterator, List, Mapping, Optional, Sequence, Tuple

from ..._core.plan import Command, Operation, Prints, Step
from ..batching import nft, nft_transaction
from ..names import entering, tag
from ..state import Firewall, ForwardChain, Opened, Own, Place, State
from . import iptables, nftables
from .flows import Ways, has_forwards, is_stale
from .flows import concerns as flows_concern
from .inside import Rule
from .policy import Policy

_FAMILY_WORDS: Mapping[str, Tuple[int, ...]] = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}


def own_steps(found: Firewall, name: str, policy: Optional[Policy]) -> Iterator[Step]:
    """The namespace's own rules, each kind in one transaction."""
    by_nft = policy if found.kind == "nftables" else None
    if by_nft is not None and found.table != nftables.wanted_table(by_nft):
        yield _own_table(by_nft, found.table is None and not found.rerun)
    elif by_nft is None and found.table is not None:
        yield nft("delete", "table", nftables.FAMILY, tag(name))
    by_iptables = policy if found.kind == "iptables" else None
    for family in (4, 6):
        wanted = iptables.wanted_own(by_iptables, family) if by_iptables is not None and family in by_iptables.families else {}
        yield from _iptables_steps(found.program, family, found.own.get(family, {}), wanted)


def opening_steps(found: Firewall, name: str, policy: Optional[Policy]) -> Iterator[Step]:
    """The smallest openings in the chains of other programs. Packets pass the namespace's own rules first, so these are made first."""
    for chain in found.chains:
        yield from _opening_steps(chain, name, openings(chain, policy))


@lru_cache(maxsize=8)
def _own_table(policy: Policy, fresh: bool) -> Step:
    """The step that makes the table; the same policy is planned several times, for now and for the boot."""
    return nft_transaction(*nftables.replacement(policy, fresh))


@lru_cache(maxsize=8)
def _text_inside(name: str, rules: Tuple[Rule, ...], fresh: bool) -> str:
    return json.dumps({"nftables": nftables.replacement_inside(name, rules, fresh)})


def inside_steps(found: Firewall, name: str, rules: Tuple[Rule, ...], families: Sequence[int]) -> Iterator[Step]:
    """The filter in the namespace, each kind in one transaction."""
    enter = entering(name)
    by_nft = rules if found.kind == "nftables" else ()
    if by_nft and found.inside_table != nftables.wanted_inside(by_nft):
        text = _text_inside(name, by_nft, found.inside_table is None and not found.rerun)
        yield Command((*enter, "nft", "-j", "-f", "-"), stdin=text)
    elif not by_nft and found.inside_table is not None:
        yield Command((*enter, "nft", "delete", "table", nftables.FAMILY, tag(name)))
    by_iptables = rules if found.kind == "iptables" else ()
    for family in (4, 6):
        wanted = iptables.wanted_inside(name, by_iptables, family) if family in families else {}
        yield from _iptables_steps(found.program, family, found.inside_own.get(family, {}), wanted, enter)


def _iptables_steps(
    program: str, family: int, found: Mapping[str, Own], wanted: Mapping[str, Own], enter: Tuple[str, ...] = ()
) -> Iterator[Step]:
    if iptables.same(found, wanted):
        return
    tool = iptables.command(program, family)
    inserts: List[Step] = []
    for table_name in iptables.TABLES:
        there, asked = found.get(table_name, Own()).jumps, wanted.get(table_name, Own()).jumps
        for builtin in sorted({*there, *asked}):
            if iptables.same_rules(there.get(builtin, ()), asked.get(builtin, ())):
                continue
            for rule in there.get(builtin, ()):
                yield Command((*enter, tool, *iptables.WAIT, "-t", table_name, "-D", builtin, *rule))
            for rule in asked.get(builtin, ()):
                inserts.append(_insert((*enter, tool, *iptables.WAIT, "-t", table_name), builtin, rule))
    text = iptables.restore_text(found, wanted)
    if text:
        yield Command((*enter, f"{tool}-restore", *iptables.WAIT, "--noflush"), stdin=text, timeout=90)
    yield from inserts


@dataclass(frozen=True)
class Forgetting(Operation):
    """The operation that forgets flows, which users see without all the ways that the namespace has."""

    def rendered(self) -> List[str]:
        """The operation and the namespace."""
        return [self.name, f"namespace={self.arguments['ways'].name}"]


def forgetting_steps(state: State, ways: Ways, rules_change: bool) -> Iterator[Step]:
    """Forget the flows that do not go the way of the rules, so that their next packet does.

    Where rules change, flows may begin on the old way after the plan was made, if there are any or a forward waits for them.
    """
    flows = state.flows or ()
    begin = rules_change and (has_forwards(ways) or any(flows_concern(flow, ways) for flow in flows))
    if state.flows is not None and (begin or any(is_stale(flow, ways) for flow in flows)):
        yield Forgetting("forget_flows", {"ways": ways})


def concerns(chain: ForwardChain, policy: Policy) -> bool:
    """Whether a chain sees packets of a family that the namespace has."""
    return bool(set(_FAMILY_WORDS[chain.family]) & set(policy.families))


def openings(chain: ForwardChain, policy: Optional[Policy]) -> Tuple[str, ...]:
    """The packets that a dropping chain has to let through: all packets that the policy has not dropped already."""
    if policy is None or not chain.drops or not concerns(chain, policy):
        return ()
    return tuple(f"{way} {link}" for link in policy.links for way in ("iifname", "oifname"))


def _opening_steps(chain: ForwardChain, name: str, wanted: Sequence[str]) -> Iterator[Step]:
    places = [(opened, place) for place in chain.ends for opened in wanted]
    kept = set()
    for one in chain.ours:
        if (one.what, one.place) in places and (one.what, one.place) not in kept:
            kept.add((one.what, one.place))
        else:
            yield _closing(chain, one)
    for opened, place in places:
        if (opened, place) not in kept:
            yield _opening(chain, name, opened, place)


def _closing(chain: ForwardChain, opened: Opened) -> Step:
    if chain.program == "nft":
        return nft("delete", "rule", chain.family, chain.table, opened.place[0], "handle", opened.where)
    return Command((_tool(chain), *iptables.WAIT, "-D", opened.place[0], *shlex.split(opened.where)))


def _opening(chain: ForwardChain, name: str, opened: str, place: Place) -> Step:
    """Accept packets directly before the rule that would drop them, or at the end if the policy drops: bans of others come before."""
    way, link = opened.split()
    where, before = place
    if chain.program != "nft":
        rule = iptables.opening(link, way, name)
        tool = (_tool(chain), *iptables.WAIT)
        unless = ((*tool, "-C", where, *rule),)
        if before is None:
            return Command((*tool, "-A", where, *rule), unless=unless)
        # Its number is looked up by the step itself: other steps of the task add and remove rules.
        return Operation("insert_before", {"tool": tool[0], "chain": where, "rule": shlex.join(rule), "before": before})
    words = (way, f'"{link}"', "accept", "comment", f'"{tag(name)}"')
    at = (chain.family, chain.table, where)
    listing = ("nft", "list", "chain", *at)
    if before is None:
        step = nft("add", "rule", *at, *words)
    else:
        step = replace(nft("insert", "rule", *at, "handle", before, *words), before=dict(chain.texts).get(before, ""))
    # At boot, chains of other programs may not exist yet.
    return replace(step, only_if=(listing,), unless=(Prints(listing, " ".join(words)),))


def _insert(tool: Sequence[str], chain: str, rule: Sequence[str]) -> Step:
    """Insert a rule at the beginning of a chain of iptables."""
    return Command((*tool, "-I", chain, "1", *rule), unless=((*tool, "-C", chain, *rule),))


def _tool(chain: ForwardChain) -> str:
    return iptables.command(chain.program, 4 if chain.family == "ip" else 6)
