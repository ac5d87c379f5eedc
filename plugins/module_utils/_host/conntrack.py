# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows of UDP that the kernel tracks: a list of them, and how one is forgotten, so that its next packet is judged by today's rules.

The kernel is asked by netlink, as the program conntrack does, which few hosts have.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from .._core.errors import ObservationError

_NETLINK_NETFILTER = 12
_GET, _DELETE = 0x101, 0x102
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_ERROR, _DONE = 2, 3
_NESTED, _KIND = 0x8000, 0x3FFF
_ORIGINAL, _REPLY, _STATUS, _ID, _ZONE, _FILTER = 1, 2, 3, 12, 18, 25
_IP, _PROTO = 1, 2
_TRANSLATED = 1 << 5
_BY_PROTOCOL = 1 << 3
_UDP = 17
_HEADER = struct.Struct("=IHHII")
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass(frozen=True)
class Flow:
    """A flow of UDP: its first packet went from C(source) to C(to) and C(port); answers come from C(answers) and C(answers_port).

    C(returns) is the address to which answers are sent. C(translated): the address to which the first packet went was translated.
    C(key) is by what the kernel finds the flow.
    """

    family: int
    source: str
    to: str
    port: int
    answers: str
    answers_port: int
    returns: str
    translated: bool = False
    key: bytes = field(default=b"", compare=False, repr=False)


def observe_flows() -> Optional[Tuple[Flow, ...]]:
    """The tracked flows of UDP; C(None) if this kernel does not show flows (nf_conntrack_netlink)."""
    try:
        return tuple(flow for flow in map(parse_flow, messages()) if flow is not None)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EPROTONOSUPPORT, errno.ENOENT, errno.EOPNOTSUPP, errno.EPERM):
            return None
        raise ObservationError(f"the kernel does not list its tracked flows: {error.strerror}") from None


def forget(flows: Iterable[Flow]) -> None:
    """Let the kernel forget flows; one that has ended meanwhile is no failure."""
    try:
        with _connected() as kernel:
            for flow in flows:
                _ask(kernel, _DELETE, _REQUEST | _ACK, flow.family, flow.key)
                for _message in _answers(kernel, accept=errno.ENOENT):
                    pass
    except OSError as error:
        raise ObservationError(f"the kernel does not forget a tracked flow: {error.strerror}") from None


def _connected() -> socket.socket:
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    kernel.bind((0, 0))
    kernel.settimeout(30)
    return kernel


def messages() -> Iterator[bytes]:
    """The kernel's messages about its tracked flows of UDP; kernels before 5.8 ignore the filter, and list other protocols too."""
    only = _attribute(_FILTER, _attribute(1, struct.pack("=I", _BY_PROTOCOL)) + _attribute(2, struct.pack("=I", 0)), _NESTED)
    udp = _attribute(_ORIGINAL, _attribute(_PROTO, _attribute(1, bytes([_UDP])), _NESTED), _NESTED)
    with _connected() as kernel:
        for family in _FAMILY:
            _ask(kernel, _GET, _REQUEST | _DUMP, family, only + udp)
            yield from _answers(kernel)


def _ask(kernel: socket.socket, kind: int, flags: int, family: int, attributes: bytes) -> None:
    body = struct.pack("=BBH", _FAMILY[family], 0, 0) + attributes
    kernel.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)


def _answers(kernel: socket.socket, accept: int = 0) -> Iterator[bytes]:
    """The bodies of the kernel's answers to one request, to their end."""
    while True:
        data, at = kernel.recv(1 << 20), 0
        while at < len(data):
            length, kind, _flags, _number, _port = _HEADER.unpack_from(data, at)
            body = data[at + _HEADER.size : at + length]
            at += (length + 3) & ~3
            if kind == _DONE:
                return
            if kind == _ERROR:
                code = -struct.unpack_from("=i", body)[0]
                if code in (0, accept):
                    return
                raise OSError(code, os.strerror(code))
            yield body


def parse_flow(message: bytes) -> Optional[Flow]:
    """The flow in a message of ctnetlink; C(None) if it is not one of UDP."""
    families = {int(number): family for family, number in _FAMILY.items()}
    found = _attributes(message[4:])
    original, reply = (_tuple(found.get(kind, b"")) for kind in (_ORIGINAL, _REPLY))
    if original is None or reply is None or message[0] not in families:
        return None
    key = b"".join(_attribute(kind, found[kind], nested) for kind, nested in ((_ORIGINAL, _NESTED), (_ID, 0), (_ZONE, 0)) if kind in found)
    status = struct.unpack("!I", found.get(_STATUS, b"\0\0\0\0"))[0]
    return Flow(
        family=families[message[0]],
        source=original[0],
        to=original[1],
        port=original[2],
        answers=reply[0],
        answers_port=reply[3],
        returns=reply[1],
        translated=bool(status & _TRANSLATED),
        key=key,
    )


def _tuple(data: bytes) -> Optional[Tuple[str, str, int, int]]:
    """Source, destination, port of the destination and port of the source of one direction."""
    parts = _attributes(data)
    protocol = _attributes(parts.get(_PROTO, b""))
    if protocol.get(1) != bytes([_UDP]):
        return None
    addresses: List[str] = [str(ipaddress.ip_address(value)) for _kind, value in sorted(_attributes(parts.get(_IP, b"")).items())]
    ports = [struct.unpack("!H", protocol[kind])[0] for kind in (3, 2)]
    return addresses[0], addresses[1], ports[0], ports[1]


def _attribute(kind: int, data: bytes, flags: int = 0) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind | flags) + data + b"\0" * (-len(data) % 4)


def _attributes(data: bytes) -> Dict[int, bytes]:
    found: Dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        found[kind & _KIND] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found
