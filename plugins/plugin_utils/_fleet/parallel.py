# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run many commands in parallel from one process, and collect their outputs and exit codes."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

_SPARE_FILES = 32
"""Open files that are reserved for the event loop, for a process that is being started, and for Ansible."""
_FILES_OF_ONE = 3
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass
class Outcome:
    """The outcome of one command. C(exit_code) is None for a command that was ended because it took too long."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    exit_code: Optional[int] = None


async def _collect(stream: Optional[asyncio.StreamReader], into: bytearray) -> None:
    while stream is not None and (data := await stream.read(1 << 16)):
        into.extend(data)


async def _run(argv: Sequence[str], timeout: float, environment: Mapping[str, str], outcome: Outcome) -> None:
    # The command gets its own session, which has no terminal on which ssh could ask, and which is ended together with an ssh to a jump
    # host that hangs. It keeps the working directory, because the inventory may contain relative paths.
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=nothing, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )
    except OSError as error:
        problem = "not found on the controller" if isinstance(error, FileNotFoundError) else error.strerror
        outcome.stderr.extend(f"{argv[0]}: {problem}\n".encode())
        outcome.exit_code = 127
        return
    everything = asyncio.gather(_collect(process.stdout, outcome.stdout), _collect(process.stderr, outcome.stderr), process.wait())
    try:
        outcome.exit_code = (await asyncio.wait_for(everything, timeout))[2]
    except asyncio.TimeoutError:
        pass
    finally:
        if outcome.exit_code is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _run_all(commands: Sequence[Tuple[Sequence[str], Outcome]], fanout: int, timeout: float) -> None:
    # ssh may not ask on a screen either. The variable reaches the ssh to a jump host too, which does not inherit the option.
    environment = {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}
    waiting = iter(commands)

    async def work() -> None:
        for argv, outcome in waiting:
            await _run(argv, timeout, environment, outcome)

    await asyncio.gather(*(work() for _worker in range(min(fanout, len(commands)))))


@contextmanager
def _ended_by_signals(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> Iterator[None]:
    """Let a signal that ends this process first end the commands, which would survive in their own sessions."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    heard = [number for number in _ENDING if before[number] not in (signal.SIG_IGN, None)]
    received: List[int] = []

    def end(number: int) -> None:
        received.append(number)
        task.cancel()

    for number in heard:
        loop.add_signal_handler(number, end, number)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
        for heard_number in received[:1]:
            os.kill(os.getpid(), heard_number)


def _room() -> int:
    """The most commands that can run at a time within this process's limit of open files."""
    most, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, (most - len(os.listdir("/dev/fd")) - _SPARE_FILES) // _FILES_OF_ONE)


def run_all(commands: Mapping[str, Sequence[str]], fanout: int, timeout: float) -> Dict[str, Outcome]:
    """Run a command for each host, at most C(fanout) at a time and within the limit of open files, each for at most C(timeout) seconds.

    Hosts with the same command are one machine under several names: the command runs once, and the hosts share its outcome.
    """
    outcomes: Dict[Tuple[str, ...], Outcome] = {tuple(argv): Outcome() for argv in commands.values()}
    if not outcomes:
        return {}
    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(_run_all(list(outcomes.items()), min(fanout, _room()), timeout))
        with _ended_by_signals(loop, task):
            loop.run_until_complete(task)
    finally:
        loop.close()
    return {host: outcomes[tuple(argv)] for host, argv in commands.items()}
