# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace's rules for iptables, and a parser for the output of C(iptables-save). Pure.

The rules are in the namespace's own chains. The chains of the host get jumps to these chains, tagged by a comment, and no other rules.
"""

from __future__ import annotations

import re
import shlex
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Sequence, Tuple

from ..addresses import Forward
from ..names import PREFIX, chain, tag
from ..state import ForwardChain, Own
from .policy import Policy
from .verdicts import DROPS, ENDS, GOES, Verdict, drops_all, may_drop

COMMANDS = {4: "iptables", 6: "ip6tables"}
TABLES = ("nat", "filter")
WAIT = ("-w", "60")
"""Options that wait for the lock of xtables, which another process may hold."""

_HOOKS = {
    "nat": (("pre", "PREROUTING"), ("out", "OUTPUT"), ("post", "POSTROUTING")),
    "filter": (("in", "INPUT"), ("fwd", "FORWARD")),
}
_ESTABLISHED = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")

Words = Tuple[str, ...]
Saved = Mapping[str, Mapping[str, Sequence[Words]]]
"""By table and chain, the rules in their order, each without C(-A CHAIN)."""


def command(program: str, family: int, suffix: str = "") -> str:
    """The command of a variant for a family: C(iptables-legacy) and 6 give C(ip6tables-legacy)."""
    return program.replace("iptables", COMMANDS[family]) + suffix


def parse_save(text: str) -> Dict[str, Dict[str, List[Words]]]:
    """The output of C(iptables-save)."""
    tables: Dict[str, Dict[str, List[Words]]] = {}
    current: Dict[str, List[Words]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            current = tables.setdefault(line[1:].strip(), {})
        elif line.startswith(":"):
            current.setdefault(line[1:].split()[0], [])
        elif line.startswith("-A "):
            words = shlex.split(line)
            current.setdefault(words[1], []).append(tuple(words[2:]))
    return tables


def find_own(saved: Saved, name: str) -> Dict[str, Own]:
    """The chains and jumps of a namespace, by table; tables without any are omitted."""
    found = {}
    for table in TABLES:
        names = {chain(name, hook) for hook, _builtin in _HOOKS[table]}
        chains = {one: tuple(rules) for one, rules in saved.get(table, {}).items() if one in names}
        jumps = {
            one: tuple(rule for rule in rules if rule[-2:-1] == ("-j",) and rule[-1] in names)
            for one, rules in saved.get(table, {}).items()
            if one not in names
        }
        jumps = {one: rules for one, rules in jumps.items() if rules}
        if chains or jumps:
            found[table] = Own(chains, jumps)
    return found


def wanted_own(policy: Policy, family: int) -> Dict[str, Own]:
    """The wanted chains and jumps of a policy, by table."""
    rules = _rules(policy, family)
    found = {}
    for table, hooks in _HOOKS.items():
        chains = {chain(policy.name, hook): tuple(_tagged(rule, policy.name) for rule in rules[hook]) for hook, _builtin in hooks}
        jumps = {builtin: (_tagged(("-j", chain(policy.name, hook)), policy.name),) for hook, builtin in hooks}
        found[table] = Own(chains, jumps)
    return found


def _tagged(rule: Words, name: str) -> Words:
    at = rule.index("-j")
    return (*rule[:at], "-m", "comment", "--comment", tag(name), *rule[at:])


def same(one: Mapping[str, Own], other: Mapping[str, Own]) -> bool:
    """Whether both have the same rules; the order of words in a rule and the names of matches do not count."""
    return bool(_comparable(one) == _comparable(other))


def _comparable(own: Mapping[str, Own]) -> Any:
    return {table: (_comparable_chains(one.chains), _comparable_chains(one.jumps)) for table, one in own.items()}


def _comparable_chains(chains: Mapping[str, Sequence[Words]]) -> Dict[str, List[FrozenSet[Words]]]:
    return {name: [_options(rule) for rule in rules] for name, rules in chains.items()}


def same_rules(some: Sequence[Words], others: Sequence[Words]) -> bool:
    """L(same) for the rules of one chain."""
    return [_options(rule) for rule in some] == [_options(rule) for rule in others]


def _options(rule: Words) -> FrozenSet[Words]:
    """The options of a rule with their values, without the names of the modules that parse them."""
    groups: List[List[str]] = []
    for word in rule:
        if (word.startswith("-") and len(word) > 1) or word == "!" or not groups:
            groups.append([word])
        else:
            groups[-1].append(word)
    return frozenset(tuple(group) for group in groups if group[0] != "-m")


def _rules(policy: Policy, family: int) -> Dict[str, List[Words]]:
    targets = [one for one in policy.targets if one.family == family]
    sources = [one for one in policy.sources if one.family == family]
    inner = sorted({one.link for one in targets}) if family == 4 else []
    loopback: List[Words] = [("-s", "127.0.0.0/8", "-o", link, "-j", "MASQUERADE") for link in inner]
    dnat = [(one.link, (*_local(one.forward), "-j", "DNAT", "--to-destination", _destination(one.address, one.forward))) for one in targets]
    return {
        "pre": [("!", "-i", link, *rule) for link, rule in dnat],
        "out": [rule for _link, rule in dnat],
        "post": [*loopback, *(("-s", one.network, "-o", one.uplink, "-j", "MASQUERADE") for one in sources)],
        "in": [rule for link in policy.links for rule in _input(policy, link, family)],
        "fwd": [
            *((way, link, *_ESTABLISHED, "-j", "ACCEPT") for link in policy.links for way in ("-i", "-o")),
            *(("-s", one.network, "-i", one.link, "-o", one.uplink, "-j", "ACCEPT") for one in sources),
            *(
                ("-d", _single(one.address), "-o", one.link, *_ports(one.forward.protocol, one.forward.inner), *_TRANSLATED, "-j", "ACCEPT")
                for one in targets
            ),
            *((way, link, "-j", "DROP") for link in policy.links for way in ("-i", "-o")),
        ],
    }


_TRANSLATED = ("-m", "conntrack", "--ctstate", "DNAT")


def _local(forward: Forward) -> Words:
    return (*_ports(forward.protocol, (forward.first, forward.last)), "-m", "addrtype", "--dst-type", "LOCAL")


def _ports(protocol: str, span: Tuple[int, int]) -> Words:
    ports = str(span[0]) if span[0] == span[1] else f"{span[0]}:{span[1]}"
    return ("-p", protocol, "-m", protocol, "--dport", ports)


def _single(address: str) -> str:
    return f"{address}/128" if ":" in address else f"{address}/32"


def _destination(address: str, forward: Forward) -> str:
    if forward.to_port is None:
        return address
    return f"[{address}]:{forward.to_port}" if ":" in address else f"{address}:{forward.to_port}"


def _input(policy: Policy, link: str, family: int) -> Iterator[Words]:
    yield ("-i", link, *_ESTABLISHED, "-j", "ACCEPT")
    if family == 4:
        yield ("-d", "127.0.0.0/8", "-i", link, "-j", "DROP")
    if policy.host_access:
        return
    for version, server in policy.name_servers:
        if version == family:
            for protocol in ("udp", "tcp"):
                yield ("-d", _single(server), "-i", link, *_ports(protocol, (53, 53)), "-j", "ACCEPT")
    yield ("-i", link, "-p", "icmp" if family == 4 else "ipv6-icmp", "-j", "ACCEPT")
    yield ("-i", link, "-j", "DROP")


def restore_text(found: Mapping[str, Own], wanted: Mapping[str, Own]) -> str:
    """The input of C(iptables-restore --noflush): the namespace's own chains in one transaction. Empty if they are correct."""
    lines: List[str] = []
    for table in TABLES:
        there, asked = found.get(table, Own()).chains, wanted.get(table, Own()).chains
        if _comparable_chains(there) != _comparable_chains(asked):
            lines += [f"*{table}", *_chain_lines(there, asked), "COMMIT"]
    return "".join(f"{line}\n" for line in lines)


def _chain_lines(found: Mapping[str, Sequence[Words]], wanted: Mapping[str, Sequence[Words]]) -> Iterator[str]:
    # A line with the name of a chain creates the chain, or empties it.
    for name in sorted({*found, *wanted}):
        yield f":{name} - [0:0]"
    for name, rules in wanted.items():
        for rule in rules:
            # iptables-restore knows only double quotes, and the words of these rules need none.
            yield " ".join(("-A", name, *rule))
    for name in sorted(set(found) - set(wanted)):
        yield f"-X {name}"


def parse_forward(text: str, program: str, family: int, name: str) -> ForwardChain:
    """The output of C(iptables -S)."""
    policy_drops, ours = False, []
    chains: Dict[str, List[Verdict]] = {}
    for line in text.splitlines():
        option, chain, *rest = shlex.split(line)
        if (option, chain) == ("-P", "FORWARD"):
            policy_drops = rest == ["DROP"]
        elif (option, chain) == ("-A", "FORWARD") and tag(name) in rest:
            ours.append((shlex.join(rest), opened_link(tuple(rest), name)))
        elif option == "-A" and not any(word.startswith((PREFIX, "fleetlab-")) for word in rest):
            chains.setdefault(chain, []).append(_verdict(rest))
    return ForwardChain(
        program=program,
        family="ip" if family == 4 else "ip6",
        table="filter",
        chain="FORWARD",
        drops=policy_drops or drops_all(chains, "FORWARD"),
        ours=tuple(ours),
        may_drop=policy_drops or may_drop(chains, "FORWARD"),
        used=policy_drops or bool(chains.get("FORWARD")),
    )


def _verdict(rule: Sequence[str]) -> Verdict:
    at = next((position for position, word in enumerate(rule) if word in ("-j", "-g")), len(rule))
    always = not [group for group in _options(tuple(rule[:at])) if group[0] != "--comment"]
    if at == len(rule):
        return Verdict(always, GOES)
    action, target = rule[at : at + 2]
    if target in ("DROP", "REJECT"):
        return Verdict(always, DROPS)
    if target in ("ACCEPT", "RETURN"):
        return Verdict(always, ENDS)
    # Other targets, such as LOG, are not chains, and have no rules.
    return Verdict(always, GOES if action == "-j" else ENDS, target)


def opening(link: str, way: str, name: str) -> Words:
    """The rule that accepts packets that the namespace's own rules have already accepted."""
    return ("-i" if way == "iifname" else "-o", link, "-m", "comment", "--comment", tag(name), "-j", "ACCEPT")


def opened_link(rule: Words, name: str) -> str:
    """The packets that a namespace's rule in FORWARD lets through, in the form of L(nftables.opened_link)."""
    for way in ("iifname", "oifname"):
        for link in rule:
            if _options(rule) == _options(opening(link, way, name)):
                return f"{way} {link}"
    return ""


def has_others(saved: Saved) -> bool:
    """Whether other programs filter forwarded packets or translate addresses."""
    chains = [("filter", "FORWARD"), *(("nat", one) for one in ("PREROUTING", "OUTPUT", "POSTROUTING"))]
    rules = [rule for table, one in chains for rule in saved.get(table, {}).get(one, ())]
    return any(not any(word.startswith("fleetlab-") for word in rule) for rule in rules)


def shown_rules(text: str, name: str) -> List[Dict[str, Any]]:
    """A namespace's rules in the output of C(iptables-save -c), each with its chain and counter."""
    found: List[Dict[str, Any]] = []
    for line in text.splitlines():
        match = re.fullmatch(r"\[([0-9]+):([0-9]+)\] -A (\S+) (.*)", line)
        if match and tag(name) in shlex.split(match.group(4)):
            found.append({"chain": match.group(3), "rule": match.group(4), "packets": int(match.group(1)), "bytes": int(match.group(2))})
    return found
