# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: the lab's directory says which process works on it, and the claim ends with that process."""

from __future__ import annotations

import fcntl
import os
from typing import Optional

from .._core.errors import InputError, RefusedError
from .observe import processes
from .operations import make_directory
from .state import LOCK, Lab


def claim(lab: Lab, pid: int, check_mode: bool) -> None:
    """Claim the lab for a process of this machine until that ends; check mode only looks whether another one has it.

    A process is known by its id and the time it was started at: one that was killed claims nothing any more, and the next that
    happens to get its id is not taken for it.

    :raises InputError: there is no such process.
    :raises RefusedError: another process that is still running has claimed the lab.
    """
    started = start_time(pid)
    if started is None:
        raise InputError("exclusive_to", f"there is no process {pid} on this machine")
    if not os.path.isdir(lab.directory):
        if check_mode:
            return
        make_directory(lab.directory)
    path = f"{lab.directory}/{LOCK}"
    if check_mode and not os.path.exists(path):
        return
    claimed = f"{pid} {started}"
    # Two runs may look at the same moment: the second one looks when the first has written.
    with open(path, "r" if check_mode else "a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        found = stream.read().strip()
        if found != claimed:
            _check_ended(lab, found)
            if not check_mode:
                stream.truncate(0)
                stream.write(f"{claimed}\n")


def start_time(pid: int) -> Optional[int]:
    """When a process was started, in ticks since the boot; C(None) if it does not run."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            # The name of the program, in parentheses, may hold anything.
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _check_ended(lab: Lab, claimed: str) -> None:
    pid, _space, started = claimed.partition(" ")
    if not (pid.isdigit() and started.isdigit()) or start_time(int(pid)) != int(started):
        return
    argv = next((" ".join(words) for number, words in processes() if number == int(pid)), "")
    found = f"another run works on it, process {pid} ({argv[:120]})"
    raise RefusedError(f"lab {lab.name}", found, "Wait until that has ended, and run again")
