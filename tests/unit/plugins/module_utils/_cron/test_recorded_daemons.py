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
LORD_HOWE = "Australia/Lord_Howe"
CRON, CRONIE = "cron/3.0pl1-162", "cronie/1.7.2"
JOBS = {
    "sofia": {
        "ours-sofia": ("Europe/Sofia", ["03:30"]),
        "ours-utc": ("Etc/UTC", ["00:30", "01:30"]),
        "ours-kathmandu": ("Asia/Kathmandu", ["06:00", "06:45", "07:00"]),
    },
    "lord-howe": {
        "ours-lord-howe": (LORD_HOWE, ["01:45", "02:15"]),
        "ours-utc": ("Etc/UTC", ["14:45", "15:00", "15:15", "15:30", "15:45"]),
    },
}
"""By zone of the host."""
WINDOWS = {
    ("sofia", MARCH): (f"{MARCH}T00:20Z", f"{MARCH}T02:20Z"),
    ("sofia", OCTOBER): ("2025-10-25T23:20Z", f"{OCTOBER}T02:40Z"),
    ("lord-howe", "2025-10-05"): ("2025-10-04T14:51Z", "2025-10-04T16:20Z"),
    ("lord-howe", "2025-04-06"): ("2025-04-05T14:21Z", "2025-04-05T15:50Z"),
}
HOSTS = {"sofia": "Europe/Sofia", "lord-howe": LORD_HOWE}


def instant(text: str) -> int:
    return timegm(strptime(text, "%Y-%m-%dT%H:%MZ"))


def recorded(day: str, host: str = "sofia", daemon: str = CRON) -> dict[str, list[int]]:
    """When cron called what, on one of the days."""
    found: dict[str, list[int]] = {}
    for line in (FIXTURES / daemon / f"{host}-{day}.txt").read_text(encoding="utf-8").splitlines():
        moment, what = line.split()
        found.setdefault(what, []).append(instant(moment))
    return found


def clock(moments: list[int]) -> list[str]:
    """Hours and minutes in UTC."""
    return [f"{moment // 3600 % 24:02d}:{moment // 60 % 60:02d}" for moment in moments]


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


@pytest.mark.parametrize("daemon", [CRON, CRONIE])
@pytest.mark.parametrize(("host", "day", "what"), [(host, day, what) for host, day in WINDOWS for what in JOBS[host]])
def test_cron_fires_the_entry_by_the_clock(daemon: str, host: str, day: str, what: str) -> None:
    timezone, at = JOBS[host][what]
    zone = load(HOSTS[host])
    entry = [str(line) for line in cron_lines(Schedule(load(timezone), parse_times(at)), zone, instant(f"{day}T00:00Z"))]
    times = {
        (hour, 0 if minute.startswith("*/") else int(minute))
        for line in entry
        for minute in line.split()[0].split(",")
        for hour in map(int, line.split()[1].split(","))
    }
    begin, end = map(instant, WINDOWS[host, day])
    local = {now: (now + zone.offset(now)) // 60 % 1440 for now in range(begin, end, 60)}
    assert recorded(day, host, daemon)[what] == [now for now, minute in local.items() if (minute // 60, minute % 60) in times]


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
    timezone, at = JOBS["sofia"][what]
    schedule = Schedule(load(timezone), parse_times(at), dst=dst)
    assert answered(schedule, recorded(MARCH)[what]) == march
    assert answered(schedule, recorded(OCTOBER)[what]) == october


@pytest.mark.parametrize("daemon", [CRON, CRONIE])
@pytest.mark.parametrize(
    ("dst", "october", "april"),
    [
        ("once", ["15:15", "15:30"], ["14:45", "15:45"]),
        ("skip", ["15:15"], ["14:45", "15:45"]),
        ("twice", ["15:15", "15:30"], ["14:45", "15:15", "15:45"]),
    ],
)
def test_the_runner_where_clocks_change_by_half_an_hour(daemon: str, dst: str, october: list[str], april: list[str]) -> None:
    timezone, at = JOBS["lord-howe"]["ours-lord-howe"]
    schedule = Schedule(load(timezone), parse_times(at), dst=dst)
    assert answered(schedule, recorded("2025-10-05", "lord-howe", daemon)["ours-lord-howe"]) == october
    assert answered(schedule, recorded("2025-04-06", "lord-howe", daemon)["ours-lord-howe"]) == april


@pytest.mark.parametrize(
    ("host", "day", "what", "calls"),
    [
        ("utc", MARCH, "cron_tz-sofia", []),
        ("sofia", MARCH, "cron_tz-sofia", []),
        ("utc", OCTOBER, "cron_tz-sofia", ["00:30", "01:30"]),
        ("sofia", OCTOBER, "cron_tz-sofia", ["00:30"]),
        ("utc", "2025-10-05", "cron_tz-lord-howe-0215", []),
        ("sofia", "2025-10-05", "cron_tz-lord-howe-0215", []),
        ("utc", "2025-04-06", "cron_tz-lord-howe-0145", ["14:45", "15:15"]),
        ("sofia", "2025-04-06", "cron_tz-lord-howe-0145", ["14:45", "15:15"]),
        ("sofia", MARCH, "cron_tz-utc", ["00:30", "01:30"]),
        ("sofia", OCTOBER, "cron_tz-utc", ["00:30"]),
    ],
)
def test_cron_tz_leaves_out_and_repeats(host: str, day: str, what: str, calls: list[str]) -> None:
    """The rows of docs/cron.md: nothing where the time is left out, both where it comes twice, but for a host whose clock goes back too."""
    assert clock(recorded(day, host, CRONIE).get(what, [])) == calls


@pytest.mark.parametrize("daemon", [CRON, CRONIE])
def test_a_bare_entry_in_the_zone_of_the_host_runs_once(daemon: str) -> None:
    for host, day, what, calls in (
        ("sofia", MARCH, "bare-sofia", ["01:00"]),
        ("sofia", OCTOBER, "bare-sofia", ["00:30"]),
        ("lord-howe", "2025-10-05", "bare-lord-howe-0215", ["15:30"]),
        ("lord-howe", "2025-04-06", "bare-lord-howe-0145", ["14:45"]),
    ):
        assert clock(recorded(day, host, daemon)[what]) == calls


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
