# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Days of the week and of the month, against the calendar of Python."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.days import Days, format_weekday, parse_weekday
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.schedule import Schedule, format_times, parse_times
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import DAY, fixed

EPOCH = date(1970, 1, 1)
weekdays = st.sets(st.tuples(st.integers(0, 6), st.sampled_from([0, 1, 2, 3, 4, 5, -1, -2])), max_size=3)
of_month = st.sets(st.integers(-31, 31).filter(bool), max_size=4)


def is_wanted(day: date, chosen: set[tuple[int, int]], days: set[int], months: set[int]) -> bool:
    """By the rows of a printed calendar."""
    last = calendar.monthrange(day.year, day.month)[1]
    same = [number for number in range(1, last + 1) if date(day.year, day.month, number).weekday() == day.weekday()]
    place = same.index(day.day)
    on_weekday = any(weekday == day.weekday() and nth in (0, place + 1, place - len(same)) for weekday, nth in chosen)
    on_day = bool({day.day, day.day - last - 1} & days)
    return (on_weekday or not chosen) and (on_day or not days) and (day.month in months or not months)


@given(weekdays, of_month, st.sets(st.integers(1, 12), max_size=4), st.dates(date(1970, 1, 1), date(2100, 1, 1)))
def test_days_are_those_of_the_calendar(chosen: set[tuple[int, int]], days: set[int], months: set[int], begin: date) -> None:
    wanted = Days(tuple(chosen), tuple(days), tuple(months))
    for number in range(40):
        day = begin + timedelta(days=number)
        assert ((day - EPOCH).days in wanted) == is_wanted(day, chosen, days, months)


@given(st.tuples(st.integers(0, 6), st.sampled_from([0, 1, 2, 3, 4, 5, -1, -2])))
def test_a_day_of_the_week_is_read_as_it_is_written(day: tuple[int, int]) -> None:
    assert parse_weekday(format_weekday(day)) == day


def test_the_rarest_day_is_found() -> None:
    """The 29th of February on a Monday."""
    schedule = Schedule(fixed(0), (300,), Days(((0, 0),), (29,), (2,)))
    found = next(schedule.following((date(2080, 3, 1) - EPOCH).days * DAY))
    assert EPOCH + timedelta(days=found // DAY) == date(2112, 2, 29)
    assert schedule.latest(found + 30 * 366 * DAY) == found + (date(2140, 2, 29) - date(2112, 2, 29)).days * DAY


@pytest.mark.parametrize(
    ("text", "minutes", "full"),
    [
        ("8:00-9/20", (480, 500, 520, 540), "08:00-09:00/20"),
        ("08:00-08:59/30", (480, 510), "08:00-08:59/30"),
        ("5", (300,), "05:00"),
    ],
)
def test_ranges(text: str, minutes: tuple[int, ...], full: str) -> None:
    assert parse_times([text]) == minutes
    assert format_times(text) == full
    assert parse_times([full]) == minutes
