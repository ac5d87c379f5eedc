# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a playbook at a time: a file in the lab's directory names the process that works on the lab. The claim ends with it."""

from __future__ import annotations

import fcntl
import os

from ..._core.errors import InputError, RefusedError
from ..._host.files import Host
from ..._host.process import arguments_of, start_time
from ..state import LOCK, Wanted


def claim(lab: Wanted, pid: int, check_mode: bool, host: Host) -> None:
    """Claim the lab for a process of this machine until the process ends; check mode only checks for the claim of another process.

    A process is identified by its id and its start time, so that the claim of a killed process has ended even if another process has its
    id. This is not a L(Lock), which ends with one module: the claim lasts for all tasks of a run.

    :raises InputError: the process does not exist.
    :raises RefusedError: another process that still runs has claimed the lab.
    """
    started = start_time(host, pid)
    if started is None:
        raise InputError("exclusive_to", f"there is no process {pid} on this machine")
    if not os.path.isdir(lab.directory):
        if check_mode:
            return
        os.makedirs(lab.directory, 0o700)
    path = f"{lab.directory}/{LOCK}"
    if check_mode and not os.path.exists(path):
        return
    claimed = f"{pid} {started}"
    # Two runs may check at the same moment: the lock makes the second check after the first has written.
    with open(path, "r" if check_mode else "a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        found = stream.read().strip()
        if found != claimed:
            _check_ended(lab, found, host)
            if not check_mode:
                stream.truncate(0)
                stream.write(f"{claimed}\n")


def _check_ended(lab: Wanted, claimed: str, host: Host) -> None:
    pid, _space, started = claimed.partition(" ")
    if not (pid.isdigit() and started.isdigit()) or start_time(host, int(pid)) != int(started):
        return
    argv = " ".join(arguments_of(host, int(pid)))
    found = f"another run works on it, process {pid} ({argv[:120]})"
    raise RefusedError(f"lab {lab.name}", found, "Nothing was changed; wait for its end, and run again")
