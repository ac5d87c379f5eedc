# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets from the tables of a host such as /proc/net/tcp, and which of them a process has open."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Iterator, Tuple

from .files import Host

LISTENING, UNCONNECTED, ESTABLISHED = "0A", "07", "01"
"""States of a socket in the tables; a socket of UDP that takes packets of anybody is unconnected."""

_INODE_FIELD = 9
_OPEN = "socket:["


@dataclass(frozen=True)
class Socket:
    """A line of a table. C(local) and C(remote) are the address and the port of its ends; processes refer to it by C(inode)."""

    local: Tuple[str, int]
    remote: Tuple[str, int]
    inode: int


def parse_table(text: str, state: str) -> Iterator[Socket]:
    """The sockets of a table that are in a state; a line of another form is skipped."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > _INODE_FIELD and words[3] == state:
            yield Socket(_end(words[1]), _end(words[2]), int(words[_INODE_FIELD]))


def _end(text: str) -> Tuple[str, int]:
    address, _colon, port = text.partition(":")
    # The kernel prints each word of 32 bits in the machine's own byte order.
    packed = b"".join(struct.pack("=I", int(address[start : start + 8], 16)) for start in range(0, len(address), 8))
    found = ipaddress.ip_address(packed)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (str(found) if mapped is None else f"::ffff:{mapped}"), int(port, 16)


def open_sockets(host: Host, pid: int) -> Iterator[int]:
    """The inodes of the sockets that a process has open."""
    folder = f"/proc/{pid}/fd"
    for link in (host.link(f"{folder}/{name}") for name in host.names(folder)):
        if link.startswith(_OPEN):
            yield int(link[len(_OPEN) : -1])
