# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses that a host has, in two tables of the kernel. Pure.

Binding to an address would not tell, because hosts whose addresses move let programs bind to missing addresses (ip_nonlocal_bind).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network
from typing import List, Tuple, Union

Network = Union[IPv4Network, IPv6Network]

_LEAF = re.compile(r"\|-- (\S+)")
_LOCAL = re.compile(r"/(\d+) host LOCAL")


def local_networks(fib_trie: str, if_inet6: str) -> Tuple[Network, ...]:
    """The networks of which the host takes all packets itself, mostly of one address each."""
    found: List[Network] = []
    address = ""
    for line in fib_trie.splitlines():
        leaf, local = _LEAF.search(line), _LOCAL.search(line)
        address = leaf.group(1) if leaf else address
        if local and address:
            found.append(IPv4Network((address, int(local.group(1))), strict=False))
    found += [IPv6Network(int(line.split()[0], 16)) for line in if_inet6.splitlines() if line.strip()]
    return tuple(dict.fromkeys(found))
