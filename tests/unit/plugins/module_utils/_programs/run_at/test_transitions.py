# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every change of every zone of the tz database from 2000 to 2037, as the job's zone, with cron on hosts of several zones.

What is wanted is worked out here from Python's own zoneinfo, quarter hour by quarter hour, and never asks the code under test. Zones
that change alike around one moment are one case: what a job does there depends on nothing else of the zone. Policies and hosts are taken in
turn, one for each case; with FLEETLAB_EXHAUSTIVE=1 every case meets every policy and every host.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Iterator, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._cron.render import cron_fields
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.call import due
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import Job
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.names import names
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.schedule import POLICIES, Schedule, format_time
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import DAY, Zone, load

if sys.version_info >= (3, 9):
    from zoneinfo import ZoneInfo
else:
    from backports.zoneinfo import ZoneInfo

QUARTER = 900
BEGIN = int(datetime(2000, 1, 1, tzinfo=timezone.utc).timestamp())
END = int(datetime(2038, 1, 1, tzinfo=timezone.utc).timestamp())
HOSTS = ("UTC", "Europe/Sofia", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns")
EXHAUSTIVE = bool(os.environ.get("FLEETLAB_EXHAUSTIVE"))

Case = Tuple[int, Tuple[Tuple[int, int, int], ...]]


class Remembering(Schedule):
    """A schedule that works each day out once: the simulation asks for the same few again and again."""

    def on_day(self, day: int) -> set[int]:
        if not hasattr(self, "known"):
            self.known: dict[int, set[int]] = {}
        if day not in self.known:
            self.known[day] = super().on_day(day)
        return self.known[day]


@lru_cache(maxsize=None)
def zone_of(name: str) -> Zone:
    return load(name)


def utc_offset(zone: ZoneInfo, instant: int) -> int:
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


@lru_cache(maxsize=None)
def cases() -> dict[Case, str]:
    """A zone for each way in which clocks change somewhere: the moment, and all changes within three days of it."""
    found: dict[Case, str] = {}
    for name in names():
        changes = list(zone_of(name).changes(BEGIN - 3 * DAY, END + 3 * DAY))
        for moment, _before, _after in changes:
            if BEGIN <= moment < END:
                near = tuple(change for change in changes if abs(change[0] - moment) <= 3 * DAY)
                found.setdefault((moment, near), name)
    return found


def test_offsets_and_changes_are_those_of_the_zone_data() -> None:
    compared = 0
    for name in names():
        own, other = zone_of(name), ZoneInfo(name)
        moments = [moment for moment, _before, _after in own.changes(BEGIN, END)]
        # Between the changes too, so that none is overlooked.
        for instant in [*range(BEGIN, END, 20 * DAY), *moments, *(moment - 1 for moment in moments)]:
            assert own.offset(instant) == utc_offset(other, instant), (name, instant)
            compared += 1
    # How many names there are depends on the host: Debian keeps the old ones in a package of their own.
    assert compared > 700 * len(names())
    assert len(names()) > 400


def wanted_instants(at: tuple[int, ...], dst: str, grid: range, offsets: list[int]) -> set[int]:
    """What the policy says, by looking at the zone's clock at every moment of the grid."""
    shown: dict[int, list[int]] = {}
    assert len(grid) == len(offsets)
    for instant, offset in zip(grid, offsets):
        shown.setdefault(instant + offset, []).append(instant)
    found: set[int] = set()
    for day in range(grid[0] // DAY - 1, grid[-1] // DAY + 2):
        for minute in at:
            local = day * DAY + minute * 60
            if local in shown:
                found.update(shown[local] if dst == "twice" else shown[local][:1])
            elif dst != "skip":
                clocks = zip(grid[1:], offsets[:-1], offsets[1:])
                found.update(instant for instant, old, new in clocks if instant - grid.step + old < local < instant + new)
    return found


def at_of(near: tuple[tuple[int, int, int], ...], moment: int) -> tuple[int, ...]:
    """Times to want: at both ends of what is left out or shown twice, within it, beside it, and one far from it."""
    ((_moment, before, after),) = [change for change in near if change[0] == moment]
    clocks = {moment + before, moment + after, moment + (before + after) // 2 // QUARTER * QUARTER}
    clocks |= {moment + min(before, after) - QUARTER, moment + max(before, after) + QUARTER}
    return tuple(sorted({clock % DAY // 60 for clock in clocks} | {5 * 60}))


def matching(fields: str, grid: range, offsets: list[int]) -> Iterator[int]:
    """The instants at which cron fires an entry that has a star, which is by the host's clock as it is."""
    minutes, *rest = fields.split()
    assert rest == ["*", "*", "*", "*"]
    at = {int(minute) for minute in minutes.split(",")}
    assert len(grid) == len(offsets)
    yield from (instant for instant, offset in zip(grid, offsets) if (instant + offset) % 3600 // 60 in at)


def starts(name: str, at: tuple[int, ...], dst: str, grid: range, host_offsets: list[int]) -> list[tuple[int, int]]:
    """What the entry and the runner make of it: the instants of the starts, with the wanted times they answer."""
    schedule = Remembering(zone_of(name), at, dst=dst)
    job = Job("test", name, [], [], "")
    # Before the first moment of the grid there is nothing to answer.
    state: dict[str, Any] = {"runs": [[0, grid[0] - 1]], "first_call": 0}
    answered: list[tuple[int, int]] = []
    for now in matching(cron_fields([format_time(minute) for minute in at], 0), grid, host_offsets):
        wanted = due(job, schedule, state, None, now)
        if wanted is not None:
            state["runs"].append([wanted, wanted])
            answered.append((now, wanted))
    return answered


@pytest.mark.parametrize("dst", POLICIES)
def test_each_wanted_time_is_started_exactly_once_at_every_change(dst: str) -> None:
    started = 0
    for number, ((moment, near), name) in enumerate(cases().items()):
        if not EXHAUSTIVE and number % len(POLICIES) != POLICIES.index(dst):
            continue
        # Newfoundland's clocks changed at a minute past midnight for some years.
        step = QUARTER if moment % QUARTER == 0 else 60
        grid = range(moment - 40 * 3600, moment + 40 * 3600, step)
        zone = ZoneInfo(name)
        offsets = [utc_offset(zone, instant) for instant in grid]
        at = at_of(near, moment)
        wanted = {instant for instant in wanted_instants(at, dst, grid, offsets) if abs(instant - moment) <= 26 * 3600}
        for host in HOSTS if EXHAUSTIVE else (HOSTS[number % len(HOSTS)],):
            answered = starts(name, at, dst, grid, [utc_offset(ZoneInfo(host), instant) for instant in grid])
            inner = [(now, answer) for now, answer in answered if abs(now - moment) <= 26 * 3600]
            assert sorted(wanted) == [now for now, _answer in inner], (name, host, dst, at, moment)
            assert all(now == answer for now, answer in inner)
            started += len(inner)
    assert len(cases()) > 1000
    assert started > len(cases()) * 2
