# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that are opened ahead make a scan faster, and change nothing else, whatever the server does to them."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from typing import Callable

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._tls.observe import connection as connections
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.observe import lines
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.observe.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.options import PARALLEL
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.state import Scan
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._tls.servers import (
    handshake,
    listening,
    make_context,
    want,
    write_pair,
)

V = ssl.TLSVersion
Serve = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """A server that speaks TLS 1.2 and 1.3."""
    pair = write_pair(tmp_path_factory.mktemp("pair"), "ec256")
    return handshake(make_context(pair, "ECDHE+AESGCM:ECDHE+AES", (V.TLSv1_2, V.TLSv1_3)))


def greets(serve: Serve, seconds: float = 0.0) -> Serve:
    """A server of files that takes some seconds to greet."""

    def greet(connection: socket.socket) -> None:
        time.sleep(seconds)
        connection.sendall(b"220 ready\r\n")
        if connection.recv(1000):
            connection.sendall(b"234 go\r\n")
            serve(connection)

    return greet


def scan(serve: Serve, parallel: int, starttls: str | None = None, timeout: float = 5.0) -> tuple[Scan, float]:
    """What is found, and in how many seconds."""
    start = time.monotonic()
    with listening(serve) as port:
        (found,) = observe(want(port, parallel=parallel, starttls=starttls, timeout=timeout))
    return found, time.monotonic() - start


@pytest.mark.parametrize("parallel", [1, 2, PARALLEL])
def test_no_more_connections_than_allowed_are_open(monkeypatch: pytest.MonkeyPatch, tls: Serve, parallel: int) -> None:
    count = {"open": 0, "most": 0}
    lock = threading.Lock()

    class Counted(connections.Connection):
        def __init__(self, host: str, port: int, seconds: float) -> None:
            with lock:
                count["open"] += 1
                count["most"] = max(count.values())
            super().__init__(host, port, seconds)

        def close(self, patience: float = 0.0) -> None:
            super().close(patience)
            with lock:
                count["open"] -= 1

    monkeypatch.setattr(connections, "Connection", Counted)
    threads = threading.active_count()
    with listening(tls) as port:
        observe(want(port, parallel=parallel, names=("a.test", None)))
        assert threading.active_count() <= threads + 1 + parallel, "those of the server"
    assert count == {"open": 0, "most": parallel}


def test_a_server_that_is_slow_to_greet_is_scanned_faster(tls: Serve) -> None:
    (alone, seconds), (beside, seconds_beside) = (scan(greets(tls, 0.05), parallel, "ftp") for parallel in (1, PARALLEL))
    assert alone == beside
    assert alone.errors == ()
    assert seconds_beside < seconds * 0.6


def test_what_is_not_used_is_closed_in_order(tls: Serve) -> None:
    unused: list[bytes | OSError] = []

    def serve(connection: socket.socket) -> None:
        try:
            first = connection.recv(1, socket.MSG_PEEK)
        except OSError as error:
            unused.append(error)
        else:
            tls(connection) if first else unused.append(first)

    scan(serve, PARALLEL)
    # The last thread of the server may not have run yet.
    time.sleep(0.1)
    assert unused
    assert set(unused) == {b""}
    assert len(unused) < PARALLEL


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closes(connection: socket.socket) -> None:
    pass


def says(line: bytes) -> Serve:
    return lambda connection: connection.sendall(line)


def waits(connection: socket.socket) -> None:
    connection.recv(1000)
    time.sleep(2)


@pytest.mark.parametrize(
    ("refuse", "limit", "starttls"),
    [
        (resets, 1, None),
        (closes, 1, None),
        (closes, 2, None),
        (waits, 2, None),
        (closes, 2, "ftp"),
        (says(b"421 Too many connections\r\n"), 1, "ftp"),
        (says(b"530-Sorry,\r\n530 the maximum number of connections\r\n"), 2, "ftp"),
    ],
)
def test_a_server_that_counts_connections_is_asked_one_by_one(tls: Serve, refuse: Serve, limit: int, starttls: str | None) -> None:
    serve = greets(tls) if starttls else tls
    places = threading.BoundedSemaphore(limit)
    refused = []

    def count(connection: socket.socket) -> None:
        if not places.acquire(blocking=False):
            refused.append(threading.get_ident())
            refuse(connection)
            return
        try:
            serve(connection)
        finally:
            places.release()

    expected, _seconds = scan(serve, 1, starttls)
    found, seconds = scan(count, PARALLEL, starttls, timeout=0.5)
    assert found == expected
    assert found.errors == ()
    assert refused
    assert limit == 1 or len(refused) <= 2 * PARALLEL, "after that, it is asked one thing at a time"
    assert seconds < 8


def test_a_server_that_takes_no_connection_says_so() -> None:
    found, seconds = scan(says(b"421 Come back tomorrow\r\n"), PARALLEL, "ftp")
    assert found.errors == ("it takes no connection: its answer to its greeting is '421 Come back tomorrow'",)
    assert seconds < 2


def test_a_server_that_serves_one_client_at_a_time_is_not_waited_for(tls: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _address = server.accept()
                except OSError:
                    return
                with connection:
                    tls(connection)

        threading.Thread(target=serve, daemon=True).start()
        start = time.monotonic()
        (found,) = observe(want(server.getsockname()[1], timeout=5.0))
        seconds = time.monotonic() - start
        server.shutdown(socket.SHUT_RDWR)
    assert found.errors == ()
    assert found.certificate is not None
    assert seconds < 5


def floods(connection: socket.socket) -> None:
    connection.recv(4096)
    for _record in range(640):
        connection.sendall(b"\x16\x03\x03\x40\x00" + bytes(16384))


@pytest.mark.parametrize("bad", [resets, closes, waits, floods, says(b"\x16\x03\x03\x7f\xff")])
def test_a_peer_that_is_bad_in_the_middle_gives_the_same_error(monkeypatch: pytest.MonkeyPatch, tls: Serve, bad: Serve) -> None:
    monkeypatch.setattr(lines, "_PAUSE", 0.05)

    def serve(connection: socket.socket) -> None:
        # The version of a hello.
        older = connection.recv(11, socket.MSG_PEEK | socket.MSG_WAITALL)[9:] < b"\3\3"
        (bad if older else tls)(connection)

    (alone, _seconds), (beside, seconds) = (scan(serve, parallel, timeout=0.2) for parallel in (1, PARALLEL))
    assert alone == beside
    assert [protocol.name for protocol in beside.protocols] == ["TLSv1.2", "TLSv1.3"]
    assert [error.partition(":")[0] for error in beside.errors] == ["TLSv1.1", "TLSv1", "SSLv3"]
    assert seconds < 6
