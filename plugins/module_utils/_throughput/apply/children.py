# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process for each stream, so that each can have a core of its own. A process ends at its time limit, whatever happens to the others."""

from __future__ import annotations

import json
import math
import os
import resource
import select
import signal
import time
from contextlib import suppress
from typing import Any, Callable, Dict, List, Sequence

from ..._core.errors import ObservationError

Work = Callable[[], Dict[str, Any]]
_LONGEST = 1 << 16


def cpu_seconds() -> float:
    """The CPU time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Children:
    """Started processes, each of which reports one JSON object at its end."""

    def __init__(self, works: Sequence[Work], limit: float) -> None:
        self._limit = limit
        self._pids: List[int] = []
        self._pipes: List[int] = []
        for work in works:
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                _child(work, writing, limit)
            os.close(writing)
            self._pids.append(pid)
            self._pipes.append(reading)

    def wait(self, tick: Callable[[], None], interval: float) -> List[Dict[str, Any]]:
        """Wait for all reports, and call C(tick) regularly until then.

        :raises ObservationError: a process failed, or did not end in time.
        """
        reports: Dict[int, bytes] = dict.fromkeys(self._pipes, b"")
        left = set(self._pipes)
        end = time.monotonic() + self._limit
        due = time.monotonic()
        try:
            while left and time.monotonic() < end:
                ready, _none, _none = select.select(sorted(left), [], [], max(0.0, due - time.monotonic()))
                for pipe in ready:
                    data = os.read(pipe, _LONGEST)
                    reports[pipe] += data
                    if not data:
                        left.discard(pipe)
                if time.monotonic() >= due:
                    tick()
                    due += interval
        finally:
            self._end()
        return [_report(reports[pipe]) for pipe in self._pipes]

    def _end(self) -> None:
        for pipe in self._pipes:
            os.close(pipe)
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _report(text: bytes) -> Dict[str, Any]:
    if not text:
        raise ObservationError("a stream did not end in time")
    report: Dict[str, Any] = json.loads(text)
    if "error" in report:
        raise ObservationError(report["error"])
    return report


def _child(work: Work, writing: int, limit: float) -> None:
    """Carry out the work, report, and end without running the exit handlers of the parent."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(math.ceil(limit) + 1)
        try:
            report = work()
        except (OSError, ObservationError) as error:
            report = {"error": f"a stream broke: {error}"}
        os.write(writing, json.dumps(report).encode())
    finally:
        os._exit(0)
