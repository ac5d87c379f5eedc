# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packets may pass between a namespace and other hosts? The answer for every firewall. Pure.

The rules for L(nftables) and for L(iptables) are both rendered from a L(Policy), so that both let the same packets through.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Mapping, Optional, Tuple

from ..addresses import FAMILIES, Forward, network
from ..wanted import NONE, Wanted


@dataclass(frozen=True)
class Target:
    """A forward and its address in the namespace, with the subnet of the link, in one family.

    C(source) is the network from which it is reached; empty for all networks.
    """

    forward: Forward
    family: int
    link: str
    address: str
    network: str
    source: str = ""

    @property
    def is_for_others(self) -> bool:
        """Whether other hosts may use it. A neighbour can send packets for 127.0.0.1, which are translated before the kernel drops them."""
        return self.forward.address is None or not ip_address(self.forward.address).is_loopback


@dataclass(frozen=True)
class Source:
    """A subnet of a namespace whose packets may leave the host, and the interface by which they leave.

    C(by_rules): rules of routing or marks choose the interface, and not only the default routes of the main table.
    """

    family: int
    link: str
    network: str
    uplink: str
    by_rules: bool = False


@dataclass(frozen=True)
class Peer:
    """Another namespace, by its links on the host, and the ports of the host that lead into it."""

    links: Tuple[str, ...]
    forwards: Tuple[Forward, ...]


@dataclass(frozen=True)
class Policy:
    """All other packets to or from C(links) are dropped. C(name_servers) are addresses of the host that answer DNS.

    C(host_ports) are ports of the host's own services that are open to the namespace, C(peers) the links of other namespaces whose
    forwards it may use.
    """

    name: str
    links: Tuple[str, ...]
    families: Tuple[int, ...]
    sources: Tuple[Source, ...] = ()
    targets: Tuple[Target, ...] = ()
    name_servers: Tuple[Tuple[int, str], ...] = ()
    host_access: bool = False
    host_ports: Tuple[Forward, ...] = ()
    peers: Tuple[Peer, ...] = ()


Uplinks = Mapping[int, Tuple[str, ...]]
"""The interfaces by which packets of a family leave."""


def make_policy(wanted: Wanted, uplinks: Uplinks, peers: Tuple[Peer, ...] = (), defaults: Optional[Uplinks] = None) -> Optional[Policy]:
    """The policy for a namespace; C(None) if no link has an end on the host. C(defaults) are the interfaces of the default routes."""
    if not wanted.host_links:
        return None
    own = {str(one.ip): one.version for link in wanted.host_links for one in link.addresses}
    return Policy(
        name=wanted.name,
        links=tuple(link.name for link in wanted.host_links),
        families=wanted.families(),
        sources=_sources(wanted, uplinks, uplinks if defaults is None else defaults),
        targets=_targets(wanted),
        name_servers=tuple((own[server], server) for server in wanted.dns or () if server in own),
        host_access=wanted.host_access,
        host_ports=wanted.host_ports,
        peers=peers,
    )


def _sources(wanted: Wanted, uplinks: Uplinks, defaults: Uplinks) -> Tuple[Source, ...]:
    if wanted.nat is None or wanted.nat.masquerade == (NONE,) or not uplinks:
        return ()
    return tuple(
        Source(family, link.name, str(net), uplink, set(uplinks[family]) != set(defaults.get(family, ())))
        for family in FAMILIES
        for uplink in uplinks[family]
        for link in wanted.host_links
        for net in link.networks(family)
    )


def _targets(wanted: Wanted) -> Tuple[Target, ...]:
    found = []
    for family in FAMILIES:
        link = wanted.link_of(family)
        inner = link.inner(family) if link is not None else None
        if link is not None and inner is not None:
            at = (family, link.name, str(inner.ip), str(inner.network))
            found += [
                Target(one, *at, source) for forward in wanted.forwards for source in _limits(forward, family) for one in forward.singles()
            ]
    return tuple(found)


def _limits(forward: Forward, family: int) -> Tuple[str, ...]:
    """The networks of a family from which a forward is reached; an empty text are all, no text are none."""
    if forward.address is not None and network(f"{forward.address}").version != family:
        return ()
    if not forward.sources:
        return ("",)
    found = [net for net in forward.sources if network(net).version == family]
    return ("",) if any(network(net).prefixlen == 0 for net in found) else tuple(found)
