# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long is a job without success, and is that too long? Pure, apart from the clocks."""

from __future__ import annotations

import time

from .job import Job
from .zone import DAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .store import State

OK, WARNING, CRITICAL, UNKNOWN = range(4)

# A little less than the shortest day, which has 23 hours, because a call may come earlier than on the day before.
_AGAIN = DAY - 3600 - 600


def booted(now: int) -> int:
    """The time of this host's start, in seconds since 1970."""
    return now - int(time.clock_gettime(time.CLOCK_BOOTTIME))


def is_stale(job: Job, state: State | None, now: int, boot: int) -> bool:
    """Whether the last success is longer ago than the job allows.

    Without a success, the time counts from the declaration and the first call. It counts from the host's start if that was later, because
    no job could run before. Records from a time when the clock was ahead do not count.
    """
    if job.warn_after is None:
        return False
    success = _success(state, now)
    first_call = job.since or now if state is None else state["first_call"]
    moments = (first_call, job.since) if success is None else (success,)
    begin: int = max([boot, *(moment for moment in moments if moment <= now)])
    return now - begin > job.warn_after * 60


def _success(state: State | None, now: int) -> int | None:
    """The time of the last success; None if there is none, or it is later than now."""
    success: int | None = None if state is None else state.get("last_success")
    return success if success and success <= now else None


def message(job: Job) -> str:
    """The warning to the owner of a job, in the words of the program's first version."""
    return f"WARNING: No successful run in the last {job.warn_after} minutes"


def is_to_be_said(warned: int | None, now: int) -> bool:
    """Whether a warning is due: once when an outage begins, and again each day."""
    return warned is None or abs(now - warned) >= _AGAIN


def judge(job: Job, state: State | None, now: int, boot: int) -> tuple[int, str]:
    """The answer for a monitoring system: exit code and one line."""
    stale = is_stale(job, state, now, boot)
    if state is None:
        allowed = f"; {job.warn_after} minutes are allowed" if stale else ""
        return CRITICAL if stale else WARNING, f"{job.name} has not been called yet{allowed}"
    success = _success(state, now)
    past = f"last success {stamp(success)}, {(now - success) // 60} minutes ago" if success else _no_success(state)
    failures = state["consecutive_failures"]
    if stale:
        return CRITICAL, f"{job.name}: {past}; {job.warn_after} minutes are allowed; failures in a row: {failures}"
    if failures:
        return WARNING, f"{job.name}: the last run ended with exit code {state.get('exit_code')}; {past}; failures in a row: {failures}"
    return (OK if success else WARNING), f"{job.name}: {past}"


def _no_success(state: State) -> str:
    success = state.get("last_success")
    return f"the only success on record is later than now, {stamp(success)}" if success else "no success yet"


def stamp(instant: float) -> str:
    """An instant in UTC, in the form of ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(instant))
