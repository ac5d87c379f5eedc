# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for the machines of a lab to boot, for all at once, and no longer for a machine whose process has ended."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

from ..._core.errors import CommandError
from ..._core.runner import Runner

_PAUSE = 0.5
"""Seconds between two checks."""

_BOOTED = frozenset({"running", "degraded", "active"})
"""Answers of systemd: the first two after a complete boot, the last during a boot that still waits for a device."""

_UNREACHED = "not reached by ssh and booted"

_ANY_EXIT_CODE = tuple(range(-64, 256))


@dataclass(frozen=True)
class Machine:
    """C(token) is the word in the argv of a guest's process, C(boot_log) tells a user where the messages of the boot are."""

    name: str
    boot_log: str
    token: Optional[str] = None


@dataclass(frozen=True)
class Outcome:
    """C(problem) is empty for a machine that has booted; C(boot_log) is set if the problem needs the messages of the boot."""

    name: str
    seconds: float
    problem: str = ""
    boot_log: str = ""


class _Asking(threading.Thread):
    """Asks one machine by ssh repeatedly, until it answers that it has booted, or the wait for it has ended."""

    def __init__(self, machine: Machine, ssh_config: str, deadline: float, runner: Runner) -> None:
        # A daemon thread, so that the module does not wait for a connection to a machine that has ended.
        super().__init__(daemon=True)
        self._machine = machine
        self._ssh_config = ssh_config
        self._deadline = deadline
        self._runner = runner
        self.unwanted = False
        self.booted = False
        self.said = ""

    def run(self) -> None:
        """Ask until there is an answer."""
        while not (self.booted or self.unwanted) and time.monotonic() < self._deadline:
            self.booted = self._ask()
            if not self.booted:
                time.sleep(_PAUSE)

    def _ask(self) -> bool:
        left = max(self._deadline - time.monotonic(), 1)
        # A boot may wait for a file system on arrays that only a later part of this run assembles.
        question = f"timeout {max(int(left) // 4, 1)} systemctl is-system-running --wait || systemctl is-active default.target"
        argv = ["ssh", "-F", self._ssh_config, "-o", "BatchMode=yes", self._machine.name, question]
        try:
            result = self._runner.run(argv, timeout=left, accept=_ANY_EXIT_CODE)
        except CommandError as error:
            self.said = error.problem
            return False
        self.said = result.stderr.strip()[-300:]
        return bool(_BOOTED & set(result.stdout.split()))


def wait_for_boot(
    machines: Sequence[Machine],
    ssh_config: str,
    timeout: float,
    runner: Runner,
    running: Callable[[], Set[str]],
    console: Callable[[Machine], str],
) -> Tuple[Outcome, ...]:
    """The outcomes of all machines, in their order, as soon as all are known.

    :arg timeout: seconds for all machines together.
    :arg running: returns the tokens of guests whose processes run.
    :arg console: returns the end of a guest, from its console.
    """
    start = time.monotonic()
    asking = {machine.name: _Asking(machine, ssh_config, start + timeout, runner) for machine in machines}
    for thread in asking.values():
        thread.start()
    outcomes: Dict[str, Outcome] = {}
    while len(outcomes) < len(machines):
        time.sleep(_PAUSE / 2)
        late = time.monotonic() - start >= timeout
        alive = running()
        for machine in machines:
            thread = asking[machine.name]
            problem = _problem(machine, thread, alive, late, timeout, console)
            if machine.name not in outcomes and problem is not None:
                thread.unwanted = True
                log = machine.boot_log if problem.startswith(_UNREACHED) else ""
                outcomes[machine.name] = Outcome(machine.name, time.monotonic() - start, problem, log)
    return tuple(outcomes[machine.name] for machine in machines)


def _problem(
    machine: Machine, thread: _Asking, alive: Set[str], late: bool, timeout: float, console: Callable[[Machine], str]
) -> Optional[str]:
    """The problem of a machine: C(None) while it may still boot, an empty text after it has booted."""
    if thread.booted:
        return ""
    if machine.token is not None and machine.token not in alive:
        return f"ended before it had booted: {console(machine)}"
    if late:
        return f"{_UNREACHED} within {timeout:g} s" + (f" ({thread.said})" if thread.said else "")
    return None


def by_cause(outcomes: Sequence[Outcome], hint: str = "") -> List[str]:
    """One message for each cause, with the names of all machines that have it.

    :arg hint: another place to look if machines were not reached.
    """
    causes: Dict[str, List[Outcome]] = {}
    for outcome in outcomes:
        if outcome.problem:
            causes.setdefault(outcome.problem, []).append(outcome)
    return [_message(problem, stopped, hint) for problem, stopped in causes.items()]


def _message(problem: str, stopped: Sequence[Outcome], hint: str) -> str:
    logs = [outcome.boot_log for outcome in stopped if outcome.boot_log]
    look = f": see {', '.join(logs)}{f', or {hint}' if hint else ''}" if logs else ""
    return f"{', '.join(outcome.name for outcome in stopped)}: {problem}{look}"
