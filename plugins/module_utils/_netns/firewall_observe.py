# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read which firewall works on this host, and what of it concerns a namespace."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .._core.errors import CommandError, ObservationError
from .._core.runner import Runner
from . import iptables, nftables
from .names import PREFIX, table
from .parse import parse_json
from .state import Firewall, ForwardChain
from .wanted import AUTO, FAMILIES

_NOT_FOUND = 127
_LEGACY_TABLES = {4: "/proc/net/ip_tables_names", 6: "/proc/net/ip6_tables_names"}


@dataclass(frozen=True)
class Asked:
    """What the task and the record say: C(former) is the kind that was used before; C(needed) that there is something to filter."""

    name: str
    choice: str = AUTO
    former: Optional[str] = None
    needed: bool = True


def observe_firewall(runner: Runner, asked: Asked, root: str = "") -> Firewall:
    """The firewall as it is.

    :raises ObservationError: none that works is there, or not the one that is asked for; with what is missing.
    """
    chains, problem = _nft(runner)
    own_table = _own_table(runner, asked.name) if chains is not None and _has_chains(chains, asked.name) else None
    kind = "nftables" if asked.choice == "nftables" or (asked.choice == AUTO and chains is not None) else "iptables"
    if kind == "nftables" and chains is None and asked.needed:
        raise ObservationError(f"firewall: nftables does not work on this host: {problem}. Choose iptables, or leave firewall out")
    concerned = "iptables" in (kind, asked.former) or _iptables_families(chains or {}) or _legacy_families(root)
    program = _program(runner, chains is None and "not found" not in problem) if concerned else None
    if kind == "iptables" and program is None and asked.needed:
        wrong = f"nftables: {problem}; iptables: it is not installed" if problem else "iptables is not installed"
        raise ObservationError(f"firewall: {wrong}. Install the package nftables, or iptables where the kernel lacks nf_tables")
    saved = _saved(runner, program) if program is not None and "iptables" in (kind, asked.former) else {}
    own = {family: found for family, found in ((one, iptables.find_own(text, asked.name)) for one, text in saved.items()) if found}
    foreign = _foreign(runner, asked.name, chains or {}, program, kind, root)
    translated = nftables.other_nat(chains or {}) or any(iptables.has_others(text) for text in saved.values())
    others = translated or any(chain.used for chain in foreign)
    return Firewall(
        kind, program or "iptables", own_table, own, tuple(foreign), others or (kind == "nftables" and bool(_legacy_families(root)))
    )


def _nft(runner: Runner) -> Tuple[Optional[Mapping[str, Any]], str]:
    """All chains, or C(None) and why nftables can not be used."""
    try:
        listing = parse_json("nft -j list chains", runner.run(("nft", "-j", "list", "chains")).stdout)
        if not any(entry.get("chain", {}).get("table", "").startswith(PREFIX) for entry in listing.get("nftables", [])):
            # Kernels have been built with nf_tables and without the families that it is for; a table of ours shows that this one has them.
            runner.run(("nft", "-j", "-f", "-"), stdin=nftables.probe())
    except CommandError as error:
        return None, f"{error.argv[0]} {error.problem}" if error.exit_code != _NOT_FOUND else error.problem
    return listing, ""


def _has_chains(listing: Mapping[str, Any], name: str) -> bool:
    return any(entry.get("chain", {}).get("table") == table(name) for entry in listing.get("nftables", []))


def _own_table(runner: Runner, name: str) -> Any:
    argv = ("nft", "-j", "list", "table", nftables.FAMILY, table(name))
    return nftables.listed_table(parse_json(" ".join(argv), runner.run(argv).stdout))


def _program(runner: Runner, kernel_lacks_nftables: bool) -> Optional[str]:
    """The command of the iptables that works here."""
    for program in ("iptables", "iptables-legacy"):
        try:
            version = runner.run((program, "-V")).stdout
        except CommandError:
            continue
        if "nf_tables" not in version or not kernel_lacks_nftables:
            return program
    return None


def _saved(runner: Runner, program: str) -> Dict[int, iptables.Saved]:
    found: Dict[int, iptables.Saved] = {}
    for family in FAMILIES:
        try:
            found[family] = iptables.parse_save(runner.run((iptables.command(program, family, "-save"),)).stdout)
        except CommandError:
            # Hosts without IPv6 have no ip6tables that works; what needs it will say so.
            if family == 4:
                raise
    return found


def _foreign(runner: Runner, name: str, listing: Mapping[str, Any], program: Optional[str], kind: str, root: str) -> List[ForwardChain]:
    # What is in this variant's chains of ours lets the packets through there itself.
    passed = program if kind == "iptables" else None
    found: List[ForwardChain] = []
    for chain in nftables.forward_chains(listing):
        if program is None or not nftables.is_iptables(*chain[:3]):
            found.append(_nft_chain(runner, chain, name))
        elif program != passed:
            found.append(_nft_chain_of_iptables(runner, program, chain, name))
    legacy = _legacy_families(root)
    old = _legacy_program(runner) if legacy else ""
    return found + [_iptables_chain(runner, old, family, name) for family in legacy if old != passed]


def _nft_chain_of_iptables(runner: Runner, program: str, chain: Tuple[str, str, str, bool], name: str) -> ForwardChain:
    try:
        return _iptables_chain(runner, program, 4 if chain[0] == "ip" else 6, name)
    except CommandError:
        # Somebody has put into it by nft what iptables can not read.
        return _nft_chain(runner, chain, name)


def _iptables_chain(runner: Runner, program: str, family: int, name: str) -> ForwardChain:
    text = runner.run((iptables.command(program, family), *iptables.WAIT, "-S")).stdout
    return iptables.parse_forward(text, program, family, name)


def _nft_chain(runner: Runner, found: Tuple[str, str, str, bool], name: str) -> ForwardChain:
    family, table_name, chain, policy_drops = found
    listing = parse_json("nft -j list chain", runner.run(("nft", "-j", "-a", "list", "chain", family, table_name, chain)).stdout)
    chains = nftables.foreign_chains(listing)
    if not policy_drops and any(verdict.to is not None for verdict in chains.get(chain, ())):
        chains = nftables.foreign_chains(
            parse_json("nft -j list table", runner.run(("nft", "-j", "list", "table", family, table_name)).stdout)
        )
    return nftables.read_chain(listing, found, name, chains)


def _iptables_families(listing: Mapping[str, Any]) -> List[int]:
    """The families for which iptables has made a chain FORWARD through nftables."""
    present = {family for family, name, chain, _drops in nftables.forward_chains(listing) if nftables.is_iptables(family, name, chain)}
    return [family for family, word in ((4, "ip"), (6, "ip6")) if word in present]


def _legacy_program(runner: Runner) -> str:
    try:
        runner.run(("iptables-legacy", "-V"))
    except CommandError:
        # Where there is one variant only it goes by the plain name.
        return "iptables"
    return "iptables-legacy"


def _legacy_families(root: str) -> List[int]:
    found = []
    for family, path in _LEGACY_TABLES.items():
        if os.path.exists(root + path):
            with open(root + path, encoding="ascii") as stream:
                if "filter" in stream.read().split():
                    found.append(family)
    return found
