# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections to one server, of which the next ones are opened while one is used."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Callable, Deque, TypeVar

from ..options import Wanted
from ..state import BusyError, ProbeError
from .connection import Connection, connect

Found = TypeVar("Found")

_TRIES = 3
_PAUSE = 0.3
"""Seconds before a server that refused a connection is asked again, and for it to notice that one is closed."""


class Lines:
    """Connections on which TLS may begin, each for one use, at most C(wanted.parallel) at a time.

    The first is alone, so a server that says nothing sees no more. Once there is an answer, the next ones are opened ahead, because a
    server that starts a process for each, or is far away, takes longer to greet than to answer. It may count its clients' connections: what
    fails beside others counts only if it fails alone, too. If it does not, all that follow are alone.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._ahead = wanted.parallel - 1
        self._next: Deque[Future[Connection]] = deque()
        self._threads = ThreadPoolExecutor(max_workers=max(1, self._ahead))
        self._before = Event()
        self._before.set()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._close_next()
        self._threads.shutdown()

    def use(self, function: Callable[[Connection], Found]) -> Found:
        """What the function makes of the next connection, which is closed after it. Raises L(ProbeError)."""
        if not self._next:
            found = self._use_alone(function)
            self._open_next()
            return found
        try:
            future = self._next.popleft()
            self._open_next()
            with future.result() as connection:
                return function(connection)
        except (ProbeError, ConnectionError):
            self._close_next()
        ahead, self._ahead = self._ahead, 0
        try:
            return self._use_alone(function)
        except ProbeError:
            # That was not because of the others.
            self._ahead = ahead
            raise

    def _use_alone(self, function: Callable[[Connection], Found]) -> Found:
        problem = ProbeError("it resets the connection")
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE)
            try:
                return self._use_once(function)
            except BusyError as error:
                problem = error
            except ConnectionResetError:
                problem = ProbeError("it resets the connection")
            except ProbeError as error:
                # Once more, if it may still count another connection that is closed already.
                if self._ahead or attempt or error.is_silent:
                    raise
                problem = error
        raise problem

    def _use_once(self, function: Callable[[Connection], Found]) -> Found:
        connection = connect(self._wanted)
        try:
            return function(connection)
        finally:
            connection.close(0 if self._ahead else _PAUSE)

    def _open_next(self) -> None:
        while len(self._next) < self._ahead:
            before, self._before = self._before, Event()
            self._next.append(self._threads.submit(self._open, before, self._before))

    # One after the other, because a server that serves one client at a time waits for the hello of the first.
    def _open(self, before: Event, connected: Event) -> Connection:
        before.wait()
        return connect(self._wanted, connected.set)

    def _close_next(self) -> None:
        """Close what was opened ahead, once it is open, and let the server notice it."""
        while self._next:
            with contextlib.suppress(ProbeError, ConnectionError):
                self._next.popleft().result().close(_PAUSE)
