# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person asks about jobs: when they run next, and which ones there are."""

from __future__ import annotations

import os
import time
from itertools import islice

from . import job as jobs
from . import watch
from .job import Job, UsageError
from .store import Store
from .zone import Zone, ZoneError, fixed, load_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator


def next_runs(job: Job, count: int, now: int) -> str:
    """The next runs on three clocks, a line each."""
    schedule, host = job.schedule(), _host_zone()
    lines: list[tuple[str, ...]] = [("in " + job.zone_name, "on this host", "in UTC")]
    for wanted in islice(schedule.following(now - job.delay * 60), count):
        start = wanted + job.delay * 60
        lines.append((_local(start, schedule.zone), _local(start, host), _local(start, fixed(0))))
    return _table(lines)


def all_jobs(now: int) -> str:
    """The declared jobs: next run, last run, and whether there is a problem."""
    lines: list[tuple[str, ...]] = [("job", "zone", "next run, in UTC", "state")]
    for name in declared():
        try:
            job = jobs.load(name)
            start = next(job.schedule().following(now - job.delay * 60), None)
            begins = "-" if start is None else _local(start + job.delay * 60, fixed(0))
            lines.append((name, job.zone_name, begins, watch.judge(job, Store(job.state, print).read(), now, watch.booted(now))[1]))
        except (UsageError, ValueError) as error:
            lines.append((name, "-", "-", str(error)))
    return _table(lines) if len(lines) > 1 else "no job is declared on this host\n"


def declared() -> list[str]:
    """The names of the declared jobs.

    :raises UsageError: this user may not see them.
    """
    try:
        found = os.listdir(jobs.DEFINITIONS)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{jobs.DEFINITIONS}: {error.strerror}: only root can list the jobs") from None
    return sorted(file[: -len(".json")] for file in found if file.endswith(".json") and jobs.is_name(file[: -len(".json")]))


def _host_zone() -> Zone:
    try:
        return load_host()
    except (OSError, ZoneError) as error:
        raise UsageError(f"the zone of this host cannot be read: {error}") from None


def _local(instant: int, zone: Zone) -> str:
    offset = zone.offset(instant)
    sign, minutes = ("-", -offset // 60) if offset < 0 else ("+", offset // 60)
    return f"{time.strftime('%a %Y-%m-%d %H:%M', time.gmtime(instant + offset))} {sign}{minutes // 60:02d}{minutes % 60:02d}"


def _table(rows: list[tuple[str, ...]]) -> str:
    return "".join(f"{line}\n" for line in _aligned(rows))


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
