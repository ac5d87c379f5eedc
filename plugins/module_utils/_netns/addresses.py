# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, networks, ports and the keys of routes, for all rooms. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Iterator, Optional, Tuple, Union

Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

FAMILIES = (4, 6)
DEFAULT = "default"
KERNEL_METRIC = {4: 0, 6: 1024}
"""The metric that the kernel gives to a route without a metric."""

RouteKey = Tuple[int, str, int]
"""Family, destination and metric: a table has one route for each key."""


@lru_cache(maxsize=None)
def interface(text: str) -> Interface:
    """An address with the length of its prefix. The result is cached, because each namespace is compared with all addresses of the host."""
    return ipaddress.ip_interface(text)


@lru_cache(maxsize=None)
def network(text: str) -> Network:
    """The destination of a route; cached like L(interface)."""
    return ipaddress.ip_network(text)


def within(address: str, net: str) -> bool:
    """Whether an address is in a network."""
    found = network(net)
    one = ipaddress.ip_address(address)
    return one.version == found.version and one in found


def overlap(one: Network, other: Network) -> bool:
    """Whether two networks share an address; networks of different families do not."""
    if one.version != other.version:
        return False
    return int(one.network_address) <= int(other.broadcast_address) and int(other.network_address) <= int(one.broadcast_address)


@dataclass(frozen=True)
class Forward:
    """Ports of the host that lead to a port in the namespace, or to the same ports if C(to_port) is None.

    With C(to_last) the ports lead to the ports from C(to_port) to C(to_last), one by one. C(address) is the only address of the host by
    which they are reached, C(sources) are the only networks from which they are reached.
    """

    protocol: str
    first: int
    last: int
    to_port: Optional[int] = None
    to_last: Optional[int] = None
    address: Optional[str] = None
    sources: Tuple[str, ...] = ()

    def __str__(self) -> str:
        at = f" of {self.address}" if self.address is not None else ""
        return f"{self.protocol} {port_range(self.first, self.last)}{at}"

    @property
    def inner(self) -> Tuple[int, int]:
        """The first and the last port in the namespace."""
        return (self.first, self.last) if self.to_port is None else (self.to_port, self.to_last or self.to_port)

    def overlaps(self, other: Forward) -> bool:
        """Whether both forwards take the same port of the host."""
        if self.address is not None and other.address is not None and self.address != other.address:
            return False
        return self.protocol == other.protocol and self.first <= other.last and other.first <= self.last

    def singles(self) -> Iterator[Forward]:
        """The forward in parts that no firewall needs to count: ports that lead to other ports are taken one by one."""
        if self.to_last is None or self.to_port is None:
            yield self
            return
        for number in range(self.last - self.first + 1):
            port = self.first + number
            yield replace(self, first=port, last=port, to_port=self.to_port + number, to_last=None)

    def takes(self, source: str, to: str, port: int) -> bool:
        """Whether a packet to a port of the host is forwarded, by its addresses."""
        if not self.first <= port <= self.last or self.address not in (None, to):
            return False
        return not self.sources or any(within(source, net) for net in self.sources)


def port_range(first: int, last: int) -> str:
    """A port, or a range such as C(8000-8009)."""
    return str(first) if first == last else f"{first}-{last}"
