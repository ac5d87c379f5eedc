# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: a file that is locked while a module observes, plans and applies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ContextManager, Iterator

from .errors import ObservationError

_POLL = 0.1
_FOLDER = "/run/fleetlab"


@dataclass(frozen=True)
class Lock:
    """The lock of the objects of one module, which two runs on one host must not change at once. C(timeout) is in seconds."""

    name: str
    objects: str
    timeout: float = 120.0

    @property
    def path(self) -> str:
        """The lock file."""
        return f"{_FOLDER}/{self.name}.lock"

    def held(self) -> ContextManager[None]:
        """Hold the lock while the context lasts; see L(exclusive)."""
        return exclusive(self.path, self.objects, self.timeout)


@contextmanager
def exclusive(path: str, what: str, timeout: float) -> Iterator[None]:
    """Hold the lock file C(path). The kernel frees the lock at the end of the process, even of a killed process; the file stays.

    :arg what: the locked object, for messages.
    :raises ObservationError: another run holds the lock for longer than C(timeout) seconds, or the file cannot be opened.
    """
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ObservationError(f"{what}: the lock file {path} cannot be opened ({error.strerror}): use become") from None
    try:
        _wait(descriptor, path, what, timeout)
        # The process id is for the message of the next run, and for people.
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: str, what: str, timeout: float) -> None:
    end = time.monotonic() + timeout
    while not _taken(descriptor):
        if time.monotonic() >= end:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            raise ObservationError(
                f"{what}: another run works on this host, and had not ended after {timeout:g} s (process {holder or 'unknown'},"
                f" which holds {path}); wait for its end and run this again"
            )
        time.sleep(_POLL)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
