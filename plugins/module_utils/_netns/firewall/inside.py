# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter in the namespace itself: it stands also while somebody flushes or reloads the firewall of the host. Pure.

The firewall of the host decides what passes. This filter repeats the decisions that can be made in the namespace, so that nothing opens
while the rules of the host are missing: which packets may enter, that nothing leaves without a masquerade, and which networks and
addresses are not beyond the uplink.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

from ..addresses import DEFAULT, FAMILIES, Forward, Network, interface, network
from ..links import Link
from ..state import State
from ..wanted import Wanted
from .policy import Policy

IN, OUT = "in", "out"
POOL: Network = ipaddress.ip_network("10.200.0.0/16")
"""The default subnets of all namespaces."""

_LOCAL_SIX = ipaddress.ip_network("fc00::/7")
"""Local addresses of IPv6, which links of other namespaces have too: only those with a route by the uplink are beyond it."""

_NEIGHBOURS = ("fe80::/10", "ff02::/16")
"""Packets to these addresses do not leave the link."""


@dataclass(frozen=True)
class Rule:
    """A rule for packets that enter or leave (C(way)) by an interface in the namespace. C(net) are the addresses at the other side."""

    way: str
    link: str
    passes: bool
    family: Optional[int] = None
    net: str = ""
    protocol: str = ""
    ports: Optional[Tuple[int, int]] = None
    established: bool = False


@dataclass(frozen=True)
class Outside:
    """The networks outside the namespace, the longest prefix first, and whether packets to them may leave.

    C(own) are the addresses of the host.
    """

    own: Tuple[Network, ...] = ()
    nets: Tuple[Tuple[Network, bool], ...] = ()


def outside(state: State, wanted: Wanted, uplinks: Sequence[str]) -> Outside:
    """The addresses of the host and the networks that are not beyond the uplink.

    With nftables, L(names.GATE) closes whatever the rules of the host do not open. With iptables only addresses are closed that are known
    now: those of the host, and the subnets of namespaces, of which the default subnets are known before they are in use.
    """
    ours = {name for record in state.records.values() for name in record.names} | {link.name for link in wanted.host_links}
    own = {
        ipaddress.ip_network(interface(address).ip)
        for link in state.links
        for address in (*link.addresses, *link.learned)
        if link.name not in ours and not interface(address).ip.is_loopback
    }
    ways = [(network(one.to), one.link in uplinks) for one in state.routes if one.to != DEFAULT and one.link not in ours]
    links = [net for link in wanted.host_links for family in FAMILIES for net in link.networks(family)]
    closed = {*own, *links, _LOCAL_SIX, *_namespaces(state, ways), *(net for net, passes in ways if not passes)}
    open_ = {net for net, passes in ways if passes and net not in closed and any(_within(net, one) for one in closed)}
    nets = [*((net, False) for net in closed), *((net, True) for net in open_)]
    return Outside(_sorted(own), tuple(sorted(nets, key=lambda one: (-one[0].prefixlen, one[0].version, str(one[0])))))


def _namespaces(state: State, ways: Sequence[Tuple[Network, bool]]) -> Iterator[Network]:
    """The subnets of namespaces that the namespace's own filter has to close."""
    if state.firewall.kind == "nftables":
        return
    # Who has a route to all of the pool beyond the uplink uses these addresses there, such as those of a cloud.
    pool_is_beyond = any(passes and (net == POOL or _within(POOL, net)) for net, passes in ways)
    if not pool_is_beyond:
        yield POOL
    for text in state.inhabited:
        net = network(text)
        if pool_is_beyond or not _within(net, POOL):
            yield net


def _sorted(nets: Iterable[Network]) -> Tuple[Network, ...]:
    return tuple(sorted(nets, key=lambda net: (net.version, str(net))))


def _within(net: Network, other: Network) -> bool:
    return net.version == other.version and net.prefixlen > other.prefixlen and net.network_address in other


def rules(wanted: Wanted, policy: Optional[Policy], beyond: Outside) -> Tuple[Rule, ...]:
    """The rules; links without addresses are left alone, because the host does not route their packets."""
    if policy is None:
        return ()
    found: List[Rule] = []
    for link in wanted.host_links:
        if link.addresses:
            found += [*_entering(link, policy), *_leaving(link, policy, beyond, wanted.host_links)]
    return tuple(found)


def _entering(link: Link, policy: Policy) -> Iterator[Rule]:
    yield Rule(IN, link.peer, True, established=True)
    for one in link.addresses:
        yield Rule(IN, link.peer, True, one.version, str(ipaddress.ip_network(one.ip)))
    yield Rule(IN, link.peer, True, 6, _NEIGHBOURS[0])
    for target in dict.fromkeys(replace(one, source="") for one in policy.targets):
        if target.link == link.name:
            yield Rule(IN, link.peer, True, target.family, protocol=target.forward.protocol, ports=target.forward.inner)
    yield Rule(IN, link.peer, False)


def _leaving(link: Link, policy: Policy, beyond: Outside, links: Sequence[Link]) -> Iterator[Rule]:
    yield Rule(OUT, link.peer, True, established=True)
    for near in _NEIGHBOURS:
        yield Rule(OUT, link.peer, True, 6, near, "ipv6-icmp")
    own = [ipaddress.ip_network(one.ip) for other in links for one in other.addresses]
    for net in _sorted({*own, *beyond.own}):
        yield from _to_host(link, policy, net)
    families = [source.family for source in policy.sources if source.link == link.name]
    for net, passes in beyond.nets:
        if net.version in families:
            yield Rule(OUT, link.peer, passes, net.version, str(net))
    for family in dict.fromkeys(families):
        yield Rule(OUT, link.peer, True, family)
    yield Rule(OUT, link.peer, False)


def _to_host(link: Link, policy: Policy, net: Network) -> Iterator[Rule]:
    """What may reach the host itself, as its own firewall says."""
    peer = link.peer
    if policy.host_access:
        yield Rule(OUT, peer, True, net.version, str(net))
        return
    for family, server in policy.name_servers:
        if ipaddress.ip_network(server) == net:
            for protocol in ("udp", "tcp"):
                yield Rule(OUT, peer, True, family, str(net), protocol, (53, 53))
    # A forward leads back into this namespace, or into a peer.
    forwards = [target.forward for target in policy.targets if target.family == net.version]
    forwards += [forward for other in policy.peers for forward in other.forwards]
    forwards = [one for one in forwards if _takes(one, link, net)]
    for one in dict.fromkeys([*policy.host_ports, *(replace(one, to_port=None, to_last=None, sources=()) for one in forwards)]):
        yield Rule(OUT, peer, True, net.version, str(net), one.protocol, (one.first, one.last))
    yield Rule(OUT, peer, True, net.version, str(net), "icmp" if net.version == 4 else "ipv6-icmp")


def _takes(forward: Forward, link: Link, net: Network) -> bool:
    """Whether a forward takes packets of the namespace to an address of the host."""
    to = str(net.network_address)
    if forward.address is None and not forward.sources:
        return True
    return any(forward.takes(str(one.ip), to, forward.first) for one in link.peer_addresses if one.version == net.version)
