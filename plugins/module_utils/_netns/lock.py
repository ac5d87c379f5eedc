# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: two that look at the same moment find the same subnet free, and the same rules missing."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import Iterator

from .._core.errors import ObservationError

LOCK = "/run/fleetlab/netns.lock"
_PAUSE = 0.1


@contextmanager
def only_run(patience: float = 120, root: str = "") -> Iterator[None]:
    """Keep other runs on this host out.

    :arg patience: how many seconds to wait for one that is under way.
    :raises ObservationError: it takes longer, or there is no lock to be had.
    """
    path = root + LOCK
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        # The kernel lets go of it when the process ends, however it does.
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ObservationError(f"{path}: can not be opened ({error.strerror}): use become") from None
    try:
        _wait_for(lock, path, patience)
        yield
    finally:
        os.close(lock)


def _wait_for(lock: int, path: str, patience: float) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                raise ObservationError(
                    f"{path}: another run of netns has held it for {patience:g} s: wait for that to end, or end it"
                ) from None
        time.sleep(_PAUSE)
