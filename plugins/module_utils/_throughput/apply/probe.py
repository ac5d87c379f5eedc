# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether frames of full size pass a path: found with TCP alone, because many paths drop pings and the messages of ICMP."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Dict, Sequence, Tuple

from ..search import Search
from .control import connect, introduce, reset, tcp_info

AMOUNT = 1 << 16
_ANSWERED_WITHIN = 0.7
_TAKEN_WITHIN = 1.5


def answer(connection: socket.socket) -> threading.Thread:
    """Take the bytes of one probe and confirm them, beside other probes."""
    thread = threading.Thread(target=_take, args=(connection,), daemon=True)
    thread.start()
    return thread


def _take(connection: socket.socket) -> None:
    end = time.monotonic() + _TAKEN_WITHIN
    left = AMOUNT
    with suppress(OSError), connection:
        while left > 0 and time.monotonic() < end:
            connection.settimeout(_TAKEN_WITHIN)
            data = connection.recv(left)
            if not data:
                return
            left -= len(data)
        if not left:
            connection.sendall(b"k")


def largest_that_passes(address: str, port: int, token: str, turn: int) -> Tuple[int, int, int]:
    """The payload that the two ends agree on, the largest payload that passes (0 if none does), and the number of probes.

    :raises OSError: no connection can be made.
    """
    with connect(address, port, 5) as first:
        info = tcp_info(first)
        reset(first)
    # The option counts the bytes of TCP's timestamps, which the size of a segment leaves out.
    options = 12 if info.timestamps else 0
    wait = _ANSWERED_WITHIN + 8 * info.round_trip
    search, tries = Search(info.mss), 0
    while search.found is None and not search.nothing_passes:
        sizes = search.sizes()
        passed = _try(address, port, token, turn, sizes, options, wait)
        tries += len(passed)
        if sizes == [info.mss] and not passed[info.mss]:
            # Once more: a packet that is lost by chance is no black hole.
            passed = _try(address, port, token, turn, sizes, options, wait)
            tries += 1
        search.learn(passed)
    return info.mss, search.found or 0, tries


def _try(address: str, port: int, token: str, turn: int, sizes: Sequence[int], options: int, wait: float) -> Dict[int, bool]:
    """Which of these sizes pass, tried at the same time."""
    passed: Dict[int, bool] = {}
    threads = []
    for size in sizes:
        thread = threading.Thread(target=_passes, args=(passed, address, port, token, turn, (size, options), wait), daemon=True)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return passed


def _passes(passed: Dict[int, bool], address: str, port: int, token: str, turn: int, sizes: Tuple[int, int], wait: float) -> None:
    size = sizes[0]
    try:
        connection = connect(address, port, 2, sum(sizes))
    except OSError:
        passed[size] = False
        return
    try:
        connection.settimeout(wait)
        introduce(connection, token, "probe", turn)
        connection.sendall(bytes(AMOUNT))
        passed[size] = connection.recv(1) == b"k"
    except OSError:
        passed[size] = False
    finally:
        reset(connection)
