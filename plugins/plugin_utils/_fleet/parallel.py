# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run many commands in parallel from one process, with ClusterShell's engine, and collect their outputs and exit codes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import Process

try:
    from ClusterShell.Engine.Engine import E_READ
    from ClusterShell.NodeSet import NodeSet
    from ClusterShell.Task import Task, task_self
    from ClusterShell.Worker.Exec import ExecClient, ExecWorker

    MISSING: Optional[ImportError] = None
except ImportError as error:
    ExecClient, ExecWorker = object, object
    MISSING = error

_SPARE_FILES = 32
"""Open files that are reserved for the engine, for a process that is being started, and for Ansible."""
_FILES_OF_ONE = 2
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_DOES_NOT_START = ["/bin/sh", "-c", 'echo "$0" >&2; exit 127']


@dataclass
class Outcome:
    """The outcome of one command. C(exit_code) is None for a command that was ended because it took too long."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    exit_code: Optional[int] = None


class _Client(ExecClient):  # type: ignore[misc]  # not typed by its authors
    def _build_cmd(self) -> Tuple[Sequence[str], None]:
        return self.worker.commands[self.key], None

    def _exec_nonblock(self, commandlist: Sequence[str], **_options: Any) -> Any:
        # The engine's own start of a process copies the page tables of the whole controller, which takes longer than everything else here.
        stdout, stderr = os.pipe(), os.pipe()
        process = self.worker.start(commandlist, stdout[1], stderr[1])
        for name, (mine, theirs) in ((self.worker.SNAME_STDERR, stderr), (self.worker.SNAME_STDOUT, stdout)):
            os.close(theirs)
            os.set_blocking(mine, False)
            self.streams.set_stream(name, mine, E_READ)
        return process

    def _handle_read(self, sname: str) -> None:
        # The engine would split the output into lines and report each, which takes most of the time for a thousand hosts.
        outcome = self.worker.outcomes[self.key]
        (outcome.stderr if sname == self.worker.SNAME_STDERR else outcome.stdout).extend(self._read(sname))

    def _flush_read(self, sname: str) -> None:
        """Do nothing: no output is buffered."""

    def _on_nodeset_close(self, nodes: str, rc: int) -> None:
        # Set directly and not by an event, because the engine looks up the signature of the handler for each event.
        self.worker.outcomes[nodes].exit_code = rc


def _start(argv: Sequence[str], stdout: int, stderr: int, environment: Mapping[str, str]) -> Process:
    # The command gets its own session, which has no terminal on which ssh could ask, and which is ended together with an ssh to a jump
    # host that hangs. It keeps the working directory, because the inventory may contain relative paths.
    def start(command: Sequence[str]) -> Process:
        return Process(command, subprocess.DEVNULL, stdout, stderr, environment, cwd=None)

    try:
        return start(argv)
    except FileNotFoundError:
        return start([*_DOES_NOT_START, f"{argv[0]}: not found on the controller"])
    except OSError as error:
        return start([*_DOES_NOT_START, f"{argv[0]}: {error.strerror}"])


class _Worker(ExecWorker):  # type: ignore[misc]
    SHELL_CLASS = _Client

    def __init__(self, commands: Mapping[str, Sequence[str]], timeout: float) -> None:
        self.commands = commands
        self.outcomes = {key: Outcome() for key in commands}
        self.processes: List[Process] = []
        self.starting = False
        self.asked: Optional[int] = None
        # ssh may not ask on a screen either. The variable reaches the ssh to a jump host too, which does not inherit the option.
        self.environment = {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}
        super().__init__(NodeSet.fromlist(list(commands)), None, timeout=timeout, command="-", stderr=True)

    def start(self, argv: Sequence[str], stdout: int, stderr: int) -> Process:
        """Start a command. A signal during the start is delivered again once the process is known."""
        self.starting = True
        try:
            process = _start(argv, stdout, stderr, self.environment)
            self.processes.append(process)
        finally:
            self.starting = False
        if self.asked is not None:
            os.kill(os.getpid(), self.asked)
        return process

    def end(self) -> None:
        """Kill all commands that still run. In their own sessions they would survive the end of this process."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()


@contextmanager
def _ended_with_this_process(worker: _Worker) -> Iterator[None]:
    """End the worker's commands when a signal ends this process, then let the signal take its former effect."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}

    def handle(number: int, _frame: Any) -> None:
        if worker.starting:
            worker.asked = number
            return
        worker.end()
        signal.signal(number, before[signal.Signals(number)])
        os.kill(os.getpid(), number)

    heard = [number for number in _ENDING if before[number] not in (signal.SIG_IGN, None)]
    for number in heard:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


def _room() -> int:
    """The most commands that can run at a time within this process's limit of open files."""
    most, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, (most - len(os.listdir("/dev/fd")) - _SPARE_FILES) // _FILES_OF_ONE)


def run_all(commands: Mapping[str, Sequence[str]], fanout: int, timeout: float) -> Dict[str, Outcome]:
    """Run a command for each host, at most C(fanout) at a time and within the limit of open files, each for at most C(timeout) seconds.

    Hosts with the same command are one machine under several names: the command runs once, and the hosts share its outcome. The engine
    gets numbers for the names of hosts, because its sets give some characters a meaning.
    """
    keys: Dict[Tuple[str, ...], str] = {}
    of_host = {host: keys.setdefault(tuple(argv), f"n{len(keys)}") for host, argv in commands.items()}
    if not keys:
        return {}
    worker = _Worker({key: list(argv) for argv, key in keys.items()}, timeout)
    task: Task = task_self()
    before = task.info("fanout")
    task.set_info("fanout", min(fanout, _room()))
    try:
        with _ended_with_this_process(worker):
            task.schedule(worker)
            task.resume()
    finally:
        worker.end()
        task.set_info("fanout", before)
    return {host: worker.outcomes[key] for host, key in of_host.items()}
