# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection by which the two halves of a measurement agree: one JSON object a line."""

from __future__ import annotations

import json
import socket
import struct
from contextlib import suppress
from typing import Any, Dict, Tuple

from ..._core.errors import ObservationError
from ..tcp_info import LENGTH, TcpInfo, parse

_LONGEST = 1 << 16
# Messages stay small enough for every path: they must arrive where frames of full size do not.
_SMALL = 536


class PeerError(ObservationError):
    """The other half does not answer, or answers that it cannot."""


def tcp_info(connection: socket.socket) -> TcpInfo:
    """What the kernel tells about a connection."""
    return parse(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LENGTH))


def connect(address: str, port: int, timeout: float, largest: int = 0) -> socket.socket:
    """A connection whose segments have at most C(largest) bytes of payload, if given.

    :raises OSError: nobody listens there, or the address does not answer.
    """
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if largest:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, largest)
        made.settimeout(timeout)
        made.connect((address, port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        made.close()
        raise
    return made


def reset(connection: socket.socket) -> None:
    """Close at once, and forget what was not sent."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Channel:
    """Sends and receives messages."""

    def __init__(self, connection: socket.socket, peer: str) -> None:
        self.connection = connection
        self.peer = peer
        self._buffer = b""

    def send(self, message: Dict[str, Any]) -> None:
        """Send a message."""
        try:
            self.connection.settimeout(10)
            self.connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise PeerError(f"{self.peer}: the connection broke: {error.strerror or error}") from None

    def receive(self, timeout: float) -> Dict[str, Any]:
        """The next message.

        :raises PeerError: it did not come, or tells that the other half failed.
        """
        self.connection.settimeout(timeout)
        while b"\n" not in self._buffer:
            try:
                data = self.connection.recv(_LONGEST)
            except socket.timeout:
                raise PeerError(f"{self.peer}: it did not answer within {timeout:g} s") from None
            except OSError as error:
                raise PeerError(f"{self.peer}: the connection broke: {error.strerror or error}") from None
            if not data or len(self._buffer) > _LONGEST:
                raise PeerError(f"{self.peer}: it ended the measurement: the network between the hosts, or its log, may say why")
            self._buffer += data
        line, _newline, self._buffer = self._buffer.partition(b"\n")
        message: Dict[str, Any] = json.loads(line)
        if "error" in message:
            raise PeerError(f"{self.peer}: {message['error']}")
        return message


def introduce(connection: socket.socket, token: str, what: str, turn: int, name: str = "") -> None:
    """Say first what a connection is for."""
    connection.sendall(json.dumps({"token": token, "what": what, "turn": turn, "name": name}).encode() + b"\n")


def read_introduction(connection: socket.socket, token: str) -> Tuple[str, int, str]:
    """What a new connection is for; an empty string if it is not one of ours. Not a byte after the introduction is read."""
    connection.settimeout(2)
    text = b""
    try:
        while not text.endswith(b"\n") and len(text) < 1000:
            one = connection.recv(1)
            if not one:
                return "", 0, ""
            text += one
        said = json.loads(text)
        if not isinstance(said, dict) or said.get("token") != token:
            return "", 0, ""
        return str(said["what"]), int(said["turn"]), str(said["name"])
    except (OSError, ValueError, KeyError):
        return "", 0, ""


def open_control(address: str, port: int, timeout: float) -> socket.socket:
    """A connection for messages."""
    return connect(address, port, timeout, _SMALL)
