# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many commands side by side in one process, with ClusterShell's engine: what each printed, or that it took too long."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

try:
    from ClusterShell.Event import EventHandler
    from ClusterShell.NodeSet import NodeSet
    from ClusterShell.Task import Task, task_self
    from ClusterShell.Worker.Exec import ExecClient, ExecWorker

    MISSING: Optional[ImportError] = None
except ImportError as error:
    EventHandler, ExecClient, ExecWorker = object, object, object
    MISSING = error

_NOT_FOUND = 127


@dataclass
class Outcome:
    """What came of one command. C(exit_code) is None for one that was ended because it took too long."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    exit_code: Optional[int] = None


class _Client(ExecClient):  # type: ignore[misc]  # not typed by its authors
    def _build_cmd(self) -> Tuple[Sequence[str], None]:
        return self.worker.commands[self.key], None

    def _handle_read(self, sname: str) -> None:
        # The engine would split the output into lines and hand over each: most of the time of a thousand hosts.
        outcome = self.worker.outcomes[self.key]
        (outcome.stderr if sname == self.worker.SNAME_STDERR else outcome.stdout).extend(self._read(sname))

    def _flush_read(self, sname: str) -> None:
        """Nothing is held back."""


class _Worker(ExecWorker):  # type: ignore[misc]
    SHELL_CLASS = _Client

    def __init__(self, commands: Mapping[str, Sequence[str]], handler: Any, timeout: float) -> None:
        self.commands = commands
        self.outcomes = {key: Outcome() for key in commands}
        super().__init__(NodeSet.fromlist(list(commands)), handler, timeout=timeout, command="-", stderr=True)


class _Handler(EventHandler):  # type: ignore[misc]
    def ev_hup(self, worker: _Worker, node: str, rc: int) -> None:
        """A command ended."""
        worker.outcomes[node].exit_code = rc


def run_all(commands: Mapping[str, Sequence[str]], fanout: int, timeout: float) -> Dict[str, Outcome]:
    """Run a command for each host, at most C(fanout) at a time, each at most C(timeout) seconds long.

    Names of hosts may be anything: the engine, whose sets have a syntax for names, gets numbers.
    """
    outcomes: Dict[str, Outcome] = {}
    names: List[str] = []
    for host, argv in commands.items():
        if shutil.which(argv[0]):
            names.append(host)
        else:
            outcomes[host] = Outcome(stderr=bytearray(f"{argv[0]}: not found on the controller".encode()), exit_code=_NOT_FOUND)
    if not names:
        return outcomes
    numbered = {f"n{number}": commands[host] for number, host in enumerate(names)}
    worker = _Worker(numbered, _Handler(), timeout)
    task: Task = task_self()
    before = task.info("fanout")
    task.set_info("fanout", fanout)
    try:
        task.schedule(worker)
        worker.set_write_eof()
        task.resume()
    finally:
        task.set_info("fanout", before)
    return {**outcomes, **{host: worker.outcomes[f"n{number}"] for number, host in enumerate(names)}}
