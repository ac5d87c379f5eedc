# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a job: a JSON file that is replaced as a whole, and beside it a lock, a log and two marks.

A full disk or a kill at any moment leaves the old file or the new one. Times are seconds from the epoch.
"""

from __future__ import annotations

import fcntl
import os
import stat

from .job import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict

    State = Dict[str, Any]

SUFFIXES = ("", ".new", ".lock", ".log", ".log.1", ".warned", ".overlaps", ".unreadable")
"""What a job's state can consist of, by the end of the name."""

_MOST_RANGES = 50
_MOST_LOG = 65536


class Store:
    """Reads and writes the state at one path; C(warn) is told what could not be done, and the job goes on."""

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self.path = path
        self._warn = warn
        self.lock_descriptor: int | None = None

    def prepare(self) -> None:
        """Refuse a folder in which somebody else could put something in the place of the state."""
        folder = os.path.dirname(self.path) or "."
        try:
            if not os.path.isdir(folder):
                os.mkdir(folder, 0o700)
            found = os.stat(folder)
        except OSError as error:
            raise UsageError(f"{folder}, the folder of the state file: {error.strerror}") from None
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
            raise UsageError(f"{folder}, the folder of the state file, can be written by others: take one that only you or root can write")

    def read(self) -> State | None:
        """The state; C(None) where there is none.

        :raises ValueError: it can not be read.
        """
        import json

        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(error.strerror) from None
        with open(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("is not a regular file")
            text = stream.read()
        # A file that somebody made with touch, as the first form of this program wanted it.
        if not text:
            return None
        state: State = json.loads(text)
        if not _is_state(state):
            raise ValueError("is not the state of a job")
        return state

    def load(self, now: int) -> State:
        """The state under the lock; a new one where there is none. One that can not be read is set aside and said so."""
        try:
            state = self.read()
        except ValueError as error:
            self._set_aside(str(error))
            state = None
        if state is None:
            state = {"version": 1, "first_call": now, "runs": [], "consecutive_failures": 0, "overlaps": 0}
            self.write(state)
        return state

    def _set_aside(self, why: str) -> None:
        aside = f"{self.path}.unreadable"
        try:
            os.replace(self.path, aside)
            self._warn(f"the state could not be read ({why}) and was set aside as {aside}; a new one is begun")
        except OSError as error:
            self._warn(f"the state {self.path} can neither be read ({why}) nor set aside ({error.strerror})")

    def write(self, state: State) -> bool:
        """Replace the state; where that can not be, say so and go on."""
        import json

        new = f"{self.path}.new"
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "w", encoding="utf-8") as stream:
                json.dump(state, stream, indent=1, sort_keys=True)
                stream.write("\n")
                stream.flush()
                os.fsync(descriptor)
            os.replace(new, self.path)
        except OSError as error:
            self._warn(f"the state could not be written to {self.path}: {error.strerror}; the job is run all the same")
            _remove(new)
            return False
        return True

    def lock(self) -> bool:
        """Take the job's lock; false where another call has it. It goes with the process, however that ends."""
        path = f"{self.path}.lock"
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            try:
                descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
                os.utime(descriptor, (0, 0))
            except FileExistsError:
                descriptor = os.open(path, flags)
        except OSError as error:
            self._warn(f"the lock {path} can not be had: {error.strerror}; the job is run without")
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self.lock_descriptor = descriptor
        return True

    def unlock(self) -> None:
        """Let the lock go."""
        if self.lock_descriptor is not None:
            os.close(self.lock_descriptor)
            self.lock_descriptor = None

    def mark_done(self, state: State, wanted: int, previous: int | None) -> None:
        """Note that a wanted time has been answered, also where the disk is full: a time of the lock file needs no space."""
        if not is_done(state, wanted):
            _add(state["runs"], wanted, previous)
        if self.lock_descriptor is not None:
            os.utime(self.lock_descriptor, (wanted, wanted))

    def marked(self) -> int | None:
        """The wanted time that was answered last, as the lock file has it."""
        try:
            found = os.lstat(f"{self.path}.lock")
        except OSError:
            return None
        # Times that were set have no fraction; those of a file just made have.
        return None if found.st_mtime_ns % 1_000_000_000 else int(found.st_mtime)

    def log(self, line: str) -> None:
        """Add a line to the log, which keeps some hundreds of them."""
        path = f"{self.path}.log"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "w", encoding="utf-8") as stream:
                stream.write(f"{line}\n")
                full = os.fstat(descriptor).st_size > _MOST_LOG
            if full:
                os.replace(path, f"{path}.1")
        except OSError as error:
            self._warn(f"the log could not be written to {path}: {error.strerror}")

    def add_overlap(self, wanted: int) -> None:
        """Note a wanted time that came while the run before it still went on; that run's end takes it over into the state."""
        try:
            descriptor = os.open(f"{self.path}.overlaps", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "w", encoding="ascii") as stream:
                stream.write(f"{wanted}\n")
        except OSError as error:
            self._warn(f"could not note the overlap: {error.strerror}")

    def take_overlaps(self) -> list[int]:
        """The wanted times noted as overlaps since the last time."""
        path = f"{self.path}.overlaps"
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as stream:
                words = stream.read().split()
            os.unlink(path)
        except (OSError, ValueError):
            return []
        return sorted({int(word) for word in words if word.isdigit()})

    def warned(self) -> int | None:
        """When a warning was last given in this outage."""
        try:
            return int(os.lstat(f"{self.path}.warned").st_mtime)
        except OSError:
            return None

    def set_warned(self, now: int | None) -> None:
        """Note the warning; None says that the outage is over."""
        path = f"{self.path}.warned"
        if now is None:
            _remove(path)
            return
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            os.utime(descriptor, (now, now))
            os.close(descriptor)
        except OSError as error:
            self._warn(f"could not note that a warning was given: {error.strerror}")


_NUMBERS = ("first_call", "consecutive_failures", "overlaps")
_NUMBERS_OR_NONE = ("last_success", "last_start", "last_end", "last_wanted", "next_wanted", "exit_code", "duration")


def _is_state(state: Any) -> bool:
    if not isinstance(state, dict) or not all(isinstance(state.get(key), int) for key in _NUMBERS):
        return False
    if not all(state.get(key) is None or isinstance(state[key], (int, float)) for key in _NUMBERS_OR_NONE):
        return False
    running = state.get("running")
    if running is not None and not (isinstance(running, dict) and {"pid", "identity", "wanted"} <= set(running)):
        return False
    return isinstance(state.get("runs"), list) and all(_is_range(run) for run in state["runs"])


def _is_range(run: Any) -> bool:
    return isinstance(run, list) and len(run) == 2 and all(isinstance(instant, int) for instant in run)


def is_done(state: State, wanted: int) -> bool:
    """Whether a wanted time has been answered before, whatever the clock did since."""
    return any(start <= wanted <= end for start, end in state["runs"])


def _add(runs: list[list[int]], wanted: int, previous: int | None) -> None:
    """Note a wanted time in ranges, of which one without an outage is one, however long."""
    for run in runs:
        if previous is not None and run[0] <= previous <= run[1] <= wanted:
            run[1] = wanted
            break
    else:
        runs.append([wanted, wanted])
    runs.sort()
    while len(runs) > _MOST_RANGES:
        # What was missed between the two oldest is given up, so that nothing comes twice.
        runs[0:2] = [[runs[0][0], runs[1][1]]]


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
