# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused, and what is warned of, before anything changes. Pure; the same in check mode."""

from __future__ import annotations

import ipaddress
from typing import Iterator, List, Optional, Sequence, Tuple

from .._core.errors import InputError, RefusedError
from . import names
from .firewall_plan import concerns
from .network import is_made_anew
from .settle import Settled
from .state import FoundRoute, Record, System
from .wanted import DEFAULT, Forward, Link, Network, Wanted, interface, network, overlap

_FREE = "Choose another name, or remove it if nobody needs it"
_RECEIVES = {"tcp": "listens on", "udp": "receives, or waits for an answer, on"}
"""Nothing tells a server's socket of UDP from a client's."""


def check(system: System, settled: Settled) -> Tuple[str, ...]:
    """Warnings about a declaration on this host.

    :raises FleetlabError: it cannot be had without harm to something the task does not name.
    """
    wanted = settled.wanted
    former = system.records.get(wanted.name)
    _check_uplinks(system, settled)
    if 6 in wanted.families() and not system.ipv6:
        raise InputError(
            "links", "IPv6 is switched off on this host (net.ipv6.conf.default.disable_ipv6): name IPv4 addresses only, or allow it"
        )
    _check_gateways(wanted)
    warnings: List[str] = []
    for number, link in enumerate(wanted.links):
        _check_names(system, wanted, f"links[{number}]", link, former)
        warnings += _check_subnets(system, wanted, f"links[{number}]", link)
    warnings += _check_forwards(system, wanted, former)
    _check_resolv_conf(system, wanted)
    warnings += _filtered(system, settled)
    if wanted.nat is not None and wanted.dns is None and system.loopback_dns:
        warnings.append(f"{wanted.name}: the host's name servers are on its loopback, where the namespace cannot reach them: set dns")
    if wanted.persist and not system.service.systemd:
        warnings.append(
            f"{wanted.name}: systemd does not run on this host, so nothing builds the namespace at boot:"
            f" have {names.script_path(wanted.name)} run there"
        )
    return tuple(warnings)


def _filtered(system: System, settled: Settled) -> Iterator[str]:
    """Chains that can drop what the namespace forwards, and that are somebody's choice: they are not opened."""
    name, policy = settled.wanted.name, settled.policy
    for chain in system.firewall.chains if policy is not None and settled.wanted.nat is not None else ():
        if policy is not None and chain.may_drop and not chain.drops and concerns(chain, policy):
            where = f"{chain.family} {chain.table} {chain.chain}"
            yield f"{name}: rules of others in the chain {where} drop some of what is forwarded, also from and to the namespace"


def _check_uplinks(system: System, settled: Settled) -> None:
    own = [link.name for link in settled.wanted.links]
    for uplink in dict.fromkeys(settled.uplinks.values()):
        if system.link(uplink) is None:
            there = ", ".join(link.name for link in system.links if link.name != "lo") or "none"
            raise InputError("nat.masquerade", f"this host has no interface {uplink}; there are: {there}")
        if uplink in own:
            raise InputError("nat.masquerade", f"{uplink} is a link of the namespace itself, not a way out of this host")


def _check_gateways(wanted: Wanted) -> None:
    """Refuse gateways that the kernel would not find on the link."""
    direct: List[Tuple[str, Network]] = [(link.peer, one.network) for link in wanted.links for one in link.peer_addresses]
    inner = [str(one.ip) for link in wanted.links for one in link.peer_addresses]
    for number, route in enumerate(wanted.all_routes()):
        if route.via is None:
            everything = "0.0.0.0/0" if route.family == 4 else "::/0"
            direct.append((route.link, ipaddress.ip_network(everything if route.to == DEFAULT else route.to)))
            continue
        via = ipaddress.ip_address(route.via)
        near = route.family == 6 and via.is_link_local
        if route.via in inner or not (near or any(link == route.link and via in net for link, net in direct)):
            raise InputError(
                f"routes[{number}].via",
                f"{via} is not beyond {route.link}: name a gateway in its subnets, or put a route to {via} without a gateway before it",
            )


def is_ours(former: Optional[Record], own: str, peer: str = "") -> bool:
    """Whether an earlier run made a link of that name."""
    return former is not None and any(own == one and peer in ("", other) for one, other in former.links)


def _check_names(system: System, wanted: Wanted, option: str, link: Link, former: Optional[Record]) -> None:
    for other in system.records.values():
        if other.name != wanted.name and is_ours(other, link.name):
            raise RefusedError(f"{option}.name", f"{link.name} belongs to the namespace {other.name}", "Choose another name")
    found = system.link(link.name)
    if found is not None and system.made(former, link.name) is None and is_made_anew(system, link):
        kind = found.kind or "device"
        raise RefusedError(
            f"{option}.name", f"{link.name} is an interface of this host already ({kind}), and was not made by this module", _FREE
        )
    inner = system.peer(link.peer)
    paired = found is not None and inner is not None and inner.is_end_of(found)
    if inner is not None and not paired and (former is None or link.peer not in [peer for _own, peer in former.links]):
        raise RefusedError(f"{option}.peer", f"{link.peer} is an interface of the namespace already, and leads elsewhere", _FREE)


def _check_subnets(system: System, wanted: Wanted, option: str, link: Link) -> Iterator[str]:
    own = [one.name for one in wanted.links]
    for family in wanted.families():
        for net in link.networks(family):
            _check_controller(system, own, option, net)
            _check_addresses(system, wanted, own, option, net)
            for route in system.routes:
                if route.link not in own and _overlaps(route, net):
                    device = route.link or "no device"
                    yield f"{wanted.name}: the subnet {net} of {link.name} overlaps the route of this host to {route.to} ({device})"


def _overlaps(route: FoundRoute, net: Network) -> bool:
    return route.to != DEFAULT and overlap(network(route.to), net)


def _check_controller(system: System, own: List[str], option: str, net: Network) -> None:
    """Refuse to take the way back to where Ansible runs."""
    if system.controller is None:
        return
    client = ipaddress.ip_address(system.controller[0].partition("%")[0])
    if client.version != net.version:
        return
    ways = [one for one in system.routes if one.family == client.version and one.link not in own and _leads_to(one, client)]
    way = max(ways, key=lambda one: 0 if one.to == DEFAULT else network(one.to).prefixlen, default=None)
    gateway = ipaddress.ip_address(way.via) if way is not None and way.via is not None else None
    if client in net or (gateway is not None and gateway in net) or (way is not None and _overlaps(way, net)):
        raise RefusedError(
            f"{option}.addresses", f"{net} overlaps the route to {client}, where Ansible connects from", "Choose a subnet that is free"
        )


def _leads_to(route: FoundRoute, address: "ipaddress.IPv4Address | ipaddress.IPv6Address") -> bool:
    return route.to == DEFAULT or address in network(route.to)


def _check_addresses(system: System, wanted: Wanted, own: List[str], option: str, net: Network) -> None:
    former = system.records.get(wanted.name)
    outdated = [pair[0] for pair in former.links] if former is not None else []
    for other in system.records.values():
        for link, address in other.addresses:
            if other.name != wanted.name and overlap(interface(address).network, net):
                found_by = f"{address} of {link}, which belongs to the namespace {other.name}"
                raise RefusedError(f"{option}.addresses", f"{net} overlaps {found_by}", "Choose a subnet that is free")
    for found in system.links:
        for address in found.addresses:
            if found.name not in own and found.name not in outdated and overlap(interface(address).network, net):
                raise RefusedError(f"{option}.addresses", f"{net} overlaps {address} of {found.name}", "Choose a subnet that is free")


def _check_forwards(system: System, wanted: Wanted, former: Optional[Record]) -> Iterator[str]:
    in_force = former.forwards if former is not None else ()
    for forward in wanted.forwards:
        for other in system.records.values():
            if other.name != wanted.name and any(forward.overlaps(one) for one in other.forwards):
                raise RefusedError(f"forward {forward}", f"it is forwarded to the namespace {other.name}", "Choose another port")
        _check_connection(system, forward, in_force)
        for one in system.listeners:
            if one.protocol != forward.protocol or not forward.first <= one.port <= forward.last:
                continue
            where = f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}"
            if forward not in in_force:
                raise RefusedError(
                    f"forward {forward}",
                    f"a service of this host {_RECEIVES[one.protocol]} {where}, and would lose its connections",
                    "Choose another port, stop the service first, or name it in services if it is about to be restarted inside",
                )
            received = f"a service of this host {_RECEIVES[one.protocol]} {where}"
            yield f"{wanted.name}: {received}, and all connections to it are forwarded into the namespace"


def _check_connection(system: System, forward: Forward, in_force: Sequence[Forward]) -> None:
    """Refuse to take the port that Ansible itself connects to, whatever is to be restarted inside."""
    port = system.controller[1] if system.controller is not None else 0
    if forward.protocol == "tcp" and forward.first <= port <= forward.last and forward not in in_force:
        raise RefusedError(
            f"forward {forward}", f"Ansible connects to port {port} of this host, and would not come in again", "Choose another port"
        )


def _check_resolv_conf(system: System, wanted: Wanted) -> None:
    found = system.files.resolv_conf
    if wanted.dns is not None and found is not None and names.NOTE not in found:
        path = names.resolv_conf_path(wanted.name)
        raise RefusedError(path, "it was not written by this module", "Remove it, or leave dns out")
