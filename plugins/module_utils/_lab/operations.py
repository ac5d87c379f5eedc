# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that plans of a lab name: processes that stay, sparse files, and the removal of a whole lab."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import Callable, Sequence

from .._core.errors import CommandError, ObservationError
from .._core.plan import Operations, WriteFile, write_file
from .._core.runner import Process, Runner
from .console import ConsoleEnd, read_end
from .observe import all_processes, find_holder
from .state import MARKER, Lab

_START_LIMIT = 10.0
"""Seconds the holder may take to stand in its namespaces, and killed processes to be gone."""

_SETTLE = 0.5
"""Seconds after which a started guest counts as running."""


def operations(lab: Lab, runner: Runner) -> Operations:
    """The functions for L(apply), by the names that plans use."""

    def start_holder(argv: Sequence[str], pid_file: str) -> None:
        log = f"{lab.directory}/holder.log"
        process = _spawn(argv, log)
        _wait_until(lambda: process.poll() is not None or find_holder(lab) is not None)
        holder = find_holder(lab)
        if holder is None:
            advice = "run as root, or allow user namespaces to this user (kernel.unprivileged_userns_clone, AppArmor)"
            raise CommandError(argv, f"could not make the lab's namespaces: {_tail(log)}. As an ordinary user: {advice}")
        write_file(WriteFile(pid_file, f"{holder}\n"))

    def end_processes() -> None:
        for pid in all_processes(lab):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        _wait_until(lambda: not all_processes(lab))
        left = all_processes(lab)
        if left:
            raise ObservationError(f"lab {lab.name}: processes {left} did not end within {_START_LIMIT:g} s of SIGKILL; run again")

    def make_ssh_key(path: str) -> None:
        for name in (path, f"{path}.pub"):
            if os.path.exists(name):
                os.unlink(name)
        runner.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", lab.token, "-f", path])

    return {
        "make-directory": make_directory,
        "make-disk": make_disk,
        "make-ssh-key": make_ssh_key,
        "start-holder": start_holder,
        "start-guest": lambda name: start_guest(lab, name),
        "end-processes": end_processes,
        "remove-directory": remove_directory,
    }


def start_guest(lab: Lab, name: str) -> None:
    """Start a guest and see that it does not end at once, as it does for want of its program, memory or tap."""
    guest = next(guest for guest in lab.guests if guest.name == name)
    log = lab.console(guest)
    process = _spawn((f"{lab.directory}/enter", "sh", f"{lab.guest_directory(guest)}/start", lab.guest_token(guest)), log)
    try:
        exit_code = process.wait(_SETTLE)
    except subprocess.TimeoutExpired:
        return
    raise ObservationError(f"the guest ended at once with exit code {exit_code}: {read_console(log)}")


def read_console(log: str) -> ConsoleEnd:
    """The end of a guest, of the file with its console."""
    try:
        with open(log, encoding="utf-8", errors="replace") as stream:
            return read_end(stream.read())
    except FileNotFoundError:
        return ConsoleEnd()


def make_directory(path: str) -> None:
    """With its parents; private, because keys and secrets come to lie in it."""
    os.makedirs(path, mode=0o700, exist_ok=True)


def make_disk(path: str, size: int) -> None:
    """A sparse file of zeros, in place only when it has its size."""
    with open(f"{path}.new", "wb") as stream:
        stream.truncate(size)
    os.replace(f"{path}.new", path)


def remove_directory(path: str) -> None:
    """Remove a lab's directory; labs that have their own directories inside it stay, and it with them."""
    names = os.listdir(path)
    kept = [name for name in names if os.path.exists(f"{path}/{name}/{MARKER}")]
    # The marker goes last: a removal that is cut short can be taken up again.
    for name in sorted(set(names) - set(kept), key=lambda name: name == MARKER):
        entry = f"{path}/{name}"
        if os.path.isdir(entry) and not os.path.islink(entry):
            shutil.rmtree(entry)
        else:
            os.unlink(entry)
    if not kept:
        os.rmdir(path)


def _spawn(argv: Sequence[str], log: str) -> Process:
    """Start a process that outlives this module, in a session of its own, with its output in a file."""
    with open(log, "wb") as output:
        return Process(argv, subprocess.DEVNULL, output, output)


def _tail(log: str) -> str:
    with open(log, encoding="utf-8", errors="replace") as stream:
        return stream.read().strip()[-400:] or "no output"


def _wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + _START_LIMIT
    while not condition() and time.monotonic() < limit:
        time.sleep(0.05)
