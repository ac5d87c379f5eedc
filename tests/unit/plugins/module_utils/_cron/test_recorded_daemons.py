# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Debian's cron and systemd did on days when clocks changed, as recorded, and what the runner makes of their calls.

Cron ran with TZ=Europe/Sofia and a clock of its own, sixty times as fast, from 02:20 on both days of 2025. Its entries were those that the
module writes for jobs at 03:30 in Sofia, at 00:30 and 01:30 UTC, at 06:00, 06:45 and 07:00 in Kathmandu; and for comparison the bare
C(30 3 * * *) and C(30 2,3,4 * * *).
"""

from __future__ import annotations

import re
from calendar import timegm
from pathlib import Path
from time import strptime
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._cron.entry import calendar_lines
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.fires import cron_lines
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.state import Definition
from ansible_collections.fleetlab.linux.plugins.module_utils._run_at.call import due
from ansible_collections.fleetlab.linux.plugins.module_utils._run_at.job import Job
from ansible_collections.fleetlab.linux.plugins.module_utils._run_at.schedule import Schedule, parse_times
from ansible_collections.fleetlab.linux.plugins.module_utils._run_at.zone import load

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"
MARCH, OCTOBER = "2025-03-30", "2025-10-26"
JOBS = {
    "ours-sofia": ("Europe/Sofia", ["03:30"]),
    "ours-utc": ("Etc/UTC", ["00:30", "01:30"]),
    "ours-kathmandu": ("Asia/Kathmandu", ["06:00", "06:45", "07:00"]),
}


def instant(text: str) -> int:
    return timegm(strptime(text, "%Y-%m-%dT%H:%MZ"))


def recorded(day: str) -> dict[str, list[int]]:
    """When cron called what, on one of the days."""
    found: dict[str, list[int]] = {}
    for line in (FIXTURES / "cron" / "3.0pl1-162" / f"sofia-{day}.txt").read_text(encoding="utf-8").splitlines():
        moment, what = line.split()
        found.setdefault(what, []).append(instant(moment))
    return found


def answered(schedule: Schedule, calls: list[int]) -> list[str]:
    """The wanted times that the runner answers in these calls, as hours in UTC."""
    state: dict[str, Any] = {"runs": [], "first_call": 0}
    found = []
    for now in calls:
        wanted = due(Job("test", "", [], [], ""), schedule, state, None, now)
        if wanted is not None:
            assert now == wanted
            state["runs"].append([wanted, wanted])
            found.append(f"{wanted // 3600 % 24:02d}:{wanted // 60 % 60:02d}")
    return found


@pytest.mark.parametrize("day", [MARCH, OCTOBER])
@pytest.mark.parametrize("what", sorted(JOBS))
def test_cron_fires_the_entry_by_the_clock(what: str, day: str) -> None:
    timezone, at = JOBS[what]
    host = load("Europe/Sofia")
    entry = [str(line) for line in cron_lines(Schedule(load(timezone), parse_times(at)), host, instant(f"{day}T00:00Z"))]
    times = {
        (hour, 0 if minute.startswith("*/") else int(minute))
        for line in entry
        for minute in line.split()[0].split(",")
        for hour in map(int, line.split()[1].split(","))
    }
    calls = recorded(day)[what]
    begin, end = (
        (instant(f"{MARCH}T00:20Z"), instant(f"{MARCH}T02:20Z"))
        if day == MARCH
        else (instant("2025-10-25T23:20Z"), instant(f"{OCTOBER}T02:40Z"))
    )
    local = {now: (now + host.offset(now)) // 60 % 1440 for now in range(begin, end, 60)}
    assert calls == [now for now, clock in local.items() if (clock // 60, clock % 60) in times]


@pytest.mark.parametrize(
    ("what", "dst", "march", "october"),
    [
        ("ours-sofia", "once", ["01:00"], ["00:30"]),
        ("ours-sofia", "skip", [], ["00:30"]),
        ("ours-sofia", "twice", ["01:00"], ["00:30", "01:30"]),
        ("ours-utc", "once", ["00:30", "01:30"], ["00:30", "01:30"]),
        ("ours-kathmandu", "once", ["01:00", "01:15"], ["00:15", "01:00", "01:15"]),
    ],
)
def test_the_runner_called_by_cron(what: str, dst: str, march: list[str], october: list[str]) -> None:
    timezone, at = JOBS[what]
    schedule = Schedule(load(timezone), parse_times(at), dst=dst)
    assert answered(schedule, recorded(MARCH)[what]) == march
    assert answered(schedule, recorded(OCTOBER)[what]) == october


def test_what_a_bare_entry_loses() -> None:
    """Entries of fixed times are not run in the hour that the host's clock shows again, whatever zone they were meant in."""
    assert instant(f"{OCTOBER}T00:30Z") in recorded(OCTOBER)["bare-utc"]
    assert instant(f"{OCTOBER}T01:30Z") not in recorded(OCTOBER)["bare-utc"]
    assert instant(f"{OCTOBER}T01:30Z") in recorded(OCTOBER)["ours-utc"]
    # One of the hour that is left out is run at its end, which for a job in UTC is a time nobody asked for.
    assert instant(f"{MARCH}T01:00Z") in recorded(MARCH)["bare-utc"]


def calendars() -> dict[tuple[str, str, str], list[int]]:
    """By day, time and zone, when systemd would start a timer next."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for line in (FIXTURES / "systemd" / "252" / "calendar-on-days-of-change.txt").read_text(encoding="utf-8").splitlines():
        asked = re.search(r"--base-time='(\S+) .*'\*-\*-\* (\d\d:\d\d):00 (\S+)'", line)
        if asked:
            moments = found.setdefault((asked[1], asked[2], asked[3]), [])
        elif line.endswith("UTC"):
            _key, day, clock, _zone = line.split(": ")[1].split()
            moments.append(instant(f"{day}T{clock[:5]}Z"))
    return found


@pytest.mark.parametrize(
    ("asked", "bare", "once", "twice"),
    [
        (("2025-03-29", "03:30", "Europe/Sofia"), [], ["01:00"], ["01:00"]),
        (("2025-10-25", "03:30", "Europe/Sofia"), ["00:30"], ["00:30"], ["00:30", "01:30"]),
        (("2025-10-04", "02:15", "Australia/Lord_Howe"), [], ["15:30"], ["15:30"]),
        (("2025-04-05", "01:45", "Australia/Lord_Howe"), ["14:45"], ["14:45"], ["14:45", "15:15"]),
    ],
)
def test_the_runner_called_by_systemd(asked: tuple[str, str, str], bare: list[str], once: list[str], twice: list[str]) -> None:
    """The timer's lines in the job's zone fire as systemd said; those in UTC every day."""
    day, clock, timezone = asked
    begin = instant(f"{day}T12:00Z")
    zone = load(timezone)
    own = [moment for moment in calendars()[asked] if moment < begin + 86400]
    assert [f"{moment // 3600 % 24:02d}:{moment // 60 % 60:02d}" for moment in own] == bare
    for dst, wanted in (("once", once), ("twice", twice), ("skip", bare)):
        definition = Definition("test", timezone, (clock,), "true", dst=dst)
        calls = set(own)
        for line in calendar_lines(definition, zone, begin)[1:]:
            hours, minutes, _seconds = line.split()[1].split(":")
            every = {int(hour) * 60 + int(minute) for hour in hours.split(",") for minute in minutes.split(",")}
            calls |= {now for now in range(begin, begin + 86400, 60) if now // 60 % 1440 in every}
        assert answered(definition.schedule(zone), sorted(calls)) == wanted
