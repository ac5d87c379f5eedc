# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace's own tables of nftables as JSON, on the host and inside, as they are wanted and as C(nft -j) lists them. Pure.

Wanted and listed tables are compared as plain data, without handles and counters, and in one form for all versions of nft.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ..names import tag
from . import inside
from .policy import Policy, Source, Target

FAMILY = "inet"
_PROTOCOL = {4: "ip", 6: "ip6"}
_DSTNAT, _FILTER, _SRCNAT = -100, -5, 100
_CHAINS = (
    ("prerouting", "nat", "prerouting", _DSTNAT),
    ("gate", "filter", "prerouting", _DSTNAT + 1),
    ("output", "nat", "output", _DSTNAT),
    ("postrouting", "nat", "postrouting", _SRCNAT),
    ("input", "filter", "input", _FILTER),
    ("forward", "filter", "forward", _FILTER),
)
_CHAINS_INSIDE = (("input", "filter", "input", _FILTER), ("output", "filter", "output", _FILTER))
_Chain = Tuple[str, str, str, int]

Rule = List[Dict[str, Any]]


def _match(left: Dict[str, Any], right: Any, operator: str = "==") -> Dict[str, Any]:
    return {"match": {"op": operator, "left": left, "right": right}}


def _meta(key: str, value: Any, operator: str = "==") -> Dict[str, Any]:
    return _match({"meta": {"key": key}}, value, operator)


def _field(protocol: str, field: str, value: Any) -> Dict[str, Any]:
    return _match({"payload": {"protocol": protocol, "field": field}}, value)


def _state(key: str, *values: str) -> Dict[str, Any]:
    return _match({"ct": {"key": key}}, list(values) if len(values) > 1 else values[0], "in")


def _prefix(network: str) -> Any:
    net = ipaddress.ip_network(network)
    if net.prefixlen == net.max_prefixlen:
        return str(net.network_address)
    return {"prefix": {"addr": str(net.network_address), "len": net.prefixlen}}


def _span(first: int, last: int) -> Any:
    return first if first == last else {"range": [first, last]}


_COUNTER: Dict[str, Any] = {"counter": {"packets": 0, "bytes": 0}}
ACCEPT: Dict[str, Any] = {"accept": None}
_DROP: Dict[str, Any] = {"drop": None}
_TAKEN: Dict[str, Any] = {"mangle": {"key": {"meta": {"key": "pkttype"}}, "value": "host"}}
_MASQUERADE: Dict[str, Any] = {"masquerade": None}
_NOT_LOOPBACK = _match({"payload": {"protocol": "ip6", "field": "daddr"}}, "::1", "!=")
_LOCAL = _match({"fib": {"result": "type", "flags": ["daddr"]}}, "local")
_NOT_LOCAL = _match({"fib": {"result": "type", "flags": ["daddr"]}}, "local", "!=")


@lru_cache(maxsize=8)
def rules(policy: Policy) -> Mapping[str, Sequence[Rule]]:
    """The rules of each chain; the same policy is planned several times, for now and for the boot."""
    inner = sorted({target.link for target in policy.targets if target.family == 4})
    ends = [end for peer in policy.peers for end in peer.links]
    loopback = [[_field("ip", "saddr", _prefix("127.0.0.0/8")), _meta("oifname", link), _COUNTER, _MASQUERADE] for link in inner]
    # The namespace reaches itself by the address of the host: its own answer would bypass the translation.
    nets = sorted({(target.family, target.network, target.link) for target in policy.targets})
    itself = [
        [_field(_PROTOCOL[family], "saddr", _prefix(net)), _meta("oifname", link), _COUNTER, _MASQUERADE] for family, net, link in nets
    ]
    return {
        "prerouting": [_dnat(target) for target in policy.targets if target.is_for_others],
        # The kernel routes ::1 nowhere else: a connection to it is refused at once, and clients try 127.0.0.1.
        "gate": [rule for link in policy.links for rule in _gate(policy, link)],
        "output": [[*((_NOT_LOOPBACK,) if target.family == 6 else ()), *_dnat(target)] for target in policy.targets],
        "postrouting": [*loopback, *itself, *([*_leaving(source)[1:], _COUNTER, _MASQUERADE] for source in policy.sources)],
        "input": [rule for link in policy.links for rule in _input(policy, link)],
        "forward": [
            *(
                [_meta(way, link), _state("state", "established", "related"), ACCEPT]
                for link in policy.links
                for way in ("iifname", "oifname")
            ),
            *([*_leaving(source), _COUNTER, ACCEPT] for source in policy.sources),
            *(_entering(target) for target in dict.fromkeys(replace(one, source="") for one in policy.targets)),
            *(
                [_meta("iifname", link), _meta("oifname", end), _state("status", "dnat"), _COUNTER, ACCEPT]
                for link in policy.links
                for end in ends
            ),
            *([_meta(way, link), _COUNTER, _DROP] for link in policy.links for way in ("iifname", "oifname")),
        ],
    }


def _dnat(target: Target) -> Rule:
    forward = target.forward
    to: Dict[str, Any] = {"family": _PROTOCOL[target.family], "addr": target.address}
    if forward.to_port is not None:
        to["port"] = forward.to_port
    family = _meta("nfproto", f"ipv{target.family}")
    protocol = _PROTOCOL[target.family]
    limits = [_field(protocol, "saddr", _prefix(target.source))] if target.source else []
    limits += [_field(protocol, "daddr", forward.address)] if forward.address is not None else []
    return [family, *limits, _LOCAL, _field(forward.protocol, "dport", _span(forward.first, forward.last)), _COUNTER, {"dnat": to}]


def _leaving(source: Source) -> Rule:
    saddr = _field(_PROTOCOL[source.family], "saddr", _prefix(source.network))
    return [_meta("iifname", source.link), saddr, _meta("oifname", source.uplink)]


def _entering(target: Target) -> Rule:
    daddr = _field(_PROTOCOL[target.family], "daddr", target.address)
    dport = _field(target.forward.protocol, "dport", _span(*target.forward.inner))
    return [_meta("oifname", target.link), daddr, dport, _state("status", "dnat"), _COUNTER, ACCEPT]


def _input(policy: Policy, link: str) -> List[Rule]:
    here = _meta("iifname", link)
    found = [[here, _state("state", "established", "related"), ACCEPT], [here, _field("ip", "daddr", _prefix("127.0.0.0/8")), _DROP]]
    if policy.host_access:
        return found
    return [*found, *([here, *rule, _COUNTER, ACCEPT] for rule in _to_services(policy)), [here, _COUNTER, _DROP]]


def _rule_inside(rule: inside.Rule) -> Rule:
    entering = rule.way == inside.IN
    found = [_meta("iifname" if entering else "oifname", rule.link)]
    if rule.established:
        found.append(_state("state", "established", "related"))
    if rule.net:
        found.append(_field(_PROTOCOL[6 if ":" in rule.net else 4], "saddr" if entering else "daddr", _prefix(rule.net)))
    elif rule.family is not None:
        found.append(_meta("nfproto", f"ipv{rule.family}"))
    if rule.ports is not None:
        found.append(_field(rule.protocol, "dport", _span(*rule.ports)))
    elif rule.protocol:
        found.append(_meta("l4proto", rule.protocol))
    return [*found, ACCEPT] if rule.passes else [*found, _COUNTER, _DROP]


@lru_cache(maxsize=8)
def _rules_inside(found: Tuple[inside.Rule, ...]) -> Mapping[str, Sequence[Rule]]:
    return {
        chain: [_rule_inside(rule) for rule in found if rule.way == way] for chain, way in (("input", inside.IN), ("output", inside.OUT))
    }


def _gate(policy: Policy, link: str) -> List[Rule]:
    """The packets from a namespace that the kernel takes at all: the namespace sends each to a multicast address of Ethernet.

    The kernel drops such a packet after this chain, unless a rule says that it is for this host. So nothing comes out without the rules.
    """
    here = _meta("iifname", link)
    found: List[Rule] = [[here, _state("state", "established", "related")]]
    for rule in _to_services(policy):
        found.append([here, _LOCAL, *rule])
    for source in dict.fromkeys(replace(one, uplink="") if one.by_rules else one for one in policy.sources):
        if source.link == link:
            # This lookup knows neither marks nor all rules of routing: the chain forward of this table sees the interface that they chose.
            out = _NOT_LOCAL if source.by_rules else _out_by(source.uplink)
            found.append([here, _field(_PROTOCOL[source.family], "saddr", _prefix(source.network)), out])
    ends = [target.link for target in policy.targets] + [end for peer in policy.peers for end in peer.links]
    found += [[here, _state("status", "dnat"), _out_by(end)] for end in dict.fromkeys(ends)]
    return [[*rule, _COUNTER, _TAKEN, ACCEPT] for rule in found]


def _out_by(link: str) -> Dict[str, Any]:
    return _match({"fib": {"result": "oifname", "flags": ["daddr"]}}, link)


def _to_services(policy: Policy) -> List[Rule]:
    """The packets from the namespace that may reach services of the host."""
    if policy.host_access:
        return [[]]
    found = [
        [_field(_PROTOCOL[family], "daddr", server), _field(name, "dport", 53)]
        for family, server in policy.name_servers
        for name in ("udp", "tcp")
    ]
    found += [[_field(one.protocol, "dport", _span(one.first, one.last))] for one in policy.host_ports]
    return [*found, *([_meta("l4proto", name)] for name in ("icmp", "ipv6-icmp"))]


def replacement(policy: Policy, fresh: bool = False) -> List[Dict[str, Any]]:
    """The changes that replace the table of the namespace, if it exists, by the wanted table. C(fresh): it does not exist.

    nft ends only when the kernel has let go of a table that it deletes: that takes longer than all the rest, also if none was there.
    """
    return _replacement(tag(policy.name), _CHAINS, rules(policy), fresh)


def replacement_inside(name: str, found: Tuple[inside.Rule, ...], fresh: bool = False) -> List[Dict[str, Any]]:
    """The same for the table in the namespace."""
    return _replacement(tag(name), _CHAINS_INSIDE, _rules_inside(found), fresh)


def _replacement(name: str, chains: Sequence[_Chain], found: Mapping[str, Sequence[Rule]], fresh: bool) -> List[Dict[str, Any]]:
    whole = {"family": FAMILY, "name": name}
    # "create" fails if there is such a table after all, so that no rules are added to others.
    actions = ("create",) if fresh else ("add", "delete", "add")
    commands: List[Dict[str, Any]] = [{action: {"table": whole}} for action in actions]
    for chain, kind, hook, priority in chains:
        options = {"type": kind, "hook": hook, "prio": priority, "policy": "accept"}
        commands.append({"add": {"chain": {"family": FAMILY, "table": name, "name": chain, **options}}})
    for chain, some in found.items():
        commands += [{"add": {"rule": {"family": FAMILY, "table": name, "chain": chain, "expr": expr}}} for expr in some]
    return commands


@lru_cache(maxsize=8)
def wanted_table(policy: Policy) -> Any:
    """The table in the form of L(listed_table)."""
    return _wanted(_CHAINS, rules(policy))


@lru_cache(maxsize=8)
def wanted_inside(found: Tuple[inside.Rule, ...]) -> Any:
    """The table in the namespace in the same form."""
    return _wanted(_CHAINS_INSIDE, _rules_inside(found))


def _wanted(chains: Sequence[_Chain], found: Mapping[str, Sequence[Rule]]) -> Any:
    return {
        chain: {"hook": [kind, hook, priority, "accept"], "rules": [_normal_rule(rule) for rule in found[chain]]}
        for chain, kind, hook, priority in chains
    }


def listed_table(listing: Mapping[str, Any]) -> Any:
    """The table that C(nft -j list table) prints, without handles and counters."""
    found: Dict[str, Any] = {}
    for entry in listing.get("nftables", []):
        if "chain" in entry:
            one = entry["chain"]
            found[one["name"]] = {"hook": [one.get("type"), one.get("hook"), one.get("prio"), one.get("policy")], "rules": []}
        elif "rule" in entry:
            found[entry["rule"]["chain"]]["rules"].append(_normal_rule(entry["rule"].get("expr", [])))
        elif "metainfo" not in entry and ("table" not in entry or "flags" in entry["table"]):
            # The tables of namespaces have no flags: a dormant table filters nothing.
            found.setdefault("others", []).append(entry)
    return found


def _normal_rule(rule: Sequence[Mapping[str, Any]]) -> Any:
    # Some versions of nft omit a match on the family if a later match implies the family.
    plain = [normal(statement) for statement in rule]
    return [one for one in plain if not _is_family(one)]


def _is_family(statement: Any) -> bool:
    left = statement.get("match", {}).get("left", {}) if isinstance(statement, dict) else {}
    return bool(left == {"meta": {"key": "nfproto"}})


def normal(value: Any) -> Any:
    """A statement in one form for all versions of nft, without the numbers of counters."""
    if isinstance(value, dict):
        if "counter" in value:
            return "counter"
        if "set" in value:
            return normal(value["set"])
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [normal(item) for item in value]
        return items[0] if len(items) == 1 else sorted(items, key=str)
    return value


def shown_rules(listing: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The rules of a table for the return value: the chain, the rule as JSON, and its counter."""
    found = []
    for entry in listing.get("nftables", []):
        rule = entry.get("rule")
        if rule is None:
            continue
        counters = [one["counter"] for one in rule["expr"] if "counter" in one]
        numbers = counters[0] if counters and isinstance(counters[0], dict) else {}
        expr = [one for one in rule["expr"] if "counter" not in one]
        found.append({"chain": rule["chain"], "rule": json.dumps(expr), "packets": numbers.get("packets"), "bytes": numbers.get("bytes")})
    return found
