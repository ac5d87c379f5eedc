# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restart a service, verify that it has the /tmp that its unit promises and stays up with it, or give it back what it had."""

from __future__ import annotations

import time
from typing import Callable, List, Optional, Sequence

from .._core import plan as core
from .._core.errors import CommandError, ObservationError, StepError
from .._core.plan import Command, Operations, Plan, RemoveFile, Step, WriteFile
from .._core.runner import Runner
from .._host.systemd import RELOAD, SYSTEM_FOLDER, drop_in_folder
from .options import Wanted
from .render import drop_in_path, helper_name, helper_path
from .state import State
from .verify import unmet

# The time that a service may take from systemd's "started" to its permanent processes.
_SETTLES = 10.0
_PAUSE = 0.2
# Each look reads /proc as a whole.
_LOOKS = 0.5
# A service may take long to stop: systemd's default limit is 90 s.
_RESTART_LIMIT = 300.0
# The number of shown problems, because a service may have thousands of processes with the same problem.
_SHOWN = 4
_LINES = 4


def operations(wanted: Wanted, observe: Callable[[str], State], runner: Runner) -> Operations:
    """The operations of plans, by name. C(observe) reads a service by its name."""
    return _Restart(wanted, observe, runner).operations()


class _Restart:
    """The restart of one service, with the files that it had before."""

    def __init__(self, wanted: Wanted, observe: Callable[[str], State], runner: Runner) -> None:
        self._wanted, self._observe, self._runner = wanted, observe, runner
        self._former: Optional[State] = None

    def operations(self) -> Operations:
        """The functions by the names that plans use."""
        return {"remember": self._remember, "restart": self._restart}

    def _remember(self, service: str) -> None:
        self._former = self._observe(service)

    def _restart(self, service: str, folders: Optional[str] = None) -> None:
        units = (folders, service) if folders is not None else (service,)
        # A play may restart a service often, and systemd would refuse to start it again; 1 is the answer for a unit that is not loaded.
        self._runner.run(("systemctl", "reset-failed", *units), accept=(0, 1))
        try:
            # try-restart does not start a service that is not running. That of the folders restarts the service too, once.
            self._runner.run(("systemctl", "try-restart", *units), timeout=_RESTART_LIMIT)
            fault = ""
        except CommandError as error:
            fault = error.brief
        fault = fault or self._prove(service) or self._watch(service)
        if fault:
            self._give_back(service, fault)

    def _prove(self, service: str) -> str:
        """Wait for the promised /tmp. Returns why the service does not run, if it does not.

        :raises ObservationError: it runs with another /tmp.
        """
        end = time.monotonic() + _SETTLES
        while True:
            state = self._observe(service)
            problems = unmet(state, self._wanted) if state.unit.active and not state.unit.failure else ()
            if state.unit.active and not state.unit.failure and not problems:
                return ""
            if time.monotonic() > end:
                break
            time.sleep(_PAUSE)
        if not problems:
            return f"it does not run ({state.unit.failure or 'it has ended'})"
        remedy = f"see journalctl --unit={service}; state: absent removes the drop-in"
        raise ObservationError(f"{service} was restarted, and {'; '.join(problems[:_SHOWN])}: {remedy}")

    def _watch(self, service: str) -> str:
        """Watch the service for its settling time: a program may load a library, or miss a file, only seconds after its start."""
        begin = self._observe(service)
        end = time.monotonic() + self._wanted.settle
        while self._wanted.present and time.monotonic() < end:
            time.sleep(_LOOKS)
            state = self._observe(service)
            if not state.unit.active or state.unit.failure:
                return f"it has ended ({state.unit.failure or 'without an error'})"
            if state.unit.restarts > begin.unit.restarts:
                return "systemd had to start it again"
            if begin.processes and not state.processes:
                return "all its processes have ended"
        return ""

    def _give_back(self, service: str, fault: str) -> None:
        text = f"{service} does not stay up with its private /tmp: {fault}{self._last_words(service)}"
        if self._former is None:
            raise ObservationError(f"{text}. See journalctl --unit={service}")
        try:
            now = self._observe(service)
            made = [helper_name(service)] if self._former.helper is None and now.helper is not None else []
            made += [helper_name(service, share) for share in now.common if share not in self._former.common]
            core.apply(Plan(service, {}, {}, tuple(way_back(self._former, made))), self._runner)
        except StepError as error:
            raise ObservationError(f"{text}. Its former files could not be given back: {error}") from None
        state = self._observe(service)
        how = "it runs again" if state.unit.active and not state.unit.failure else "it does not run with them either"
        raise ObservationError(f"{text}. Its former files were given back, and {how}")

    def _last_words(self, service: str) -> str:
        shown = self._runner.run(
            ("journalctl", f"--unit={service}", f"--lines={_LINES}", "--output=cat", "--no-pager"), accept=tuple(range(256))
        )
        lines = [line.strip()[:200] for line in shown.stdout.splitlines() if line.strip()]
        return f"; its last lines: {' / '.join(lines)}" if lines else ""


def way_back(former: State, made: Sequence[str]) -> List[Step]:
    """The steps that give a service its former files and start it with them. Pure.

    :arg made: the units of folders that the run has made.
    """
    name = former.unit.name
    drop_in, helper = drop_in_path(name), helper_path(name)
    steps: List[Step] = [RemoveFile(drop_in) if former.drop_in is None else WriteFile(drop_in, former.drop_in)]
    if former.drop_in is None:
        # The folder stays if it has other drop-ins.
        steps.append(Command(("rmdir", "--ignore-fail-on-non-empty", drop_in_folder(name))))
    if former.helper is not None:
        steps.append(WriteFile(helper, former.helper))
    # A unit that ended without an error may not be loaded any more, so that there is nothing to reset.
    steps += [
        RELOAD,
        Command(("systemctl", "reset-failed", name), accept=(0, 1)),
        Command(("systemctl", "restart", name), timeout=_RESTART_LIMIT),
    ]
    for unit in made:
        steps += [Command(("systemctl", "stop", unit), timeout=_RESTART_LIMIT), RemoveFile(f"{SYSTEM_FOLDER}/{unit}"), RELOAD]
    return steps
