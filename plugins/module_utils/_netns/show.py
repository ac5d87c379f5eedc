# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace in the diff, before and after a plan, and in the return values. Pure."""

from __future__ import annotations

import hashlib
import json
import shlex
from typing import Any, Dict, List, Mapping, Optional, Sequence, Type, Union

from .._core.plan import Plan
from . import boot, names
from .addresses import KERNEL_METRIC, port_range
from .firewall import iptables, nftables
from .firewall.plan import openings
from .links import Link, made_links
from .network import gateways, settings_of_links, wanted_sysctls
from .record import nsswitch, resolv_conf
from .resolve import Resolved
from .rule_text import rule_text
from .state import Details, Firewall, ForwardChain, FoundLink, FoundRoute, Joined, Own, Place, State
from .wanted import Route, Wanted, is_one


def before(state: State, name: str) -> Dict[str, Any]:
    """The namespace before the plan."""
    return {
        "namespace": "present" if state.exists else "absent",
        "loopback": "up" if any(link.name == "lo" and link.up for link in state.inside.links) else "down",
        "links": {link: _link(made.kind, made.ends) for link, made in sorted(made_links(state, name).items())},
        "gateways": sorted(f"{address} dev {link}" for link, address, ether in state.inside.neighbours if ether == names.GATE),
        "routes": sorted(_route(one) for one in state.inside.routes if one.protocol not in ("kernel", "ra") and one.link != "lo"),
        "rules": _table(state.firewall.table) + _own(state.firewall.own),
        "rules_inside": _table(state.firewall.inside_table) + _own(state.firewall.inside_own),
        "let_through": sorted(_let_through(chain, one.what, one.place) for chain in state.firewall.chains for one in chain.ours),
        "settings": shown_settings(state.sysctls),
        "resolv_conf": state.files.resolv_conf,
        "nsswitch": state.files.nsswitch,
        "service": _service(state.files.script, state.files.unit, state.service.enabled),
    }


def after(state: State, resolved: Resolved, shown: Mapping[str, Any], restored: Mapping[str, str], script: Optional[str]) -> Dict[str, Any]:
    """The namespace after the plan; C(restored) are settings of the host that get their former values, C(script) builds it at boot."""
    wanted, policy, firewall = resolved.wanted, resolved.policy, state.firewall
    by_nft = nftables.wanted_table(policy) if policy is not None and firewall.kind == "nftables" else None
    families = policy.families if policy is not None and firewall.kind == "iptables" else ()
    own = {family: iptables.wanted_own(policy, family) for family in families if policy is not None}
    return {
        "namespace": "present",
        "loopback": "up",
        "links": {link.name: _link(type(link), link.later(state)) for link in sorted(wanted.links, key=lambda one: one.name)},
        "gateways": sorted(f"{address} dev {link}" for link, address in gateways(state, resolved)),
        "routes": sorted({*_kept_routes(state, resolved), *(_route(one) for one in wanted.all_routes())}),
        "rules": _table(by_nft) + _own(own),
        "rules_inside": _inside_after(firewall, resolved),
        "let_through": sorted(
            _let_through(chain, opened, place) for chain in firewall.chains for place in chain.ends for opened in openings(chain, policy)
        ),
        "settings": shown_settings({**settings_of_links(state, resolved), **restored, **wanted_sysctls(state, resolved)}),
        "resolv_conf": _file_after(wanted, shown["resolv_conf"], resolv_conf(wanted)),
        "nsswitch": _file_after(wanted, shown["nsswitch"], nsswitch(state.nsswitch)),
        "service": _service_after(state, resolved.wanted.name, script),
    }


def _file_after(wanted: Wanted, found: Optional[str], content: str) -> Optional[str]:
    """A file of the namespace's DNS after the plan: a file of somebody else stays."""
    if wanted.dns is not None:
        return content
    return None if names.NOTE in (found or "") else found


def _inside_after(firewall: Firewall, resolved: Resolved) -> List[str]:
    families = resolved.policy.families if resolved.policy is not None else ()
    if firewall.kind == "nftables":
        return _table(nftables.wanted_inside(resolved.inside) if resolved.inside else None)
    return _own({family: iptables.wanted_inside(resolved.wanted.name, resolved.inside, family) for family in families})


def _let_through(chain: ForwardChain, opened: str, place: Place) -> str:
    where, before = place
    rule = before if chain.program != "nft" else dict(chain.texts).get(before or "", f"rule {before}")
    return f"{chain.program} {chain.family} {chain.table} {where}: {opened}, before {'the policy' if before is None else rule}"


def shown_settings(values: Mapping[str, Optional[str]]) -> Dict[str, str]:
    """The settings of the host that concern a namespace."""
    # The settings of a link begin with 0, and vanish with the link.
    return {key: value for key, value in sorted(values.items()) if value is not None and not (names.is_of_link(key) and value == "0")}


def _service_after(state: State, name: str, script: Optional[str]) -> Any:
    if script is None:
        return "absent"
    unit = boot.unit_content(name) if state.service.systemd else state.files.unit
    return _service(script, unit, state.service.systemd or state.service.enabled)


def gone(state: State, shown: Mapping[str, Any], restored: Mapping[str, str]) -> Dict[str, Any]:
    """The namespace after its removal."""
    return {
        **shown,
        "namespace": "absent",
        "loopback": "down",
        "settings": shown_settings({**state.sysctls, **restored}),
        "links": {},
        "gateways": [],
        "routes": [],
        "rules": [],
        "rules_inside": [],
        "let_through": [],
        "resolv_conf": None,
        "nsswitch": None,
        "service": "absent",
    }


def _link(kind: Type[Link], ends: Sequence[FoundLink]) -> Dict[str, Any]:
    inner = ends[1:] if kind.on_host else ends
    return {**(_end(ends[0]) if kind.on_host else {}), "peer": {"name": inner[0].name, **_end(inner[0])} if inner else None}


def _end(link: FoundLink) -> Dict[str, Any]:
    return {"addresses": sorted(link.addresses), "mtu": link.mtu, "up": link.up}


def _route(route: Union[Route, FoundRoute]) -> str:
    family, to, metric = route.key
    words = [f"IPv{family} {to}", f"via {route.via}" if route.via is not None else "", f"dev {route.link}"]
    return " ".join(word for word in (*words, f"metric {metric}" if metric != KERNEL_METRIC[family] else "") if word)


def _kept_routes(state: State, resolved: Resolved) -> List[str]:
    """Routes that this module did not make: they stay, unless a declared or recorded route has the same key."""
    ours = {one.key for one in resolved.wanted.all_routes()} | set(state.former(resolved.wanted.name).routes)
    some = [one for one in state.inside.routes if one.protocol not in ("kernel", "ra") and one.link != "lo" and one.key not in ours]
    return [_route(one) for one in some]


def _table(table: Optional[Any]) -> List[str]:
    if table is None:
        return []
    found = []
    for chain, content in table.items():
        if chain == "others":
            found += [f"other: {json.dumps(one, sort_keys=True)}" for one in content]
            continue
        found.append(f"{chain}: {' '.join(str(word) for word in content['hook'])}")
        found += [f"{chain}: {rule_text(rule)}" for rule in content["rules"]]
    return found


def _own(own: Mapping[int, Mapping[str, Own]]) -> List[str]:
    return [
        shlex.join((iptables.command("iptables", family), "-t", table, "-A", chain, *_plain(rule)))
        for family, tables in sorted(own.items())
        for table, one in tables.items()
        for chains in (one.jumps, one.chains)
        for chain, rules in sorted(chains.items())
        for rule in rules
    ]


def _plain(rule: Sequence[str]) -> Sequence[str]:
    return [word for position, word in enumerate(rule) if word != "-m" and (position == 0 or rule[position - 1] != "-m")]


def _service(script: Optional[str], unit: Optional[str], enabled: bool) -> Any:
    if script is None and unit is None:
        return "absent"
    return {"script": None if script is None else _lines(script), "unit": unit, "enabled": enabled}


def _lines(script: str) -> List[str]:
    """The lines of the script for a person: the rules that it gives to nft or iptables-restore are shown once, so here is their sum."""
    shown: List[str] = []
    rules: List[str] = []
    inside = False
    for line in script.splitlines():
        inside = inside and line != boot.END
        (rules if inside else shown).append(line)
        inside = inside or f"<<'{boot.END}'" in line
    digest = hashlib.sha256("\n".join(rules).encode("utf-8")).hexdigest()[:8]
    return [*shown, f"# The rules above, with the sum {digest}"] if rules else shown


def returned(states: Sequence[State], all_wanted: Sequence[Wanted], _plan: Plan) -> Dict[str, Any]:
    """The return values of a task; namespaces that do not exist are omitted."""
    found = [_namespace(state, wanted.name) for state, wanted in zip(states, all_wanted) if state.exists]
    return {"namespace": found[0] if found else None} if is_one(all_wanted) else {"namespaces": found}


def detailed(details: Details) -> Dict[str, Any]:
    """A namespace in the return value of netns_info."""
    return {
        **_namespace(details.state, details.name),
        "listening": [{"protocol": one.protocol, "address": one.address, "port": one.port} for one in details.listening],
        "processes": [{"pid": pid, "command": command} for pid, command in details.state.processes],
        "rules": list(details.rules),
    }


def joined(found: Joined) -> Dict[str, Any]:
    """A service in the return value of netns_info."""
    return {
        "network": found.network,
        "dns_current": found.dns_current,
        "sockets": list(found.sockets),
        "local_peers": [{"protocol": one.protocol, "address": one.address, "port": one.port} for one in found.local_peers],
    }


def _namespace(state: State, name: str) -> Dict[str, Any]:
    record = state.former(name)
    return {
        "name": name,
        "managed": name in state.records,
        "persist": record.persist,
        "links": [_returned_link(one, state.links) for one in state.inside.links],
        "routes": [
            {"to": one.to, "via": one.via, "link": one.link, "metric": one.metric, "family": f"ipv{one.family}", "protocol": one.protocol}
            for one in state.inside.routes
        ],
        "forwards": [
            {
                "protocol": one.protocol,
                "port": port_range(one.first, one.last),
                "to_port": port_range(*one.inner),
                "address": one.address,
                "sources": list(one.sources),
            }
            for one in record.forwards
        ],
    }


def _returned_link(inner: FoundLink, outside: Sequence[FoundLink]) -> Dict[str, Any]:
    own = next((one for one in outside if one.is_end_of(inner)), None)
    return {
        "name": inner.name,
        "kind": inner.kind,
        "up": inner.up,
        "mtu": inner.mtu,
        "addresses": list(inner.addresses),
        "host_link": None if own is None else own.name,
        "host_addresses": [] if own is None else list(own.addresses),
    }
