# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to a server whose time is limited."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Callable, Optional

from ..options import Wanted
from ..state import ProbeError
from .starttls import start_tls


class Connection:
    """A connection that waits for the server for so many seconds in all, so that one that sends a byte a second does not hold it up.

    Raises L(ProbeError), and ConnectionResetError where the server ends the connection against all rules.
    """

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self._seconds = self._left = seconds
        start = time.monotonic()
        try:
            self._socket = socket.create_connection((host, port), timeout=seconds)
        except socket.timeout as error:
            raise ProbeError(f"no connection within {seconds:g} s", is_silent=True) from error
        except ConnectionResetError:
            raise
        except OSError as error:
            raise ProbeError(f"no connection: {error.strerror or error}", is_silent=True) from error
        self._left -= time.monotonic() - start

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self, patience: float = 0.0) -> None:
        """Say that nothing more follows, wait at most C(patience) seconds until the server has closed the connection, and close it."""
        end = time.monotonic() + patience
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while time.monotonic() < end:
                self._socket.settimeout(max(0.001, end - time.monotonic()))
                if not self._socket.recv(16384):
                    break
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send all bytes."""
        self._call(lambda found: found.sendall(data))

    def receive(self) -> bytes:
        """The next bytes; none at the end of the connection."""
        return self._call(lambda found: found.recv(16384))

    def _call(self, function: Callable[[socket.socket], Optional[bytes]]) -> bytes:
        if self._left <= 0:
            raise ProbeError(f"no complete answer within {self._seconds:g} s", is_silent=True)
        start = time.monotonic()
        self._socket.settimeout(self._left)
        try:
            return function(self._socket) or b""
        except socket.timeout as error:
            raise ProbeError(f"no complete answer within {self._seconds:g} s", is_silent=True) from error
        except ConnectionError as error:
            raise ConnectionResetError(error.errno, error.strerror or "reset") from error
        except OSError as error:
            raise ProbeError(f"the connection failed: {error.strerror or error}") from error
        finally:
            self._left -= time.monotonic() - start


def connect(wanted: Wanted, connected: Callable[[], None] = lambda: None) -> Connection:
    """A connection on which TLS may begin. C(connected) is called as soon as the server knows the connection, or there is none."""
    try:
        connection = Connection(wanted.host, wanted.port, wanted.timeout)
    finally:
        connected()
    try:
        if wanted.starttls:
            start_tls(connection, wanted.starttls)
    except BaseException:
        connection.close()
        raise
    return connection
