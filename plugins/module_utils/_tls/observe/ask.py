# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connect to a server, and send it one ClientHello. No byte is ever encrypted here."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import Callable, Iterator, Optional

from ..answer import Answer, BadAnswer, read_answer
from ..hello import Offer, client_hello
from ..options import Wanted
from ..state import ProbeError
from .starttls import start_tls

_TRIES = 3
_PAUSE = 0.3
"""Seconds before a server that reset a connection is asked again: some allow only so many connections at a time."""


class Connection:
    """A connection whose whole life has a limit, so that a server that sends a byte a second does not hold it up."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        self._socket: Optional[socket.socket] = None
        try:
            self._socket = socket.create_connection((host, port), timeout=seconds)
        except socket.timeout as error:
            raise ProbeError(f"no connection within {seconds:g} s", is_silent=True) from error
        except OSError as error:
            raise ProbeError(f"no connection: {error.strerror or error}", is_silent=True) from error

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._socket:
            self._socket.close()

    def send(self, data: bytes) -> None:
        """Send all bytes."""
        self._call(lambda found: found.sendall(data))

    def receive(self) -> bytes:
        """The next bytes; none at the end of the connection."""
        return self._call(lambda found: found.recv(16384))

    def _call(self, function: Callable[[socket.socket], Optional[bytes]]) -> bytes:
        left = self._deadline - time.monotonic()
        if left <= 0 or self._socket is None:
            raise ProbeError(f"no complete answer within {self._seconds:g} s", is_silent=True)
        self._socket.settimeout(left)
        try:
            return function(self._socket) or b""
        except socket.timeout as error:
            raise ProbeError(f"no complete answer within {self._seconds:g} s", is_silent=True) from error
        except ConnectionError as error:
            raise ConnectionResetError(error.errno, error.strerror or "reset") from error
        except OSError as error:
            raise ProbeError(f"the connection failed: {error.strerror or error}") from error


@contextlib.contextmanager
def connect(wanted: Wanted) -> Iterator[Connection]:
    """A connection on which TLS may begin."""
    with Connection(wanted.host, wanted.port, wanted.timeout) as connection:
        if wanted.starttls:
            start_tls(connection, wanted.starttls)
        yield connection


def ask(wanted: Wanted, offer: Offer, until_key: bool) -> Answer:
    """The answer of the server to one offer."""
    for _attempt in range(_TRIES):
        try:
            return _ask_once(wanted, offer, until_key)
        except ConnectionResetError:
            time.sleep(_PAUSE)
    raise ProbeError("it resets the connection")


def _ask_once(wanted: Wanted, offer: Offer, until_key: bool) -> Answer:
    with connect(wanted) as connection:
        connection.send(client_hello(offer, os.urandom(64)))
        data = b""
        try:
            while True:
                received = connection.receive()
                if not received:
                    raise ProbeError(
                        "it closes the connection without an alert" if not data else "it closes the connection in the middle of its answer"
                    )
                data += received
                answer = read_answer(data, until_key)
                if answer is not None:
                    return answer
        except BadAnswer as error:
            raise ProbeError(str(error)) from error
