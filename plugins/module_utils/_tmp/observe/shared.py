# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files and sockets below the host's /tmp that a service shares with other processes, and does not see in a private /tmp."""

from __future__ import annotations

import os
import socket
import struct
from typing import Dict, Iterator, List, Mapping, Sequence, Set, Tuple

from ..._host.files import Host
from ..._host.process import name_of, process_ids
from ..state import Shared

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_ALL = 0x301
_SHOW_PEER = 4
_PEER = 2
_ERROR, _DONE = 2, 3
_LISTENS = 0x10000

Key = Tuple[int, int]


def find_shared(pids: Sequence[int], places: Sequence[str], host: Host) -> Tuple[Shared, ...]:
    """Files and sockets below C(places) that the processes C(pids) share with other processes, sorted by path."""
    if not pids:
        return ()
    mine, others = _Opened(), _Opened()
    for pid in process_ids(host):
        if pid != os.getpid():
            _look(host, pid, places, mine if pid in pids else others)
    found = [Shared(path, "file", tuple(others.files[key][1])) for key, (path, _users) in mine.files.items() if key in others.files]
    bound = parse_unix(host.read(f"/proc/{pids[0]}/net/unix") or "", places)
    found += _sockets(mine.sockets, others.sockets, bound, peers())
    return tuple(sorted(found, key=str))


class _Opened:
    """The open files of a group of processes, by device and inode, and their sockets, by inode; each with its users."""

    def __init__(self) -> None:
        self.files: Dict[Key, Tuple[str, List[str]]] = {}
        self.sockets: Dict[int, List[str]] = {}


def _look(host: Host, pid: int, places: Sequence[str], opened: _Opened) -> None:
    title = f"{name_of(host, pid)}[{pid}]"
    folder = f"/proc/{pid}"
    for link in [f"{folder}/cwd", *(f"{folder}/fd/{name}" for name in host.names(f"{folder}/fd"))]:
        target = host.link(link)
        if target.startswith("socket:["):
            users = opened.sockets.setdefault(int(target[len("socket:[") : -1]), [])
        elif any(target.startswith(f"{place}/") for place in places):
            try:
                # Files are compared by inode, because a private /tmp has other files with the same names.
                found = os.stat(host.root + link)
            except OSError:
                continue
            users = opened.files.setdefault((found.st_dev, found.st_ino), (target, []))[1]
        else:
            continue
        if title not in users:
            users.append(title)


def parse_unix(text: str, places: Sequence[str]) -> Dict[int, Tuple[str, bool]]:
    """Sockets below C(places), by inode: the path, and whether the socket listens or takes datagrams."""
    found = {}
    for line in text.splitlines()[1:]:
        words = line.split(None, 7)
        if len(words) == 8 and any(words[7].startswith(f"{place}/") for place in places):
            found[int(words[6])] = (words[7], bool(int(words[3], 16) & _LISTENS) or words[4] == "0002")
    return found


def _sockets(
    mine: Mapping[int, Sequence[str]],
    others: Mapping[int, Sequence[str]],
    bound: Mapping[int, Tuple[str, bool]],
    peer_of: Mapping[int, int],
) -> Iterator[Shared]:
    """The sockets of the service, with the processes connected to them, and the sockets of other processes to which it is connected."""
    users: Dict[str, Set[str]] = {}
    for inode, (path, listens) in bound.items():
        peer = peer_of.get(inode, 0)
        if inode in mine:
            known = users.setdefault(path, set()) if listens or peer in others else set()
            known.update(others.get(peer, ()))
            # Both processes use a socket that one has inherited from the other.
            known.update(others.get(inode, ()))
        elif inode in others and peer in mine:
            users.setdefault(path, set()).update(others[inode])
    for path, known in users.items():
        yield Shared(path, "socket", tuple(sorted(known)))


def peers() -> Dict[int, int]:
    """The peers of connected unix sockets, as inodes; empty if the kernel does not show them."""
    request = struct.pack(
        "=IHHIIBBHIIIII", 40, _SOCK_DIAG_BY_FAMILY, _REQUEST_ALL, 1, 0, socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, _SHOW_PEER, 0, 0
    )
    found: Dict[int, int] = {}
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
            link.settimeout(5)
            link.send(request)
            while parse_peers(link.recv(1 << 16), found):
                pass
    except OSError:
        # A kernel without unix_diag does not show connections, but listening sockets are known from /proc.
        pass
    return found


def parse_peers(data: bytes, found: Dict[int, int]) -> bool:
    """Add the answers of one datagram to C(found); false after the last."""
    offset = 0
    while offset + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if kind in (_ERROR, _DONE) or length < 16:
            return False
        if kind == _SOCK_DIAG_BY_FAMILY:
            (inode,) = struct.unpack_from("=I", data, offset + 20)
            _add_peer(data[offset + 32 : offset + length], inode, found)
        offset += (length + 3) & ~3
    return True


def _add_peer(attributes: bytes, inode: int, found: Dict[int, int]) -> None:
    offset = 0
    while offset + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, offset)
        if length < 4:
            return
        if kind == _PEER and length >= 8:
            (found[inode],) = struct.unpack_from("=I", attributes, offset + 4)
        offset += (length + 3) & ~3
