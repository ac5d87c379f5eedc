# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of netns, checked and turned into a L(Wanted). Pure; raises InputError only."""

from __future__ import annotations

import ipaddress
import re
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from .._core.entries import Entries, Entry
from .._core.errors import FleetlabError, InputError
from .._host.systemd import service_name
from .addresses import DEFAULT, FAMILIES, KERNEL_METRIC, Forward, Interface, Network, overlap
from .links import Link, Veth
from .names import check_link, check_name, default_link
from .wanted import AUTO, NONE, Nat, Route, Wanted

_TEXTS: Dict[str, Any] = {"type": "list", "elements": "str"}
_LINK: Dict[str, Any] = {
    "name": {"type": "str"},
    "peer": {"type": "str"},
    "addresses": _TEXTS,
    "peer_addresses": _TEXTS,
    "mtu": {"type": "int"},
}
_ROUTE: Dict[str, Any] = {
    "to": {"type": "str", "required": True},
    "via": {"type": "str"},
    "link": {"type": "str"},
    "metric": {"type": "int"},
}
_FORWARDS: Dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
        "port": {"type": "str", "required": True},
        "to_port": {"type": "str"},
        "address": {"type": "str"},
        "sources": _TEXTS,
    },
}
_HOST_PORT: Dict[str, Any] = {key: _FORWARDS["options"][key] for key in ("protocol", "port")}
ENTRIES = Entries(
    key="namespaces",
    names=("name",),
    options={
        "name": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"]},
        "links": {"type": "list", "elements": "dict", "options": _LINK},
        "routes": {"type": "list", "elements": "dict", "options": _ROUTE},
        "dns": _TEXTS,
        "dns_search": _TEXTS,
        "nat": {"type": "dict", "options": {"masquerade": {"type": "list", "elements": "str", "default": [AUTO]}, "forwards": _FORWARDS}},
        "forwards": _FORWARDS,
        "host_access": {"type": "bool"},
        "host_ports": {"type": "list", "elements": "dict", "options": _HOST_PORT},
        "peers": _TEXTS,
        "services": _TEXTS,
        "persist": {"type": "bool"},
        "firewall": {"type": "str", "choices": [AUTO, "nftables", "iptables"]},
        "force": {"type": "bool"},
    },
    exclusive=(("nat", "forwards"),),
)
"""The options of one namespace, at the top level and in an entry of C(namespaces)."""

_LEAST_MTU = {4: 68, 6: 1280}
_MOST_MTU = 65535
_MOST_PORT = 65535
_MOST_SHIFTED = 1000


@contextmanager
def naming(prefix: str, name: str) -> Iterator[None]:
    """Add the entry of C(namespaces) to its errors; C(prefix) is empty for the namespace at the top level."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{prefix}{error.option}", error.problem) from None
    except FleetlabError as error:
        raise (FleetlabError(f"{prefix[:-1]} ({name}): {error}") if prefix else error) from None


def make_wanted(params: Mapping[str, Any]) -> Tuple[Wanted, ...]:
    """The namespaces that a task names, in its order."""
    found = tuple(make_namespace(entry) for entry in ENTRIES.read(params))
    ENTRIES.check_twice(found, lambda one: one.name, lambda one: one.name)
    return found


def make_namespace(entry: Entry) -> Wanted:
    """Check the options of one namespace.

    :raises InputError: with the option and the entry.
    """
    with naming(entry.prefix, ""):
        return replace(_wanted(entry.options), prefix=entry.prefix)


def _wanted(params: Mapping[str, Any]) -> Wanted:
    name = check_name("name", params["name"])
    if params["state"] == "absent":
        return Wanted(name, state="absent", force=bool(params["force"]))
    links = _links(name, params["links"])
    wanted = Wanted(
        name=name,
        links=links,
        dns=tuple(str(_host("dns", text)) for text in params["dns"]) if params["dns"] else None,
        dns_search=tuple(_search(text) for text in params["dns_search"] or ()),
        nat=_nat(params),
        host_access=bool(params["host_access"]),
        host_ports=tuple(
            Forward(one["protocol"], *_ports(f"host_ports[{i}].port", one["port"])) for i, one in enumerate(params["host_ports"] or ())
        ),
        peers=tuple(check_name("peers", other) for other in params["peers"] or ()),
        persist=params["persist"] is not False,
        firewall=params["firewall"] or AUTO,
        force=bool(params["force"]),
        services=tuple(service_name("services", text) for text in params["services"] or ()),
        default_subnet=any(not link.addresses and not link.peer_addresses for link in links) and not params["links"],
    )
    if name in wanted.peers:
        raise InputError("peers", f"{name} is the namespace itself, which reaches its own forwards anyway: omit it")
    if wanted.dns_search and wanted.dns is None:
        raise InputError("dns_search", "needs dns, because both are in the same file: set dns too")
    if wanted.nat is not None and not wanted.default_subnet and not wanted.families():
        raise InputError("nat", "needs a link with addresses at both ends")
    return replace(wanted, routes=None if params["routes"] is None else _routes(params["routes"], wanted))


def _links(name: str, entries: Optional[Sequence[Mapping[str, Any]]]) -> Tuple[Link, ...]:
    if entries is None:
        return (Veth(default_link(name), "v-peer1"),)
    links: List[Link] = []
    for number, entry in enumerate(entries):
        link = _link(name, f"links[{number}]", number, entry)
        _check_among(f"links[{number}]", link, links)
        links.append(link)
    return tuple(links)


def _link(name: str, option: str, number: int, entry: Mapping[str, Any]) -> Link:
    if entry["name"] is None and number:
        raise InputError(f"{option}.name", "is needed from the second link on")
    own = check_link(f"{option}.name", entry["name"] or default_link(name))
    peer = check_link(f"{option}.peer", entry["peer"] or f"v-peer{number + 1}")
    addresses = _addresses(f"{option}.addresses", entry["addresses"])
    inner = _addresses(f"{option}.peer_addresses", entry["peer_addresses"])
    link = Veth(own, peer, addresses, inner, entry["mtu"])
    link.check(option)
    least = _LEAST_MTU[6 if link.inner(6) else 4]
    if link.mtu is not None and not least <= link.mtu <= _MOST_MTU:
        raise InputError(f"{option}.mtu", f"{link.mtu} is not between {least} and {_MOST_MTU}")
    return link


def _check_among(option: str, link: Link, others: Sequence[Link]) -> None:
    for other in others:
        if link.name == other.name:
            raise InputError(f"{option}.name", f"{link.name} is named twice")
        if link.peer == other.peer:
            raise InputError(f"{option}.peer", f"{link.peer} is named twice")
        for family in FAMILIES:
            for mine in link.networks(family):
                for theirs in other.networks(family):
                    if overlap(mine, theirs):
                        raise InputError(f"{option}.addresses", f"{mine} overlaps {theirs} of the link {other.name}")


def _addresses(option: str, texts: Optional[Sequence[str]]) -> Tuple[Interface, ...]:
    found: List[Interface] = []
    for text in texts or ():
        one = _address(option, text)
        if one.ip in [other.ip for other in found]:
            raise InputError(option, f"{one.ip} is named twice")
        found.append(one)
    return tuple(found)


def _address(option: str, text: str) -> Interface:
    try:
        one = ipaddress.ip_interface(text)
    except ValueError:
        raise InputError(option, f"'{text}' is not an address with the length of its prefix, such as 10.200.1.1/24") from None
    if "/" not in text:
        raise InputError(option, f"'{text}' lacks the length of its prefix, such as {text}/24")
    if one.ip.is_loopback or one.ip.is_multicast or one.ip.is_unspecified or one.ip.is_link_local:
        raise InputError(option, f"'{text}' cannot be the address of a link: it is loopback, multicast, link-local or unspecified")
    net = one.network
    if net.num_addresses > 2 and (one.ip == net.network_address or (one.version == 4 and one.ip == net.broadcast_address)):
        raise InputError(option, f"'{text}' is the address of the subnet: give the address of a host in it")
    return one


def _nat(params: Mapping[str, Any]) -> Optional[Nat]:
    if params["nat"] is None and params["forwards"] is None:
        return None
    given = params["nat"] or {"masquerade": None, "forwards": params["forwards"]}
    option = "forwards" if params["nat"] is None else "nat.forwards"
    uplinks = tuple(dict.fromkeys(given["masquerade"] or [AUTO]))
    for uplink in uplinks:
        if uplink not in (AUTO, NONE):
            check_link("nat.masquerade", uplink)
        elif len(uplinks) > 1:
            raise InputError("nat.masquerade", f"{uplink} excludes other interfaces: name the interfaces, or {uplink} alone")
    forwards: List[Forward] = []
    for number, entry in enumerate(given["forwards"] or ()):
        forward = _forward(f"{option}[{number}]", entry)
        for other in forwards:
            if forward.overlaps(other):
                raise InputError(f"{option}[{number}].port", f"{forward} is forwarded twice (also {other})")
        forwards.append(forward)
    return Nat(uplinks, tuple(sorted(forwards, key=lambda one: (one.protocol, one.first, one.address or ""))))


def _forward(option: str, entry: Mapping[str, Any]) -> Forward:
    first, last = _ports(f"{option}.port", entry["port"])
    forward = Forward(
        entry["protocol"],
        first,
        last,
        address=None if entry["address"] is None else _forwarded_address(f"{option}.address", entry["address"]),
        sources=_source_networks(f"{option}.sources", entry["sources"] or ()),
    )
    if forward.address is not None and forward.sources and all(":" in net for net in forward.sources) != (":" in forward.address):
        raise InputError(f"{option}.sources", f"no network is of the address family of {forward.address}, so nothing would be forwarded")
    target = entry["to_port"]
    inner = (first, last) if target is None else _ports(f"{option}.to_port", target)
    if inner == (first, last):
        return forward
    if inner[0] == inner[1]:
        return replace(forward, to_port=inner[0])
    if inner[1] - inner[0] != last - first:
        raise InputError(f"{option}.to_port", f"'{target}' has not as many ports as '{entry['port']}': name as many, or one port")
    if last - first >= _MOST_SHIFTED:
        raise InputError(f"{option}.to_port", f"'{target}': at most {_MOST_SHIFTED} ports lead to other ports, because each needs rules")
    return replace(forward, to_port=inner[0], to_last=inner[1])


def _forwarded_address(option: str, text: str) -> str:
    one = _host(option, text)
    if one.is_multicast or one.is_unspecified or one.is_link_local or (one.version == 6 and one.is_loopback):
        raise InputError(
            option, f"'{text}' is multicast, link-local, unspecified or ::1, whose packets cannot be forwarded: name another address"
        )
    return str(one)


def _source_networks(option: str, texts: Sequence[str]) -> Tuple[str, ...]:
    """The networks of each family, without networks that are parts of others; a network of all addresses is no limit of its family."""
    found = [_network(option, text) for text in texts]
    four = ipaddress.collapse_addresses(net for net in found if isinstance(net, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(net for net in found if isinstance(net, ipaddress.IPv6Network))
    return (*(str(net) for net in four), *(str(net) for net in six))


def _ports(option: str, text: str) -> Tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", str(text))
    if match is None:
        raise InputError(option, f"'{text}' is neither a port nor a range of ports such as 8000-8009")
    first = int(match.group(1))
    last = int(match.group(2) or first)
    if not 1 <= first <= last <= _MOST_PORT:
        raise InputError(option, f"'{text}' is not within 1 to {_MOST_PORT} with the lower port first")
    return first, last


def _routes(entries: Sequence[Mapping[str, Any]], wanted: Wanted) -> Tuple[Route, ...]:
    routes: List[Route] = []
    for number, entry in enumerate(entries):
        route = _route(f"routes[{number}]", entry, wanted)
        if route.key in [one.key for one in routes]:
            raise InputError(f"routes[{number}].to", f"'{entry['to']}' is named twice")
        routes.append(route)
    return tuple(routes)


def _route(option: str, entry: Mapping[str, Any], wanted: Wanted) -> Route:
    via = None if entry["via"] is None else _gateway(f"{option}.via", entry["via"])
    net = None if entry["to"] == DEFAULT else _network(f"{option}.to", entry["to"])
    if via is not None and net is not None and via.version != net.version:
        raise InputError(f"{option}.via", f"{via} and {net} are of different address families")
    family = via.version if via is not None else net.version if net is not None else (wanted.families() or (4,))[0]
    metric = entry["metric"]
    if metric is not None and not 1 <= metric <= 2**32 - 1:
        raise InputError(f"{option}.metric", f"{metric} is not a positive number of 32 bits")
    link = _link_for(option, entry["link"], via, wanted)
    to = DEFAULT if net is None or net.prefixlen == 0 else str(net)
    return Route(to, None if via is None else str(via), link, family, metric or KERNEL_METRIC[family])


def _link_for(option: str, peer: Optional[str], via: Any, wanted: Wanted) -> str:
    if peer is not None:
        if peer not in [link.peer for link in wanted.links]:
            raise InputError(f"{option}.link", f"'{peer}' is not a link inside; there are {', '.join(one.peer for one in wanted.links)}")
        return str(peer)
    for link in wanted.links:
        if via is not None and any(via.version == one.version and via in one.network for one in link.peer_addresses):
            return link.peer
    if via is not None or len(wanted.links) != 1:
        raise InputError(f"{option}.via", f"'{via}' is in no subnet of a link: name a gateway in such a subnet, or a link")
    return wanted.links[0].peer


def _gateway(option: str, text: str) -> Union[ipaddress.IPv4Address, ipaddress.IPv6Address]:
    if "%" in text:
        raise InputError(option, f"'{text}' has a zone: give the address alone, and the interface in link")
    return _host(option, text)


def _host(option: str, text: str) -> Union[ipaddress.IPv4Address, ipaddress.IPv6Address]:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise InputError(option, f"'{text}' is not an IP address") from None


def _network(option: str, text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise InputError(option, f"'{text}' is neither default nor a network such as 192.0.2.0/24") from None


def _search(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*)", text):
        raise InputError("dns_search", f"'{text}' is not a domain")
    return text
