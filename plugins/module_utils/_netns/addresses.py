# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, networks and the keys of routes, as all rooms use them. Pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Tuple, Union

Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

FAMILIES = (4, 6)
DEFAULT = "default"
KERNEL_METRIC = {4: 0, 6: 1024}
"""The metric that the kernel gives a route without one."""

RouteKey = Tuple[int, str, int]
"""Family, destination and metric: a table has one route for each key."""


@lru_cache(maxsize=None)
def interface(text: str) -> Interface:
    """An address with the length of its prefix. Each namespace is compared with all addresses of the host, so each is parsed once."""
    return ipaddress.ip_interface(text)


@lru_cache(maxsize=None)
def network(text: str) -> Network:
    """The destination of a route, parsed once as well."""
    return ipaddress.ip_network(text)


def overlap(one: Network, other: Network) -> bool:
    """Whether two networks have an address in common; networks of different families have none."""
    if one.version != other.version:
        return False
    return int(one.network_address) <= int(other.broadcast_address) and int(other.network_address) <= int(one.broadcast_address)
