# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals and warnings before anything changes; they are the same in check mode. Pure."""

from __future__ import annotations

import ipaddress
from typing import Iterator, List, Sequence, Tuple

from .._core.errors import InputError, RefusedError
from . import names
from .addresses import DEFAULT, FAMILIES, Forward, Network, interface, network, overlap
from .firewall.plan import concerns
from .links import Link, made_links
from .resolve import Resolved
from .state import FoundLink, FoundRoute, State
from .wanted import AUTO, Wanted

_FREE = "Nothing was changed; choose another name, or remove it if it is not needed"
_RECEIVES = {"tcp": "listens on", "udp": "receives, or waits for an answer, on"}
"""A server's socket of UDP looks like a client's."""


def check(state: State, resolved: Resolved) -> Tuple[str, ...]:
    """Check a declaration against this host; returns warnings.

    :raises FleetlabError: the declaration would harm something that the task does not name.
    """
    wanted = resolved.wanted
    _check_uplinks(state, resolved)
    if 6 in wanted.families() and not state.ipv6:
        raise InputError(
            "links", "IPv6 is disabled on this host (net.ipv6.conf.default.disable_ipv6): name IPv4 addresses only, or enable it"
        )
    _check_gateways(wanted)
    warnings: List[str] = []
    for number, link in enumerate(wanted.links):
        _check_names(state, wanted, f"links[{number}]", link)
        warnings += _check_subnets(state, wanted, f"links[{number}]", link) if link.on_host else ()
    warnings += _check_forwards(state, wanted)
    if state.flows is None and any(one.protocol == "udp" for one in wanted.forwards):
        warnings.append(
            f"{wanted.name}: this kernel does not show its tracked flows (nf_conntrack_netlink), so a client of UDP that sent before the"
            " forward was made or changed keeps its old way until it pauses for three minutes"
        )
    _check_resolv_conf(state, wanted)
    warnings += [*_filtered(state, resolved), *_begins_to_route(state, wanted)]
    if wanted.nat is not None and wanted.nat.masquerade == (AUTO,) and not resolved.uplinks:
        warnings.append(
            f"{wanted.name}: this host has no default route, so no connection leaves the namespace: if it shall, name the interface in"
            " nat.masquerade"
        )
    if wanted.nat is not None and wanted.dns is None and state.loopback_dns:
        warnings.append(f"{wanted.name}: the host's name servers are on its loopback, where the namespace cannot reach them: set dns")
    warnings += _dns_without_link(wanted)
    if wanted.persist and not state.service.systemd:
        warnings.append(
            f"{wanted.name}: systemd does not run on this host, so nothing builds the namespace at boot:"
            f" run {names.script_path(wanted.name)} at boot by other means"
        )
    return tuple(warnings)


def _dns_without_link(wanted: Wanted) -> Iterator[str]:
    """Warn of name servers of a family in which the namespace has no address."""
    for family in FAMILIES:
        lost = [server for server in map(ipaddress.ip_address, wanted.dns or ()) if server.version == family and not server.is_loopback]
        if lost and not any(link.inner(family) for link in wanted.links):
            servers = ", ".join(map(str, lost))
            yield f"{wanted.name}: no link has an address of IPv{family}, by which dns ({servers}) could be reached: name other servers"


def _filtered(state: State, resolved: Resolved) -> Iterator[str]:
    """Warn of chains of other programs that drop some forwarded packets. They are not opened, because their rules are intended."""
    name, policy = resolved.wanted.name, resolved.policy
    for chain in state.firewall.chains if policy is not None and resolved.wanted.nat is not None else ():
        if policy is not None and chain.may_drop and not chain.drops and concerns(chain, policy):
            where = f"{chain.family} {chain.table} {chain.chain}"
            yield f"{name}: rules of other programs in the chain {where} drop some forwarded packets, also from and to the namespace"


def _begins_to_route(state: State, wanted: Wanted) -> Iterator[str]:
    """Warn that a host which forwards for the namespace forwards for its neighbours too, unless its firewall drops that."""
    ours = {*(link.name for link in wanted.host_links), *(name for record in state.records.values() for name in record.names)}
    for family, key, protocol in ((4, names.IP_FORWARD, "ip"), (6, names.IP6_FORWARD, "ip6")):
        if wanted.nat is None or family not in wanted.families() or state.sysctls.get(key) != "0":
            continue
        found = [link.name for link in state.links if link.name not in ours and _leads_out(link, family)]
        if len(found) > 1 and not any(chain.drops and chain.family in ("inet", protocol) for chain in state.firewall.chains):
            yield (
                f"{wanted.name}: this host begins to forward packets ({key.replace('/', '.')}), and so between its own networks too"
                f" ({', '.join(found)}): let its firewall drop what it forwards, if its neighbours shall not use it as a router"
            )


def _leads_out(link: FoundLink, family: int) -> bool:
    addresses = [interface(one).ip for one in (*link.addresses, *link.learned)]
    return any(one.version == family and not one.is_loopback and not one.is_link_local for one in addresses)


def _check_uplinks(state: State, resolved: Resolved) -> None:
    own = [link.name for link in resolved.wanted.host_links]
    for uplink in dict.fromkeys(one for some in resolved.uplinks.values() for one in some):
        _check_interface(state, "nat.masquerade", uplink)
        if uplink in own:
            raise InputError("nat.masquerade", f"{uplink} is a link of the namespace itself: name an interface that leads out of this host")


def _check_interface(state: State, option: str, name: str) -> None:
    if state.link(name) is None:
        there = ", ".join(link.name for link in state.links if link.name != "lo") or "none"
        raise InputError(option, f"this host has no interface {name}; it has: {there}")


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


def _check_names(state: State, wanted: Wanted, option: str, link: Link) -> None:
    for below, name in link.below.items():
        _check_interface(state, f"{option}.{below}", name)
    for other in state.records.values():
        if other.name != wanted.name and link.name in other.names:
            raise RefusedError(f"{option}.name", f"{link.name} belongs to the namespace {other.name}", "Choose another name")
    if link.found(state):
        return
    found = state.link(link.name)
    if link.on_host and found is not None and link.name not in made_links(state, wanted.name):
        kind = found.kind or "device"
        raise RefusedError(f"{option}.name", f"{link.name} already exists on this host ({kind}), and was not made by this module", _FREE)
    if state.peer(link.peer) is not None and link.peer not in [peer for _own, peer in state.former(wanted.name).links]:
        raise RefusedError(f"{option}.peer", f"{link.peer} already exists in the namespace, and leads to another place", _FREE)


def _check_subnets(state: State, wanted: Wanted, option: str, link: Link) -> Iterator[str]:
    own = [one.name for one in wanted.host_links]
    for family in wanted.families():
        for net in link.networks(family):
            _check_controller(state, own, option, net)
            _check_addresses(state, wanted, own, option, net)
            for route in state.routes:
                if route.link not in own and _overlaps(route, net):
                    device = route.link or "no device"
                    yield f"{wanted.name}: the subnet {net} of {link.name} overlaps the route of this host to {route.to} ({device})"


def _overlaps(route: FoundRoute, net: Network) -> bool:
    return route.to != DEFAULT and overlap(network(route.to), net)


def _check_controller(state: State, own: List[str], option: str, net: Network) -> None:
    """Refuse a subnet that would take the route to the controller."""
    if state.controller is None:
        return
    client = ipaddress.ip_address(state.controller[0].partition("%")[0])
    if client.version != net.version:
        return
    ways = [
        one
        for one in state.routes
        if one.family == client.version and one.link not in own and (one.to == DEFAULT or client in network(one.to))
    ]
    way = max(ways, key=lambda one: 0 if one.to == DEFAULT else network(one.to).prefixlen, default=None)
    gateway = ipaddress.ip_address(way.via) if way is not None and way.via is not None else None
    if client in net or (gateway is not None and gateway in net) or (way is not None and _overlaps(way, net)):
        raise RefusedError(
            f"{option}.addresses", f"{net} overlaps the route to {client}, from where Ansible connects", "Choose a subnet that is free"
        )


def _check_addresses(state: State, wanted: Wanted, own: List[str], option: str, net: Network) -> None:
    outdated = state.former(wanted.name).names
    for other in state.records.values():
        for link, address in other.addresses:
            if other.name != wanted.name and overlap(interface(address).network, net):
                found_by = f"{address} of {link}, which belongs to the namespace {other.name}"
                raise RefusedError(f"{option}.addresses", f"{net} overlaps {found_by}", "Choose a subnet that is free")
    for found in state.links:
        for address in found.addresses:
            if found.name not in own and found.name not in outdated and overlap(interface(address).network, net):
                raise RefusedError(f"{option}.addresses", f"{net} overlaps {address} of {found.name}", "Choose a subnet that is free")


def _check_forwards(state: State, wanted: Wanted) -> Iterator[str]:
    in_force = state.former(wanted.name).forwards
    for forward in wanted.forwards:
        for other in state.records.values():
            if other.name != wanted.name and any(forward.overlaps(one) for one in other.forwards):
                raise RefusedError(f"forward {forward}", f"it is forwarded to the namespace {other.name}", "Choose another port")
        _check_connection(state, forward, in_force)
        yield from _check_address(state, wanted, forward)
        for one in state.listeners:
            if one.protocol != forward.protocol or not forward.first <= one.port <= forward.last or not _is_taken(one.address, forward):
                continue
            where = f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}"
            if forward not in in_force:
                raise RefusedError(
                    f"forward {forward}",
                    f"a service of this host {_RECEIVES[one.protocol]} {where}, and would lose its connections",
                    "Choose another port, stop the service first, or name it in services if it is about to be restarted in the namespace",
                )
            received = f"a service of this host {_RECEIVES[one.protocol]} {where}"
            yield f"{wanted.name}: {received}, and all connections to it are forwarded into the namespace"


def _is_taken(address: str, forward: Forward) -> bool:
    """Whether a forward takes connections to a socket: one that is bound to another address keeps its own."""
    bound = ipaddress.ip_address(address.rpartition("::ffff:")[2] or address)
    return bound.is_unspecified or forward.address in (None, str(bound))


def _check_address(state: State, wanted: Wanted, forward: Forward) -> Iterator[str]:
    """Refuse an address of a family that the links lack; warn of one that the host does not have, because it may move between hosts."""
    if forward.address is None:
        return
    family = ipaddress.ip_address(forward.address).version
    if family not in wanted.families():
        raise InputError("forwards", f"{forward}: no link of the namespace has addresses of IPv{family} at both ends")
    there = [str(interface(one).ip) for link in state.links for one in (*link.addresses, *link.learned)]
    if forward.address not in there and not ipaddress.ip_address(forward.address).is_loopback:
        yield f"{wanted.name}: this host does not have the address {forward.address} now; what is forwarded from it waits until it has"


def _check_connection(state: State, forward: Forward, in_force: Sequence[Forward]) -> None:
    """Refuse to forward the port that Ansible itself connects to, even if the service there is to be restarted in the namespace."""
    port = state.controller[1] if state.controller is not None else 0
    if forward.protocol == "tcp" and forward.first <= port <= forward.last and forward not in in_force:
        raise RefusedError(
            f"forward {forward}", f"Ansible connects to port {port} of this host, and could not connect again", "Choose another port"
        )


def _check_resolv_conf(state: State, wanted: Wanted) -> None:
    for path, found in (
        (names.resolv_conf_path(wanted.name), state.files.resolv_conf),
        (names.nsswitch_path(wanted.name), state.files.nsswitch),
    ):
        if wanted.dns is not None and found is not None and names.NOTE not in found:
            raise RefusedError(path, "it was not written by this module", "Nothing was changed; remove it, or omit dns")
