# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of cron and of timers: which minutes of the host they name, and that they name no other."""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._cron.cron_times import CronTime, Line, cron_lines, cron_times, hourly, lines
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.render import calendar_lines, cron_file, timer_file
from ansible_collections.fleetlab.linux.plugins.module_utils._cron.state import Definition
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.call import due
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import Job
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.schedule import Schedule
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import DAY, ZONES, Zone, days_before, fixed, load

NOW = 1_764_000_000  # In November 2025.
UTC = fixed(0)
WORDS = {"CET": "Europe/Brussels", "EET": "Europe/Athens", "EST": "America/Panama"}


def entry(timezone: str, at: tuple[int, ...], host: Zone, **options: Any) -> list[str]:
    return [str(line) for line in cron_lines(Schedule(load(timezone), at, **options), host, NOW)]


@pytest.mark.parametrize(
    ("timezone", "at", "host", "found"),
    [
        # The posts' job, summer and winter.
        ("Europe/Sofia", (300, 1140), "Etc/UTC", ["0 2,3,16,17 * * *"]),
        ("Asia/Kolkata", (300,), "Etc/UTC", ["30 23 * * *"]),
        ("Asia/Kathmandu", (300,), "Etc/UTC", ["15 23 * * *"]),
        # Half an hour of daylight saving; 02:00 and 02:15 do not exist once a year and come at 02:30 then.
        ("Australia/Lord_Howe", (300,), "Etc/UTC", ["0,30 18 * * *"]),
        ("Australia/Lord_Howe", (135,), "Etc/UTC", ["15,30,45 15 * * *"]),
        # A host whose clock changes needs a star, which costs a minute too many.
        ("Etc/UTC", (300,), "Europe/Sofia", ["*/59 7,8 * * *"]),
        ("Etc/UTC", (330,), "Europe/Sofia", ["*/30 7,8 * * *"]),
        # The same zone: its clock shows the wanted time whenever it comes, and a star makes that true of the repeated hour as well.
        ("Europe/Sofia", (300,), "Europe/Sofia", ["*/59 5 * * *"]),
        ("Europe/Sofia", (210,), "Europe/Sofia", ["*/30 3 * * *", "*/59 4 * * *"]),
        ("Asia/Kathmandu", (15,), "Europe/London", ["30 */19,18 * * *"]),
    ],
)
def test_known_entries(timezone: str, at: tuple[int, ...], host: str, found: list[str]) -> None:
    assert entry(timezone, at, load(host)) == found


def test_days_are_those_of_the_host() -> None:
    assert entry("Pacific/Auckland", (300,), UTC, weekdays=(0,)) == ["0 16,17 * * 0"]
    assert entry("Asia/Tokyo", (300,), UTC, days=(1, 15)) == ["0 20 14,28,29,30,31 * *"]
    # On both, a day of the week that is the 13th: cron would take either.
    assert entry("Etc/UTC", (300,), UTC, weekdays=(4,), days=(13,)) == ["0 5 * * 5"]


def test_the_answer_does_not_depend_on_the_day() -> None:
    for timezone in ("Europe/Sofia", "Africa/Casablanca", "America/Sao_Paulo"):
        schedule = Schedule(load(timezone), (0, 150, 1439))
        assert len({str(cron_lines(schedule, load("Europe/London"), NOW - day * DAY)) for day in (0, 100, 300)}) == 1


@settings(max_examples=60)
@given(
    at=st.sets(st.integers(0, 1439), min_size=1, max_size=5),
    weekdays=st.sets(st.integers(0, 6), max_size=6),
    timezone=st.sampled_from(["Europe/Sofia", "Australia/Lord_Howe", "Asia/Kathmandu", "America/New_York", "Pacific/Chatham"]),
    host=st.sampled_from(["Etc/UTC", "Europe/London", "America/St_Johns"]),
    year=st.integers(2000, 2037),
)
def test_days_that_are_alike_are_left_out_and_no_minute_is_lost(
    at: set[int], weekdays: set[int], timezone: str, host: str, year: int
) -> None:
    schedule = Schedule(load(timezone), tuple(sorted(at)), tuple(weekdays))
    first, last = days_before(year), days_before(year + 1)
    here = load(host)
    every = set()
    for day in range(first, last):
        for instant in schedule.on_day(day):
            local = instant + here.offset(instant)
            on = (local // DAY + 4) % 7 if weekdays else -1
            every.add(CronTime(local % DAY // 3600, local % 3600 // 60, on))
    assert cron_times(schedule, here, first, last) == every


@given(st.sets(st.builds(CronTime, st.integers(0, 23), st.integers(0, 59), st.integers(0, 6)), min_size=1, max_size=30))
def test_lines_fire_at_these_minutes_and_at_no_other(found: set[CronTime]) -> None:
    made: list[CronTime] = []
    for line in lines(found, True, False, False):
        minutes, hours, _day, _month, on = str(line).split()
        days = range(7) if on == "*" else [int(day) for day in on.split(",")]
        made += [CronTime(int(hour), int(minute), day) for hour in hours.split(",") for minute in minutes.split(",") for day in days]
    assert len(made) == len(set(made))
    assert set(made) == found


times_of_a_line = st.builds(
    lambda minutes, hours, star: Line(frozenset(minutes), frozenset(hours), frozenset(), star=star),
    st.sets(st.integers(0, 59), min_size=1),
    st.sets(st.integers(0, 23), min_size=1, max_size=23),
    st.booleans(),
)


def as_cron_reads_it(field: str, end: int) -> set[int]:
    """A star counts as one where it is the field's first character, and no step is longer than the range."""
    found: set[int] = set()
    for part in field.split(","):
        step = int(part.partition("/")[2] or 0)
        assert step < end
        found |= set(range(0, end, step)) if step else {int(part)}
    return found


@given(times_of_a_line)
def test_a_line_fires_at_all_its_minutes_and_says_at_which_others(line: Line) -> None:
    minutes, hours = str(line).split()[:2]
    assert ("*" in (minutes[0], hours[0])) == line.star
    read = {(hour, minute) for hour in as_cron_reads_it(hours, 24) for minute in as_cron_reads_it(minutes, 60)}
    assert read == line.calls
    wanted = {(hour, minute) for hour in line.hours for minute in line.minutes}
    assert read >= wanted
    assert line.star or read == wanted


@given(st.lists(times_of_a_line, min_size=1, max_size=3), st.text("abc-", min_size=1))
def test_the_hourly_call_of_a_job_that_is_caught_up_meets_no_other(entry: list[Line], name: str) -> None:
    minute, hours, *rest = hourly(entry, name).split()
    assert rest == ["*", "*", "*"]
    at = {(int(hour), int(minute)) for hour in (range(24) if hours == "*" else hours.split(","))}
    fired = {call for line in entry for call in line.calls}
    assert at.isdisjoint(fired)
    # In each hour something calls: this, or what leaves it no minute.
    assert {hour for hour, _minute in at | fired} == set(range(24))
    if len({minute for _hour, minute in fired} - {0}) < 59:
        assert hours == "*"


@pytest.mark.parametrize("catch_up", [False, True])
def test_what_was_missed_while_cron_was_down_is_run_within_the_hour(catch_up: bool) -> None:
    """Wanted at 03:00 UTC of that day, when nothing calls; from 06:30 on something does."""
    sofia = load("Europe/Sofia")
    job = Job("test", "Europe/Sofia", ["5"], [], "")
    job.catch_up, job.since = catch_up, 1
    text = cron_file(definition(at=("05:00",), catch_up=catch_up), sofia, UTC, NOW)
    calls = {
        (hour, int(minute))
        for minute, hours in (line.split()[:2] for line in text.splitlines() if line[0].isdigit())
        for hour in (range(24) if hours == "*" else map(int, hours.split(",")))
    }
    day = 20_415 * DAY  # The 23rd of November 2025.
    state: dict[str, Any] = {"runs": [[day - DAY + 3 * 3600] * 2], "first_call": 1}
    answered = []
    for now in range(day + 6 * 3600 + 1800, day + 2 * DAY, 60):
        wanted = due(job, Schedule(sofia, (300,)), state, None, now) if (now // 3600 % 24, now // 60 % 60) in calls else None
        if wanted is not None:
            state["runs"].append([wanted, wanted])
            answered.append((wanted, now))
    late = [(day + 3 * 3600, day + 7 * 3600 + 300)] if catch_up else []
    assert answered == [*late, (day + DAY + 3 * 3600, day + DAY + 3 * 3600)]


def test_the_hourly_calls_of_jobs_are_spread() -> None:
    entry = cron_lines(Schedule(load("Europe/Sofia"), (300,)), UTC, NOW)
    assert len({hourly(entry, f"job{number}") for number in range(100)}) > 30


@pytest.mark.parametrize(
    ("minutes", "hours", "shown"),
    [
        ({0}, {3}, "*/59 3 * * *"),
        ({0, 30}, {3, 4}, "*/30 3,4 * * *"),
        ({0, 5, 20, 40}, {3}, "*/20,5 3 * * *"),
        ({30}, {0, 3}, "30 */23,3 * * *"),
        ({30, 45}, set(range(0, 24, 2)), "30,45 */2 * * *"),
        ({30}, {3}, "*/30 3 * * *"),
        ({5}, {3}, "*/59,5 3 * * *"),
        (set(range(60)), {3}, "*/1 3 * * *"),
    ],
)
def test_a_star_costs_as_few_other_calls_as_can_be(minutes: set[int], hours: set[int], shown: str) -> None:
    assert str(Line(frozenset(minutes), frozenset(hours), frozenset(), star=True)) == shown


def definition(**changes: Any) -> Definition:
    return Definition(**{"name": "test", "timezone": "Europe/Sofia", "at": ("05:00", "19:00"), "command": "echo 100%\nmore", **changes})


def test_the_file_of_cron() -> None:
    text = cron_file(definition(user="games", catch_up=True), load("Europe/Sofia"), UTC, NOW)
    assert text.splitlines()[0] == "# Written by fleetlab.linux.tz_cron: job test, wanted at 05:00, 19:00 in Europe/Sofia."
    assert text.splitlines()[2:] == [
        "SHELL=/bin/sh",
        "MAILTO=games",
        "0 2,3,16,17 * * * root /usr/local/bin/run-at --job test",
        "@reboot root /usr/local/bin/run-at --job test",
        "# What was missed while cron was down is looked for in each hour.",
        "5 * * * * root /usr/local/bin/run-at --job test",
    ]
    # The command is elsewhere, so a percent sign or a line break means nothing here.
    assert "%" not in text
    assert text.endswith("\n")


def load_word(name: str) -> Zone:
    """A zone of one word, which the host need not have: to the package tzdata-legacy it is another name of one that every host has."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(f"{ZONES}/{WORDS[name]}", f"{folder}/{name}")
        return load(name, folder)


def test_the_calendar_of_a_timer() -> None:
    sofia = load("Europe/Sofia")
    assert calendar_lines(definition(), sofia, NOW) == ["*-*-* 05,19:00:00 Europe/Sofia"]
    # 03:30 is left out in March, and comes at 01:00 UTC; in October it comes at 00:30 and 01:30.
    night = definition(at=("03:30",), weekdays=("sat", "sun"), days=(1, 31))
    assert calendar_lines(night, sofia, NOW) == ["Sat,Sun *-*-01,31 03:30:00 Europe/Sofia", "*-*-* 00:30:00 UTC", "*-*-* 01:00:00 UTC"]
    twice = definition(at=("03:30",), dst="twice")
    assert calendar_lines(twice, sofia, NOW)[1:] == ["*-*-* 00,01:30:00 UTC", "*-*-* 01:00:00 UTC"]
    # Of a word systemd may think that it is the host's own clock, which has no daylight saving of that name.
    assert calendar_lines(definition(timezone="EET"), load_word("EET"), NOW) == ["*-*-* 02,03,16,17:00:00 UTC"]
    on_days = definition(timezone="EST", at=("22:00", "23:30"), weekdays=("sat", "sun"))
    assert calendar_lines(on_days, load_word("EST"), NOW) == ["Sun,Mon *-*-* 03:00:00 UTC", "Sun,Mon *-*-* 04:30:00 UTC"]
    assert calendar_lines(definition(timezone="UTC", days=(1, 31)), UTC, NOW) == ["*-*-01,31 05,19:00:00 UTC"]
    assert "Persistent=true" in timer_file(definition(catch_up=True), sofia, NOW)


def test_systemd_takes_the_calendar() -> None:
    at = ("03:30", "03:45", "04:15")
    many = definition(at=at, weekdays=("mon", "sun"), days=(1, 31))
    words = [definition(timezone="CET", at=at, weekdays=("mon", "sun")), definition(timezone="CET", at=at, days=(1, 31))]
    zones = [(many, load(many.timezone)), *((one, load_word(one.timezone)) for one in words)]
    for line in [line for one, zone in zones for line in calendar_lines(one, zone, NOW)]:
        subprocess.run(["systemd-analyze", "calendar", line], check=True, stdout=subprocess.DEVNULL)
