# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of cron and of timers: they meet each wanted time of every zone, with any zone data, on any clock of the daemon."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._cron.render import calendar, cron_fields, cron_file, service_file, timer_file
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.state import Definition
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.call import due
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import Job
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.names import names
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.schedule import Schedule, format_time
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import DAY, Zone, fixed, load, read

ZONES = Path(__file__).resolve().parents[4] / "fixtures" / "zones"
NOW = 1_764_000_000  # In November 2025.
QUARTER = 900
NAMES = names()


def definition(**changes: Any) -> Definition:
    return Definition(**{"name": "test", "timezone": "Europe/Sofia", "at": ("05:00", "19:00"), "command": "echo 100%\nmore", **changes})


@pytest.mark.parametrize(
    ("at", "delay", "fields", "calendar_line"),
    [
        (["05:00", "19:00"], 0, "0,15,30,45 * * * *", "*-*-* *:00,15,30,45:00 UTC"),
        (["05:19"], 0, "4,19,34,49 * * * *", "*-*-* *:04,19,34,49:00 UTC"),
        (["05:00"], 7, "7,22,37,52 * * * *", "*-*-* *:07,22,37,52:00 UTC"),
        (["05:00", "06:50"], 0, "0,5,15,20,30,35,45,50 * * * *", "*-*-* *:00,05,15,20,30,35,45,50:00 UTC"),
        (["08:00-18:00/1"], 0, "* * * * *", "*-*-* *:*:00 UTC"),
    ],
)
def test_the_minutes_of_an_entry(at: list[str], delay: int, fields: str, calendar_line: str) -> None:
    assert cron_fields(at, delay) == fields
    assert calendar(at, delay) == calendar_line
    subprocess.run(["systemd-analyze", "calendar", calendar_line], check=True, stdout=subprocess.DEVNULL)


def test_the_file_of_cron() -> None:
    text = cron_file(definition(user="games", catch_up=True, weekdays=("mon#2",), months=(1, 7)))
    assert text.splitlines() == [
        "# Written by fleetlab.linux.tz_cron: job test, wanted at 05:00, 19:00 in Europe/Sofia on mon#2 and month 1, 7.",
        "# The runner is called at each quarter of an hour, because a wanted time can fall on any of them, and decides.",
        "SHELL=/bin/sh",
        "MAILTO=games",
        "0,15,30,45 * * * * root /usr/local/bin/run-at --job test",
        "@reboot root /usr/local/bin/run-at --job test",
    ]
    # The command is elsewhere, so a percent sign or a line break means nothing here.
    assert "%" not in text
    assert text.endswith("\n")


def test_the_units() -> None:
    assert "OnCalendar=*-*-* *:00,15,30,45:00 UTC\n" in timer_file(definition())
    assert "Persistent=false" in timer_file(definition())
    assert "Persistent=true" in timer_file(definition(catch_up=True))
    # Debian 12's systemd 252, whose clock was two hours ahead at boot and then set, called a timer without this line two hours later.
    assert "OnActiveSec=15min\n" in timer_file(definition())
    # 96 calls a day are not worth 192 lines of the journal.
    assert "LogLevelMax=notice" in service_file(definition())


def calls(at: tuple[int, ...], daemon_offset: int, begin: int, end: int) -> list[int]:
    """When a daemon calls whose clock is that far from UTC."""
    minutes = {int(minute) for minute in cron_fields([format_time(minute) for minute in at], 0).split()[0].split(",")}
    return [now for now in range(begin, end, 60) if (now + daemon_offset) // 60 % 60 in minutes]


def answers(at: tuple[int, ...], editions: list[tuple[int, Zone]], daemon_offset: int, begin: int, end: int) -> dict[int, int]:
    """The wanted times that the runner answers, with the moments of the calls, as editions of the zone data follow each other."""
    job = Job("test", "", [], [], "")
    state: dict[str, Any] = {"runs": [], "first_call": 0}
    found: dict[int, int] = {}
    for now in calls(at, daemon_offset, begin, end):
        zone = [zone for moment, zone in editions if moment <= now][-1]
        wanted = due(job, Schedule(zone, at), state, None, now)
        if wanted is not None:
            state["runs"].append([wanted, wanted])
            found[wanted] = now
    return found


@lru_cache(maxsize=None)
def known(name: str) -> Zone:
    return load(name)


@settings(max_examples=300)
@given(
    at=st.sets(st.integers(0, 95).map(lambda quarter: quarter * 15), min_size=1, max_size=4),
    old=st.sampled_from(NAMES),
    new=st.sampled_from(NAMES),
    daemon=st.integers(-48, 56).map(lambda quarter: quarter * QUARTER),
    year=st.integers(2000, 2037),
    day=st.integers(0, 364),
    switch=st.integers(0, 3 * DAY),
)
def test_each_time_is_answered_with_any_two_editions_of_the_data(
    at: set[int], old: str, new: str, daemon: int, year: int, day: int, switch: int
) -> None:
    """Declared with one, run with another from some moment on: a zone may get the rules of any other."""
    begin = (year - 1970) * 365 * DAY + day * DAY
    end, moment = begin + 3 * DAY, begin + switch
    times = tuple(sorted(at))
    found = answers(times, [(0, known(old)), (moment, known(new))], daemon, begin, end)
    for zone, first, last in ((known(old), begin, moment), (known(new), moment, end)):
        days = range(first // DAY - 2, last // DAY + 3)
        wanted = {instant for local in days for instant in Schedule(zone, times).on_day(local) if first <= instant < last - QUARTER}
        late = {instant: found.get(instant, end) - instant for instant in wanted}
        assert all(0 <= seconds < QUARTER for seconds in late.values()), (old, new, late)


def test_the_offset_of_every_zone_is_a_multiple_of_a_quarter_of_an_hour() -> None:
    """Otherwise a call would be late by less than that, and none would be missing."""
    for name in NAMES:
        zone = known(name)
        offsets = {zone.offset(NOW), *(after for _moment, _before, after in zone.changes(NOW, NOW + 12 * 365 * DAY))}
        assert {offset % QUARTER for offset in offsets} == {0}, name


def test_a_zone_whose_data_change_misses_no_time(tmp_path: Path) -> None:
    """Kazakhstan, 2024: declared with the old edition; from the change on, the old one is an hour off."""
    zones = []
    for edition in ("old", "new"):
        subprocess.run(["zic", "-d", str(tmp_path / edition), str(ZONES / f"almaty-{edition}.zi")], check=True)
        zones.append(read(str(tmp_path / edition / "HIso" / "Almaty")))
    at, change = (300,), 1_795_888_800  # The 28th of November 2026, 18:00 UTC.
    assert [zone.offset(change) // 3600 for zone in zones] == [6, 5]
    begin, end = change - 5 * DAY, change + 363 * DAY
    found = answers(at, [(0, zones[0]), (change - 2 * DAY, zones[1])], 0, begin, end)
    wanted = [instant for day in range(begin // DAY, end // DAY) for instant in Schedule(zones[1], at).on_day(day) if instant >= begin]
    assert len(wanted) > 363
    assert {instant: found.get(instant) for instant in wanted} == {instant: instant for instant in wanted}


def test_a_clock_of_the_daemon_in_another_zone_changes_nothing() -> None:
    """TZ=Asia/Tokyo in /etc/default/cron, on a host in UTC."""
    times = (270,)
    wanted = [day * DAY + 270 * 60 for day in range(20_415, 20_420)]
    for offset in (0, 9 * 3600, 20_700):
        assert list(answers(times, [(0, fixed(0))], offset, 20_415 * DAY, 20_420 * DAY)) == wanted


@pytest.mark.parametrize("catch_up", [False, True])
def test_what_was_missed_while_cron_was_down_is_run_if_asked_for(catch_up: bool) -> None:
    """Wanted at 03:00 UTC of that day, when nothing calls; from 06:30 on something does."""
    sofia = load("Europe/Sofia")
    job = Job("test", "Europe/Sofia", ["5"], [], "")
    job.catch_up, job.since = catch_up, 1
    day = 20_415 * DAY  # The 23rd of November 2025.
    state: dict[str, Any] = {"runs": [[day - DAY + 17 * 3600] * 2], "first_call": 1}
    answered = []
    for now in calls((300,), 0, day + 6 * 3600 + 2700, day + 2 * DAY):
        wanted = due(job, Schedule(sofia, (300,)), state, None, now)
        if wanted is not None:
            state["runs"].append([wanted, wanted])
            answered.append((wanted, now))
    late = [(day + 3 * 3600, day + 6 * 3600 + 2700)] if catch_up else []
    assert answered == [*late, (day + DAY + 3 * 3600, day + DAY + 3 * 3600)]
