# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a job has gone without success, and whether that is too long. Pure, but for the clocks."""

from __future__ import annotations

import time

from .job import Job
from .zone import DAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .store import State

OK, WARNING, CRITICAL, UNKNOWN = range(4)


def booted(now: int) -> int:
    """When this host was started."""
    return now - int(time.clock_gettime(time.CLOCK_BOOTTIME))


def is_stale(job: Job, state: State, now: int, boot: int) -> bool:
    """Whether the last success is longer ago than the job may take.

    The time counts from the first call where there was no success yet, and from the host's start where that was later:
    nothing could run before.
    """
    if job.warn_after is None:
        return False
    begin: int = max(state.get("last_success") or state["first_call"], job.since if not state.get("last_success") else 0, boot)
    return now - begin > job.warn_after * 60


def message(job: Job) -> str:
    """What the owner of a job is told, in the words that have always been used for it."""
    return f"WARNING: No successful run in the last {job.warn_after} minutes"


def is_to_be_said(warned: int | None, now: int) -> bool:
    """Whether a warning is due: once when an outage begins, and again each day."""
    return warned is None or abs(now - warned) >= DAY


def judge(job: Job, state: State | None, now: int, boot: int) -> tuple[int, str]:
    """The answer to a monitoring system: exit code and one line."""
    if state is None:
        return WARNING, f"{job.name} has not been called yet"
    success = state.get("last_success")
    past = f"last success {stamp(success)}, {(now - success) // 60} minutes ago" if success else "no success yet"
    failures = state["consecutive_failures"]
    if is_stale(job, state, now, boot):
        return CRITICAL, f"{job.name}: {past}; {job.warn_after} minutes are allowed; failures in a row: {failures}"
    if failures:
        return WARNING, f"{job.name}: the last run ended with exit code {state.get('exit_code')}; {past}; failures in a row: {failures}"
    return (OK if success else WARNING), f"{job.name}: {past}"


def stamp(instant: float) -> str:
    """An instant in UTC, as ISO 8601 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(instant))
