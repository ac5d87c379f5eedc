# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from the rules of a namespace to the wanted rules. Pure."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..._core.plan import Command, Prints, Step
from ..batching import nft, nft_transaction
from ..names import tag
from ..state import Firewall, ForwardChain, Own
from . import iptables, nftables
from .policy import Policy

_FAMILY_WORDS: Mapping[str, Tuple[int, ...]] = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}


def own_steps(found: Firewall, name: str, policy: Optional[Policy]) -> Iterator[Step]:
    """The namespace's own rules, each kind in one transaction."""
    by_nft = policy if found.kind == "nftables" else None
    if by_nft is not None and found.table != nftables.wanted_table(by_nft):
        yield nft_transaction(*nftables.replacement(by_nft))
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


def _iptables_steps(program: str, family: int, found: Mapping[str, Own], wanted: Mapping[str, Own]) -> Iterator[Step]:
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
                yield Command((tool, *iptables.WAIT, "-t", table_name, "-D", builtin, *rule))
            for rule in asked.get(builtin, ()):
                inserts.append(_insert((tool, *iptables.WAIT, "-t", table_name), builtin, rule))
    text = iptables.restore_text(found, wanted)
    if text:
        yield Command((f"{tool}-restore", *iptables.WAIT, "--noflush"), stdin=text, timeout=90)
    yield from inserts


def concerns(chain: ForwardChain, policy: Policy) -> bool:
    """Whether a chain sees packets of a family that the namespace has."""
    return bool(set(_FAMILY_WORDS[chain.family]) & set(policy.families))


def openings(chain: ForwardChain, policy: Optional[Policy]) -> Tuple[str, ...]:
    """The packets that a dropping chain has to let through: all packets that the policy has not dropped already."""
    if policy is None or not chain.drops or not concerns(chain, policy):
        return ()
    return tuple(f"{way} {link}" for link in policy.links for way in ("iifname", "oifname"))


def _opening_steps(chain: ForwardChain, name: str, wanted: Sequence[str]) -> Iterator[Step]:
    kept: Dict[str, str] = {}
    for where, opened in chain.ours:
        if opened in wanted and opened not in kept:
            kept[opened] = where
        else:
            yield _closing(chain, where)
    for opened in wanted:
        if opened not in kept:
            yield _opening(chain, name, opened)


def _closing(chain: ForwardChain, where: str) -> Step:
    if chain.program == "nft":
        return nft("delete", "rule", chain.family, chain.table, chain.chain, "handle", where)
    return Command((_tool(chain), *iptables.WAIT, "-D", chain.chain, *shlex.split(where)))


def _opening(chain: ForwardChain, name: str, opened: str) -> Step:
    way, link = opened.split()
    if chain.program == "nft":
        rule = (way, f'"{link}"', "accept", "comment", f'"{tag(name)}"')
        where = (chain.family, chain.table, chain.chain)
        listing = ("nft", "list", "chain", *where)
        # At boot, chains of other programs may not exist yet.
        return replace(nft("insert", "rule", *where, *rule), only_if=(listing,), unless=(Prints(listing, " ".join(rule)),))
    return _insert((_tool(chain), *iptables.WAIT), chain.chain, iptables.opening(link, way, name))


def _insert(tool: Sequence[str], chain: str, rule: Sequence[str]) -> Step:
    """Insert a rule at the beginning of a chain of iptables."""
    return Command((*tool, "-I", chain, "1", *rule), unless=((*tool, "-C", chain, *rule),))


def _tool(chain: ForwardChain) -> str:
    return iptables.command(chain.program, 4 if chain.family == "ip" else 6)
