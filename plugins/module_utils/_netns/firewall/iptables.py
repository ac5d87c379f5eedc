# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace's rules for iptables, and a parser for the output of C(iptables-save). Pure.

The rules are in the namespace's own chains. The chains of the host get jumps to these chains, tagged by a comment, and no other rules.
The jumps are at the head, so that nothing forbidden is accepted by a rule of another program. The chains only drop: a packet that may pass
returns to the rules of other programs, which may ban it.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..addresses import Forward
from ..names import PREFIX, chain, tag
from ..state import ForwardChain, Opened, Own
from . import inside
from .policy import Policy, Target
from .verdicts import DROPS, ENDS, GOES, Verdict, catch_alls, drops_all, may_drop

COMMANDS = {4: "iptables", 6: "ip6tables"}
TABLES = ("nat", "filter")
WAIT = ("-w", "60")
"""Options that wait for the lock of xtables, which another process may hold."""

_HOOKS: Mapping[str, Sequence[Tuple[str, str]]] = {
    "nat": (("pre", "PREROUTING"), ("out", "OUTPUT"), ("post", "POSTROUTING")),
    "filter": (("in", "INPUT"), ("fwd", "FORWARD")),
}
_CHAIN_PREFIX = "fleetlab-"
_ESTABLISHED = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")

Hooks = Mapping[str, Sequence[Tuple[str, str]]]
"""By table, the suffixes of the namespace's chains with the chains of iptables that jump to them."""

HOOKS_INSIDE: Hooks = {"filter": ((inside.IN, "INPUT"), (inside.OUT, "OUTPUT"))}

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


def find_own(saved: Saved, name: str, hooks: Optional[Hooks] = None) -> Dict[str, Own]:
    """The chains and jumps of a namespace, by table; tables without any are omitted."""
    found = {}
    hooks = hooks or _HOOKS
    for table in hooks:
        names = {chain(name, hook) for hook, _builtin in hooks[table]}
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
    return _wanted(policy.name, _HOOKS, _rules(policy, family))


def wanted_inside(name: str, found: Sequence[inside.Rule], family: int) -> Dict[str, Own]:
    """The wanted chains and jumps in the namespace."""
    some = [rule for rule in found if rule.family in (None, family)]
    rules = {way: [_rule_inside(rule) for rule in some if rule.way == way] for way in (inside.IN, inside.OUT)}
    return _wanted(name, HOOKS_INSIDE, rules) if found else {}


def _wanted(name: str, hooks: Hooks, rules: Mapping[str, Sequence[Words]]) -> Dict[str, Own]:
    found = {}
    for table, some in hooks.items():
        chains = {chain(name, hook): tuple(_tagged(rule, name) for rule in rules[hook]) for hook, _builtin in some}
        jumps = {builtin: (_tagged(("-j", chain(name, hook)), name),) for hook, builtin in some}
        found[table] = Own(chains, jumps)
    return found


def _rule_inside(rule: inside.Rule) -> Words:
    entering = rule.way == inside.IN
    net = (("-s" if entering else "-d"), rule.net) if rule.net else ()
    if rule.ports is not None:
        protocol = _ports(rule.protocol, rule.ports)
    else:
        protocol = ("-p", rule.protocol) if rule.protocol else ()
    state = _ESTABLISHED if rule.established else ()
    return (*net, "-i" if entering else "-o", rule.link, *protocol, *state, "-j", "RETURN" if rule.passes else "DROP")


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
    """The options of a rule with their values, without the names of the modules that parse them. A C(!) belongs to the next option."""
    groups: List[List[str]] = []
    negated = False
    for word in rule:
        if word == "!":
            groups.append([word])
            negated = True
        elif negated:
            groups[-1].append(word)
            negated = False
        elif (word.startswith("-") and len(word) > 1) or not groups:
            groups.append([word])
        else:
            groups[-1].append(word)
    return frozenset(tuple(group) for group in groups if group[0] != "-m")


def _rules(policy: Policy, family: int) -> Dict[str, List[Words]]:
    targets = [one for one in policy.targets if one.family == family]
    sources = [one for one in policy.sources if one.family == family]
    inner = sorted({one.link for one in targets}) if family == 4 else []
    loopback: List[Words] = [("-s", "127.0.0.0/8", "-o", link, "-j", "MASQUERADE") for link in inner]
    itself: List[Words] = [
        ("-s", net, "-o", link, "-j", "MASQUERADE") for net, link in sorted({(one.network, one.link) for one in targets})
    ]
    dnat = [(one, _dnat(one)) for one in targets]
    ends = [end for peer in policy.peers for end in peer.links]
    return {
        "pre": [rule for one, rule in dnat if one.is_for_others],
        "out": [rule if family == 4 or "-d" in rule else ("!", "-d", "::1/128", *rule) for _one, rule in dnat],
        "post": [*loopback, *itself, *(("-s", one.network, "-o", one.uplink, "-j", "MASQUERADE") for one in sources)],
        "in": [rule for link in policy.links for rule in _input(policy, link, family)],
        "fwd": [
            *((way, link, *_ESTABLISHED, "-j", "RETURN") for link in policy.links for way in ("-i", "-o")),
            *(("-s", one.network, "-i", one.link, "-o", one.uplink, "-j", "RETURN") for one in sources),
            *(
                ("-d", _single(one.address), "-o", one.link, *_ports(one.forward.protocol, one.forward.inner), *_TRANSLATED, "-j", "RETURN")
                for one in dict.fromkeys(replace(one, source="") for one in targets)
            ),
            *(("-i", link, "-o", end, *_TRANSLATED, "-j", "RETURN") for link in policy.links for end in ends),
            *((way, link, "-j", "DROP") for link in policy.links for way in ("-i", "-o")),
        ],
    }


def _dnat(target: Target) -> Words:
    to = _destination(target.address, target.forward)
    return (*_limits(target), *_local(target.forward), "-j", "DNAT", "--to-destination", to)


def _limits(target: Target) -> Words:
    source = ("-s", target.source) if target.source else ()
    return (*source, *(("-d", _single(target.forward.address)) if target.forward.address is not None else ()))


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
    yield ("-i", link, *_ESTABLISHED, "-j", "RETURN")
    if family == 4:
        yield ("-d", "127.0.0.0/8", "-i", link, "-j", "DROP")
    if policy.host_access:
        return
    for version, server in policy.name_servers:
        if version == family:
            for protocol in ("udp", "tcp"):
                yield ("-d", _single(server), "-i", link, *_ports(protocol, (53, 53)), "-j", "RETURN")
    for one in policy.host_ports:
        yield ("-i", link, *_ports(one.protocol, (one.first, one.last)), "-j", "RETURN")
    yield ("-i", link, "-p", "icmp" if family == 4 else "ipv6-icmp", "-j", "RETURN")
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
    policy_drops = False
    chains: Dict[str, List[Verdict]] = {}
    ours: List[Opened] = []
    following: Dict[str, Optional[str]] = {}
    for line in reversed(text.splitlines()):
        option, chain, *rest = shlex.split(line)
        if option in ("-N", "-P"):
            chains.setdefault(chain, [])
            policy_drops = policy_drops or (chain, rest) == ("FORWARD", ["DROP"])
        elif option == "-A" and tag(name) in rest and not rest[-1].startswith(_CHAIN_PREFIX):
            ours.append(Opened((chain, following.get(chain)), shlex.join(rest), opened_link(tuple(rest), name)))
        elif option == "-A" and not any(word.startswith((PREFIX, _CHAIN_PREFIX)) for word in rest):
            following[chain] = line
            chains.setdefault(chain, []).insert(0, _verdict(rest, line))
    drops = policy_drops or drops_all(chains, "FORWARD")
    return ForwardChain(
        program=program,
        family="ip" if family == 4 else "ip6",
        table="filter",
        chain="FORWARD",
        drops=drops,
        ours=tuple(one for one in ours if not one.place[0].startswith(_CHAIN_PREFIX)),
        may_drop=policy_drops or may_drop(chains, "FORWARD"),
        used=policy_drops or bool(chains.get("FORWARD")),
        ends=catch_alls(chains, "FORWARD", policy_drops) if drops else (),
    )


def rule_number(text: str, rule: str) -> Optional[int]:
    """The number of a rule in the output of C(iptables -S CHAIN); C(None) if it is not there."""
    rules = [line for line in text.splitlines() if line.startswith("-A ")]
    return rules.index(rule) + 1 if rule in rules else None


def _verdict(rule: Sequence[str], line: str) -> Verdict:
    at = next((position for position, word in enumerate(rule) if word in ("-j", "-g")), len(rule))
    conditions = [group for group in _options(tuple(rule[:at])) if "--comment" not in group]
    by_link = all(group[-2:-1] in (("-i",), ("-o",)) for group in conditions)
    kind: Dict[str, Any] = {"always": not conditions, "by_link": by_link, "where": line}
    if at == len(rule):
        return Verdict(word=GOES, **kind)
    action, target = rule[at : at + 2]
    if target in ("DROP", "REJECT"):
        return Verdict(word=DROPS, **kind)
    if target in ("ACCEPT", "RETURN"):
        return Verdict(word=ENDS, **kind)
    # Other targets, such as LOG, are not chains, and have no rules.
    return Verdict(word=GOES if action == "-j" else ENDS, to=target, **kind)


def opening(link: str, way: str, name: str) -> Words:
    """The rule that accepts packets that the namespace's own rules have already accepted."""
    return ("-i" if way == "iifname" else "-o", link, "-m", "comment", "--comment", tag(name), "-j", "ACCEPT")


def opened_link(rule: Words, name: str) -> str:
    """The packets that a namespace's rule in FORWARD lets through, in the form of L(foreign.opened_link)."""
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
