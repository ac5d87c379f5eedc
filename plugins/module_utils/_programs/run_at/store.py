# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a job: a JSON file that is replaced as a whole, with a lock, a log and two marks beside it.

A full disk or a kill at any moment leaves the old file or the new file. Times are seconds since 1970.
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

SUFFIXES = ("", ".new", ".lock", ".log", ".log.1", ".warned", ".overlaps", ".unreadable", ".output", ".output.1")
"""The suffixes of the files of a job's state."""

_MOST_RANGES = 50
_MOST_LOG = 65536


class Store:
    """Reads and writes the state at one path. C(warn) gets the failures; the job continues after them."""

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self.path = path
        self._warn = warn
        self.lock_descriptor: int | None = None

    def prepare(self, declared: bool) -> None:
        """Create the folder of the state if it is missing; for a declared job, also the folders above it.

        :raises UsageError: other users could replace the state, or the file at its path is not a state.
        """
        folder = self._folder()
        try:
            if declared:
                os.makedirs(folder, 0o700, exist_ok=True)
            elif not os.path.isdir(folder):
                os.mkdir(folder, 0o700)
            found = os.stat(folder)
        except OSError as error:
            raise UsageError(f"{folder}, the folder of the state file: {error.strerror}") from None
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
            raise UsageError(f"{folder}, the folder of the state file, can be written by others: take one that only you or root can write")
        if not declared:
            self.refuse_foreign()

    def _folder(self) -> str:
        return os.path.dirname(self.path) or "."

    def refuse_foreign(self) -> None:
        """Refuse a file that is not a state, such as the command in a call with two words swapped: it would be set aside.

        :raises UsageError: the file is not empty, does not begin like a state and has no lock beside it; or it is a folder.
        """
        try:
            mode = os.lstat(self.path).st_mode
        except OSError:
            return
        known = not stat.S_ISDIR(mode) and (os.path.lexists(f"{self.path}.lock") or (stat.S_ISREG(mode) and self._begins_as_state()))
        if not known:
            raise UsageError(f"STATE_FILE: {self.path} exists and is not the state of a job; name a file for this program alone")

    def _begins_as_state(self) -> bool:
        try:
            with open(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
                return stream.read(1) in (b"", b"{")
        except OSError:
            return False

    def read(self) -> State | None:
        """The state; C(None) if there is no file.

        :raises ValueError: it cannot be read.
        """
        import json

        try:
            # Links and pipes are not read.
            with open(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
                regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
                text = stream.read() if regular else b"null"
            # An empty file was made with touch, which the first version of this program needed.
            state: State | None = json.loads(text) if text else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(error.strerror) from None
        except RecursionError:
            raise ValueError("is nested too deep") from None
        if text and not _is_state(state):
            raise ValueError("is not the state of a job")
        return state

    def unreadable(self, error: ValueError) -> str:
        """The message about a state that L(read) cannot read, for a caller that does not set it aside."""
        return f"the state {self.path} cannot be read ({error}): the next call sets it aside and begins a new state"

    def load(self, now: int) -> State:
        """The state under the lock, or a new one. A state that cannot be read is set aside, with a message."""
        try:
            state = self.read()
        except ValueError as error:
            self._set_aside(str(error))
            state = None
        if state is None:
            if os.path.realpath(self.path).startswith("/run/"):
                self._warn(f"the state {self.path} is forgotten at each boot, so a run may be repeated: take a folder below /var/lib")
            state = {"version": 1, "first_call": now, "runs": [], "consecutive_failures": 0, "overlaps": 0}
            self.write(state)
        return state

    def _set_aside(self, why: str) -> None:
        aside = f"{self.path}.unreadable"
        try:
            os.replace(self.path, aside)
            self._warn(f"the state could not be read ({why}) and was set aside as {aside}; a new state is begun")
        except OSError as error:
            self._warn(f"the state {self.path} can neither be read ({why}) nor set aside ({error.strerror})")

    def write(self, state: State) -> bool:
        """Replace the state; after a failure, warn and continue. Returns whether the state was written."""
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
            self._sync_folder()
        except OSError as error:
            self._warn(f"the state could not be written to {self.path}: {error.strerror}; the job runs nevertheless")
            _remove(new)
            return False
        return True

    def _sync_folder(self) -> None:
        # Without this a power cut can restore the old state although the rename had returned.
        descriptor = os.open(self._folder(), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self) -> bool:
        """Take the job's lock; false if another call has it. The lock is freed at the end of the process, even a killed one."""
        path = f"{self.path}.lock"
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            try:
                descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
                os.utime(descriptor, (0, 0))
            except FileExistsError:
                descriptor = os.open(path, flags)
        except OSError as error:
            self._warn_of_lock(error)
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:
            # The time of the file is still used as a mark.
            self._warn_of_lock(error)
        self.lock_descriptor = descriptor
        return True

    def _warn_of_lock(self, error: OSError) -> None:
        self._warn(f"the lock {self.path}.lock cannot be taken: {error.strerror}; the job runs without it")

    def unlock(self) -> None:
        """Free the lock."""
        if self.lock_descriptor is not None:
            os.close(self.lock_descriptor)
            self.lock_descriptor = None

    def mark_done(self, state: State, wanted: int, previous: int | None) -> None:
        """Note that a wanted time was answered, also on a full disk, because the time of the lock file needs no space."""
        if not is_done(state, wanted):
            _add(state["runs"], wanted, previous)
        if self.lock_descriptor is not None:
            try:
                os.utime(self.lock_descriptor, (wanted, wanted))
            except OSError as error:
                self._warn(f"the lock {self.path}.lock could not be marked: {error.strerror}")

    def marked(self) -> int | None:
        """The wanted time that was answered last, by the time of the lock file; None if there is none."""
        try:
            found = os.lstat(f"{self.path}.lock")
        except OSError:
            return None
        # A time that was set has no fraction, unlike the time of a new file.
        return None if found.st_mtime_ns % 1_000_000_000 else int(found.st_mtime)

    def log(self, line: str) -> None:
        """Add a line to the log, which keeps some hundreds of lines."""
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

    def logged_exit_code(self, wanted: str) -> int | None:
        """The exit code of the run for a wanted time, from the log; None if the last line about that time has no exit code."""
        for suffix in (".log", ".log.1"):
            try:
                with open(os.open(f"{self.path}{suffix}", os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8", errors="replace") as stream:
                    lines = [line.split() for line in stream]
            except OSError:
                continue
            found = [line for line in lines if f"wanted={wanted}" in line]
            if found:
                codes = [word.partition("=")[2] for word in found[-1] if word.startswith("exit_code=")]
                return int(codes[0]) if codes and codes[0].isdecimal() else None
        return None

    def add_overlap(self, wanted: int) -> bool:
        """Note a wanted time that came before the end of the last run; at its end that run copies it to the state.

        False if the time was noted before, because a job that catches up is called more than once for one time.
        """
        if wanted in self._overlaps():
            return False
        try:
            descriptor = os.open(f"{self.path}.overlaps", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "w", encoding="ascii") as stream:
                stream.write(f"{wanted}\n")
        except OSError as error:
            self._warn(f"the overlap could not be noted: {error.strerror}")
        return True

    def take_overlaps(self) -> list[int]:
        """The wanted times that were noted as overlaps; they are removed."""
        found = self._overlaps()
        _remove(f"{self.path}.overlaps")
        return sorted(found)

    def _overlaps(self) -> set[int]:
        try:
            with open(os.open(f"{self.path}.overlaps", os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as stream:
                return {int(word) for word in stream.read().split() if word.isdigit()}
        except (OSError, ValueError):
            return set()

    def warned(self) -> int | None:
        """The time of the last warning in this outage; None if there was none."""
        try:
            return int(os.lstat(f"{self.path}.warned").st_mtime)
        except OSError:
            return None

    def set_warned(self, now: int | None) -> None:
        """Note the time of a warning; None means that the outage is over."""
        path = f"{self.path}.warned"
        if now is None:
            _remove(path)
            return
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            os.utime(descriptor, (now, now))
            os.close(descriptor)
        except OSError as error:
            self._warn(f"the warning could not be noted: {error.strerror}")


# The year 36812: no clock is set later, or as far before 1970.
_MOST = 2**40
_NUMBERS = ("first_call", "consecutive_failures", "overlaps")
_NUMBERS_OR_NONE = ("missed", "last_success", "last_start", "last_end", "last_wanted", "next_wanted", "exit_code", "duration")


def _is_state(state: Any) -> bool:
    if not isinstance(state, dict) or not all(_is_whole(state.get(key)) for key in _NUMBERS):
        return False
    if not all(state.get(key) is None or _is_number(state[key]) for key in _NUMBERS_OR_NONE):
        return False
    if not (state.get("running") is None or _is_running(state["running"])):
        return False
    return isinstance(state.get("runs"), list) and all(_is_range(run) for run in state["runs"])


def _is_number(value: Any) -> bool:
    # JSON can contain NaN, for which no comparison is true.
    return isinstance(value, (int, float)) and -_MOST < value < _MOST


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value)


def _is_running(running: Any) -> bool:
    if not isinstance(running, dict) or not {"pid", "identity", "wanted"} <= set(running):
        return False
    identity = running["identity"]
    return _is_whole(running["pid"]) and _is_whole(running["wanted"]) and (identity is None or isinstance(identity, str))


def _is_range(run: Any) -> bool:
    return isinstance(run, list) and len(run) == 2 and all(_is_whole(instant) for instant in run)


def is_done(state: State, wanted: int) -> bool:
    """Whether a wanted time was answered before, whatever the clock did since."""
    return any(start <= wanted <= end for start, end in state["runs"])


def _add(runs: list[list[int]], wanted: int, previous: int | None) -> None:
    """Note a wanted time in ranges; times without an outage between them are one range, however long."""
    for run in runs:
        if previous is not None and run[0] <= previous <= run[1] <= wanted:
            run[1] = wanted
            break
    else:
        runs.append([wanted, wanted])
    runs.sort()
    while len(runs) > _MOST_RANGES:
        # The missed times between the two oldest ranges are dropped, so that no time is answered twice.
        runs[0:2] = [[runs[0][0], runs[1][1]]]


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
