# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace as a task wants it, and the addresses it is made of. Data only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional, Tuple, Union

Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

FAMILIES = (4, 6)
AUTO = "auto"
NONE = "none"
DEFAULT = "default"
KERNEL_METRIC = {4: 0, 6: 1024}
"""What the kernel gives a route that names none."""

RouteKey = Tuple[int, str, int]
"""Family, destination and metric: what there is one route of."""


@lru_cache(maxsize=None)
def interface(text: str) -> Interface:
    """An address with its prefix, as it is on a host. One of many is held against all the others: each is parsed once."""
    return ipaddress.ip_interface(text)


@lru_cache(maxsize=None)
def network(text: str) -> Network:
    """The same for where a route leads to."""
    return ipaddress.ip_network(text)


def overlap(one: Network, other: Network) -> bool:
    """Whether two networks have an address in common; those of different families have none."""
    if one.version != other.version:
        return False
    return int(one.network_address) <= int(other.broadcast_address) and int(other.network_address) <= int(one.broadcast_address)


@dataclass(frozen=True)
class Link:
    """One veth pair: C(name) on the host, C(peer) inside."""

    name: str
    peer: str
    addresses: Tuple[Interface, ...] = ()
    peer_addresses: Tuple[Interface, ...] = ()
    mtu: Optional[int] = None

    def own(self, family: int) -> Optional[Interface]:
        """The first address of the host's end."""
        return next((one for one in self.addresses if one.version == family), None)

    def inner(self, family: int) -> Optional[Interface]:
        """The first address inside."""
        return next((one for one in self.peer_addresses if one.version == family), None)

    def networks(self, family: int) -> Tuple[Network, ...]:
        """The subnets on it."""
        return tuple(sorted({one.network for one in self.addresses + self.peer_addresses if one.version == family}))


@dataclass(frozen=True)
class Route:
    """A route inside; C(to) is C(default) or a network."""

    to: str
    via: Optional[str]
    link: str
    family: int
    metric: int

    @property
    def key(self) -> RouteKey:
        """What there is one route of."""
        return self.family, self.to, self.metric


@dataclass(frozen=True)
class Forward:
    """Ports of the host that lead to a port inside, or to the same ports when C(to_port) is None."""

    protocol: str
    first: int
    last: int
    to_port: Optional[int] = None

    def __str__(self) -> str:
        return f"{self.protocol} {port_range(self.first, self.last)}"

    @property
    def inner(self) -> Tuple[int, int]:
        """The first and last port inside."""
        return (self.first, self.last) if self.to_port is None else (self.to_port, self.to_port)

    def overlaps(self, other: Forward) -> bool:
        """Whether both take the same port of the host."""
        return self.protocol == other.protocol and self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Nat:
    """C(masquerade) is an interface of the host, C(auto) or C(none)."""

    masquerade: str = AUTO
    forwards: Tuple[Forward, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """A namespace as the task wants it; C(None) leaves that part to a default that depends on the host."""

    name: str
    state: str = "present"
    links: Tuple[Link, ...] = ()
    routes: Optional[Tuple[Route, ...]] = None
    dns: Optional[Tuple[str, ...]] = None
    dns_search: Tuple[str, ...] = ()
    nat: Optional[Nat] = None
    host_access: bool = False
    persist: bool = True
    firewall: str = AUTO
    force: bool = False
    services: Tuple[str, ...] = ()
    default_subnet: bool = False

    @property
    def forwards(self) -> Tuple[Forward, ...]:
        """The ports that lead inside."""
        return self.nat.forwards if self.nat is not None else ()

    def families(self) -> Tuple[int, ...]:
        """Those that any link has addresses of, at both ends."""
        return tuple(family for family in FAMILIES if self.link_of(family) is not None)

    def link_of(self, family: int) -> Optional[Link]:
        """The link that leads out and in."""
        return next((link for link in self.links if link.own(family) and link.inner(family)), None)

    def all_routes(self) -> Tuple[Route, ...]:
        """The routes inside: those of the task, or by default one out for each family."""
        if self.routes is not None:
            return self.routes
        return tuple(_default_route(link, family) for family in FAMILIES for link in [self.link_of(family)] if link is not None)


def _default_route(link: Link, family: int) -> Route:
    own = link.own(family)
    return Route(DEFAULT, str(own.ip) if own is not None else None, link.peer, family, KERNEL_METRIC[family])


def port_range(first: int, last: int) -> str:
    """A port, or a range as people write it."""
    return str(first) if first == last else f"{first}-{last}"
