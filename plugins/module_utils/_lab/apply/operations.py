# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of plans of a lab: lasting processes, sparse files, and the removal of a whole lab."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import Callable, Sequence, Tuple

from ..._core.errors import CommandError, ObservationError
from ..._core.plan import Operations, WriteFile, write_file
from ..._core.runner import Process, Runner
from ..._host.files import Host
from ..observe.lab import all_processes, find_holder, read_console
from ..state import MARKER, Wanted

_START_LIMIT = 10.0
"""Seconds within which the holder has to be in its namespaces, and killed processes have to end."""

_SETTLE = 0.5
"""Seconds after which a started guest counts as running."""


def operations(lab: Wanted, runner: Runner, host: Host) -> Operations:
    """The operations of plans, by name."""

    def start_holder(argv: Sequence[str], pid_file: str) -> None:
        log = f"{lab.directory}/holder.log"
        process = _spawn(argv, log)
        _wait_until(lambda: process.poll() is not None or find_holder(lab, host) is not None)
        holder = find_holder(lab, host)
        if holder is None:
            advice = "run as root, or allow user namespaces to this user (kernel.unprivileged_userns_clone, AppArmor)"
            raise CommandError(argv, f"could not make the lab's namespaces: {_tail(log, host)}. As an ordinary user: {advice}")
        write_file(WriteFile(pid_file, f"{holder}\n"))

    def end_processes() -> None:
        for pid in all_processes(lab, host):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        _wait_until(lambda: not all_processes(lab, host))
        left = all_processes(lab, host)
        if left:
            raise ObservationError(f"lab {lab.name}: processes {left} did not end within {_START_LIMIT:g} s of SIGKILL; run again")

    def make_ssh_key(path: str) -> None:
        for name in (path, f"{path}.pub"):
            if os.path.exists(name):
                os.unlink(name)
        runner.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", lab.token, "-f", path])

    return {
        "make-disk": make_disk,
        "make-ssh-key": make_ssh_key,
        "start-holder": start_holder,
        "start-guest": lambda name: start_guest(lab, name, host),
        "end-processes": end_processes,
        "remove-directory": remove_directory,
    }


def start_guest(lab: Wanted, name: str, host: Host) -> None:
    """Start a guest, and fail if it ends at once, for example because its program, memory or tap is missing."""
    guest = next(guest for guest in lab.guests if guest.name == name)
    log = lab.console(guest)
    argv = (f"{lab.directory}/enter", "sh", f"{lab.guest_directory(guest)}/start", lab.guest_token(guest))
    process = _spawn((*_on_cpu(lab, lab.guests.index(guest)), *argv), log)
    try:
        exit_code = process.wait(_SETTLE)
    except subprocess.TimeoutExpired:
        return
    raise ObservationError(f"the guest ended at once with exit code {exit_code}: {read_console(log, host)}")


def _on_cpu(lab: Wanted, position: int) -> Tuple[str, ...]:
    """The words before the command of the guest at that position."""
    if not lab.backend.one_cpu:
        return ()
    cpus = sorted(os.sched_getaffinity(0))
    return ("taskset", "--cpu-list", str(cpus[position % len(cpus)]))


def make_disk(path: str, size: int) -> None:
    """Create a sparse file of zeros, which appears under its name only with its full size, in bytes."""
    with open(f"{path}.new", "wb") as stream:
        stream.truncate(size)
    os.replace(f"{path}.new", path)


def remove_directory(path: str) -> None:
    """Remove a lab's directory. Directories of other labs inside it stay, and then this directory stays too."""
    names = os.listdir(path)
    kept = [name for name in names if os.path.exists(f"{path}/{name}/{MARKER}")]
    # The marker is removed last, so that the next run can complete an interrupted removal.
    for name in sorted(set(names) - set(kept), key=lambda name: name == MARKER):
        entry = f"{path}/{name}"
        if os.path.isdir(entry) and not os.path.islink(entry):
            shutil.rmtree(entry)
        else:
            os.unlink(entry)
    if not kept:
        os.rmdir(path)


def _spawn(argv: Sequence[str], log: str) -> Process:
    """Start a process that outlives this module, in its own session, with its output in a file."""
    with open(log, "wb") as output:
        return Process(argv, subprocess.DEVNULL, output, output)


def _tail(log: str, host: Host) -> str:
    return (host.value(log) or "")[-400:] or "no output"


def _wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + _START_LIMIT
    while not condition() and time.monotonic() < limit:
        time.sleep(0.05)
