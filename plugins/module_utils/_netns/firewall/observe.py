# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read which firewall works on this host, and its rules that concern a namespace."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..._core.errors import CommandError, ObservationError
from ..._core.runner import Runner
from ..._host.files import Host
from ..addresses import FAMILIES
from ..names import PREFIX, entering, tag
from ..parse import parse_json
from ..state import Firewall, ForwardChain, Own, Record
from ..wanted import AUTO
from . import foreign, iptables, nftables
from .probe import iptables_problem, nftables_problem, without_modules

_NOT_FOUND = 127
_AS_LONG = 50
_LEGACY_TABLES = {4: "/proc/net/ip_tables_names", 6: "/proc/net/ip6_tables_names"}


@dataclass(frozen=True)
class Asked:
    """The choices of the task and the record. C(former) is the kind that was used before. C(needed): there are links to filter.

    C(exists): the namespace exists, and its own filter is asked for. C(count): so many namespaces are named by the task.
    """

    name: str
    choice: str = AUTO
    former: Optional[str] = None
    needed: bool = True
    exists: bool = False
    families: Tuple[int, ...] = (4,)
    count: int = 1


@dataclass(frozen=True)
class _Nft:
    """All chains, and the reason why nft cannot make the rules, or an empty text. C(installed): nft is on the host."""

    listing: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    installed: bool = True


@dataclass(frozen=True)
class _Variant:
    """A variant of iptables by its command, whether it uses nf_tables, and the reason if it does not even start on this host."""

    program: str
    by_nftables: bool
    problem: str = ""


def observe_firewall(runner: Runner, asked: Asked, host: Host) -> Firewall:
    """The state of the firewall.

    :raises ObservationError: no firewall works, or the kind that the task asks for does not; with the missing parts of the kernel.
    """
    nft = _nft(runner)
    tables = {one for one in _tables(nft.listing) if one.startswith(PREFIX)}
    read = _own_table if _one_by_one(nft.listing, asked.count, len(tables)) else _own_table_of_many
    own_table = read(runner, asked.name) if tag(asked.name) in tables else None
    kind = "nftables" if asked.choice == "nftables" or (asked.choice == AUTO and not nft.problem) else "iptables"
    program = _working(runner, asked, kind, nft, host) if asked.needed and (kind == "iptables" or nft.problem) else None
    concerned = "iptables" in (kind, asked.former) or _iptables_families(nft.listing) or _legacy_families(host)
    if program is None and concerned:
        program = _readable(runner, nft)
    saved = _saved(runner, program) if program is not None and "iptables" in (kind, asked.former) else {}
    own = {family: found for family, found in ((one, iptables.find_own(text, asked.name)) for one, text in saved.items()) if found}
    chains = _foreign(runner, asked.name, nft.listing, program, host)
    translated = foreign.other_nat(nft.listing) or any(iptables.has_others(text) for text in saved.values())
    others = translated or any(chain.used for chain in chains)
    kinds = {kind, asked.former} if asked.exists else set()
    return Firewall(
        kind=kind,
        program=program or "iptables",
        table=own_table,
        own=own,
        chains=tuple(chains),
        others=others or (kind == "nftables" and bool(_legacy_families(host))),
        inside_table=_own_table(runner, asked.name, entering(asked.name)) if "nftables" in kinds and nft.installed else None,
        inside_own=_own_inside(runner, program, asked) if program is not None and "iptables" in kinds else {},
    )


def _nft(runner: Runner) -> _Nft:
    try:
        listing = parse_json("nft -j list chains", runner.run(("nft", "-j", "list", "chains")).stdout)
    except CommandError as error:
        if error.exit_code == _NOT_FOUND:
            return _Nft(problem=error.problem, installed=False)
        return _Nft(problem=f"{error.argv[0]} {error.problem} (CONFIG_NF_TABLES, module nf_tables)")
    # The table of another namespace shows that this kernel has all needed parts.
    ours = any(one.startswith(PREFIX) for one in _tables(listing))
    return _Nft(listing, "" if ours else nftables_problem(runner))


def _working(runner: Runner, asked: Asked, kind: str, nft: _Nft, host: Host) -> Optional[str]:
    """The variant of iptables that accepts the rules of a namespace.

    :raises ObservationError: no variant does, or the kind that the task asks for does not.
    """
    variants = _variants(runner)
    problems = {variant.program: variant.problem for variant in variants if variant.problem}
    working = None
    for variant in variants:
        if working is None and not variant.problem:
            found = (iptables_problem(runner, variant.program, family, variant.by_nftables, host) for family in asked.families)
            problem = next((one for one in found if one), "")
            working = None if problem else variant.program
            problems.update({variant.program: problem} if problem else {})
    if working is None or kind == "nftables":
        raise ObservationError(_refusal(kind, nft.problem, problems, working is not None, host))
    return working


def _refusal(kind: str, nft_problem: str, problems: Mapping[str, str], by_iptables: bool, host: Host) -> str:
    """The error text: why the task's choice of a firewall cannot work, and which choice can."""
    where = f"be used on this host (Linux {host.kernel()})"
    if kind == "nftables" and by_iptables:
        return f"firewall: nftables cannot {where}: {nft_problem}. Choose iptables, or omit firewall"
    reasons = [f"{program}: {problem}" for program, problem in problems.items()] or ["iptables: it is not installed"]
    if not nft_problem:
        return f"firewall: iptables cannot {where}: {'; '.join(reasons)}. Choose nftables, or omit firewall"
    return (
        f"firewall: neither nftables nor iptables can {where}, and nothing was made: {'; '.join([f'nftables: {nft_problem}', *reasons])}."
        f" Add to the kernel, or to the host, the parts that one of these firewalls lacks.{without_modules(host)}"
    )


def _variants(runner: Runner) -> List[_Variant]:
    """The installed variants; if only one is installed, it has the plain name."""
    found: List[_Variant] = []
    for program in ("iptables", "iptables-legacy"):
        try:
            by_nftables = "nf_tables" in runner.run((program, "-V")).stdout
        except CommandError as error:
            if error.exit_code != _NOT_FOUND:
                found.append(_Variant(program, True, f"{error.argv[0]} {error.problem}"))
            continue
        if by_nftables not in [variant.by_nftables for variant in found if not variant.problem]:
            found.append(_Variant(program, by_nftables))
    return found


def _readable(runner: Runner, nft: _Nft) -> Optional[str]:
    """The variant of iptables that can list rules, for a host where no rules have to be made."""
    lacks_nftables = bool(nft.problem) and nft.installed and not _iptables_families(nft.listing)
    usable = (one.program for one in _variants(runner) if not one.problem and not (one.by_nftables and lacks_nftables))
    return next(usable, None)


def _tables(listing: Mapping[str, Any]) -> List[str]:
    return [entry["chain"]["table"] for entry in listing.get("nftables", []) if "chain" in entry]


def _own_table(runner: Runner, name: str, enter: Tuple[str, ...] = ()) -> Any:
    """The table of a namespace, on the host or in the namespace; C(None) if it does not exist."""
    argv = (*enter, "nft", "-j", "list", "table", nftables.FAMILY, tag(name))
    result = runner.run(argv, accept=(0, 1))
    return nftables.listed_table(parse_json(" ".join(argv), result.stdout)) if result.exit_code == 0 else None


def _one_by_one(listing: Mapping[str, Any], asked: int, there: int) -> bool:
    """Whether nft takes less time to list each table that is asked for than to list all tables at once.

    Before version 1.1.1 nft fetches the rules of all tables once for each table. Fifty tables take it as long as fifty listings of one.
    """
    about: Mapping[str, Any] = next((entry["metainfo"] for entry in listing.get("nftables", []) if "metainfo" in entry), {})
    version = [int(number) for number in re.findall("[0-9]+", str(about.get("version", "")))]
    return asked == 1 or (version < [1, 1, 1] and there * there > _AS_LONG * asked)


def _own_table_of_many(runner: Runner, name: str) -> Any:
    """The table of one of many namespaces: nft reads every table of the host for each of its answers, so it is asked once for all."""
    return nftables.listed_table({"nftables": _by_table(runner.run(("nft", "-j", "list", "ruleset")).stdout)[tag(name)]})


@lru_cache(maxsize=1)
def _by_table(ruleset: str) -> Mapping[str, List[Mapping[str, Any]]]:
    found: Dict[str, List[Mapping[str, Any]]] = {}
    for entry in parse_json("nft -j list ruleset", ruleset).get("nftables", []):
        for kind, one in entry.items():
            if kind != "metainfo" and (one.get("table") or one.get("name", "")).startswith(PREFIX):
                found.setdefault(one.get("table") or one["name"], []).append(entry)
    return found


def _own_inside(runner: Runner, program: str, asked: Asked) -> Dict[int, Dict[str, Own]]:
    saved = _saved(runner, program, entering(asked.name))
    found = {family: iptables.find_own(text, asked.name, iptables.HOOKS_INSIDE) for family, text in saved.items()}
    return {family: own for family, own in found.items() if own}


def _saved(runner: Runner, program: str, enter: Tuple[str, ...] = ()) -> Dict[int, iptables.Saved]:
    found: Dict[int, iptables.Saved] = {}
    for family in FAMILIES:
        try:
            found[family] = iptables.parse_save(runner.run((*enter, iptables.command(program, family, "-save"))).stdout)
        except CommandError:
            # On hosts without IPv6 ip6tables does not work; a step that needs it fails with the reason.
            if family == 4:
                raise
    return found


def _foreign(runner: Runner, name: str, listing: Mapping[str, Any], program: Optional[str], host: Host) -> List[ForwardChain]:
    found: List[ForwardChain] = []
    for chain in foreign.forward_chains(listing):
        if program is None or not foreign.is_iptables(*chain[:3]):
            found.append(_nft_chain(runner, chain, name))
        else:
            found.append(_nft_chain_of_iptables(runner, program, chain, name))
    legacy = _legacy_families(host)
    old = _legacy_program(runner) if legacy else ""
    return found + [_iptables_chain(runner, old, family, name) for family in legacy]


def _nft_chain_of_iptables(runner: Runner, program: str, chain: Tuple[str, str, str, bool], name: str) -> ForwardChain:
    try:
        return _iptables_chain(runner, program, 4 if chain[0] == "ip" else 6, name)
    except CommandError:
        # Another program has added rules with nft that iptables cannot read.
        return _nft_chain(runner, chain, name)


def _iptables_chain(runner: Runner, program: str, family: int, name: str) -> ForwardChain:
    text = runner.run((iptables.command(program, family), *iptables.WAIT, "-S")).stdout
    return iptables.parse_forward(text, program, family, name)


def _nft_chain(runner: Runner, found: Tuple[str, str, str, bool], name: str) -> ForwardChain:
    family, table_name, chain, _policy_drops = found
    listing = parse_json("nft -j list chain", runner.run(("nft", "-j", "-a", "list", "chain", family, table_name, chain)).stdout)
    if any(verdict.to is not None for verdict in foreign.foreign_chains(listing).get(chain, ())):
        listing = parse_json("nft -j list table", runner.run(("nft", "-j", "-a", "list", "table", family, table_name)).stdout)
    one = foreign.read_chain(listing, found, name, {})
    if not one.texts:
        return one
    # The script for the boot finds these rules by their text, because their handles are new then.
    text = runner.run(("nft", "-a", "list", "table", family, table_name)).stdout
    return foreign.read_chain(listing, found, name, foreign.texts_by_handle(text))


def _iptables_families(listing: Mapping[str, Any]) -> List[int]:
    """The families for which iptables has made a chain FORWARD through nftables."""
    present = {family for family, name, chain, _drops in foreign.forward_chains(listing) if foreign.is_iptables(family, name, chain)}
    return [family for family, word in ((4, "ip"), (6, "ip6")) if word in present]


def _legacy_program(runner: Runner) -> str:
    try:
        runner.run(("iptables-legacy", "-V"))
    except CommandError:
        # If only one variant is installed, it has the plain name.
        return "iptables"
    return "iptables-legacy"


def _legacy_families(host: Host) -> List[int]:
    return [family for family, path in _LEGACY_TABLES.items() if "filter" in (host.read(path) or "").split()]


def observe_rules(runner: Runner, record: Record) -> List[Dict[str, Any]]:
    """The rules that were made for a namespace, with their counters."""
    name = record.name
    if record.firewall == "nftables":
        argv = ("nft", "-j", "list", "table", nftables.FAMILY, tag(name))
        result = runner.run(argv, accept=(0, 1))
        return nftables.shown_rules(parse_json(" ".join(argv), result.stdout)) if result.exit_code == 0 else []
    return [rule for program in ("iptables", "iptables-legacy") for family in FAMILIES for rule in _counted(runner, program, family, name)]


def _counted(runner: Runner, program: str, family: int, name: str) -> List[Dict[str, Any]]:
    try:
        text = runner.run((iptables.command(program, family, "-save"), "-c")).stdout
    except CommandError:
        return []
    return iptables.shown_rules(text, name)
