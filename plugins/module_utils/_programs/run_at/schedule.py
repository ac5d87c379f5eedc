# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wanted local times, and the instants at which they occur. Pure; the only code that knows the effect of daylight saving on a job."""

from __future__ import annotations

from .days import Days
from .zone import DAY, Zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

POLICIES = ("once", "skip", "twice")

# The 29th of February on a certain day of the week: every 28 years, and after 40 years around 2100.
_LONGEST_WAIT = 41 * 366
_EVERY_DAY = Days()


class Schedule:
    """The wanted times of a job: minutes of the day in its zone, on some days.

    C(dst) decides about times that the zone's clocks skip or show twice:
    C(once) - the first moment after the gap; the first of two instants. C(skip) - not on that day; the first of two instants.
    C(twice) - the first moment after the gap; both instants.
    """

    def __init__(self, zone: Zone, at: tuple[int, ...], days: Days = _EVERY_DAY, dst: str = "once") -> None:
        self.zone = zone
        self.at = at
        self.days = days
        self.dst = dst

    def on_day(self, day: int) -> set[int]:
        """The instants of a day's wanted times. Times at the same instant, such as all times in a gap, count once."""
        if day not in self.days:
            return set()
        midnight = day * DAY
        if next(self.zone.changes(midnight - DAY, midnight + 2 * DAY), None) is None:
            offset = self.zone.offset(midnight)
            return {midnight + minute * 60 - offset for minute in self.at}
        return {instant for minute in self.at for instant in self.instants(midnight + minute * 60)}

    def instants(self, local: int) -> list[int]:
        """The instants at which one wanted local time occurs: none, one or two."""
        found = self.zone.instants(local)
        if found:
            return found if self.dst == "twice" else found[:1]
        if self.dst == "skip":
            return []
        moment = self.zone.after_gap(local)
        return [] if moment is None else [moment]

    def latest(self, now: int) -> int | None:
        """The last wanted instant that is not after C(now); None if there is none."""
        # Days overlap when clocks go back over midnight, or a zone moves to the other side of the date line.
        today = (now + DAY) // DAY
        for day in range(today + 1, today - _LONGEST_WAIT, -1):
            found = [instant for near in (day, day - 1, day - 2) for instant in self.on_day(near) if instant <= now]
            if found:
                return max(found)
        return None

    def following(self, now: int) -> Iterator[int]:
        """The wanted instants after C(now), in order, without end."""
        today = (now - DAY) // DAY
        passed = now
        day = today - 1
        while day < today + _LONGEST_WAIT:
            for instant in sorted(self._near(day)):
                # An instant of a later day may come before this one.
                if passed < instant <= (day + 1) * DAY:
                    passed = instant
                    yield instant
            day += 1
            if passed > now:
                today = max(today, passed // DAY)

    def _near(self, day: int) -> set[int]:
        """All wanted instants of the UTC day C(day)."""
        return {instant for local in range(day - 2, day + 3) for instant in self.on_day(local)}


def parse_times(values: list[str]) -> tuple[int, ...]:
    """Minutes of the day, in order, from hours (C(5), C(08)), times (C(05:30)) and ranges with a step in minutes (C(08:00-18:00/10)).

    :raises ValueError: a value is none of these, or a time is given twice, or there is no value.
    """
    found: dict[int, str] = {}
    for value in values:
        for minute in _minutes_of_day(value):
            if minute in found:
                raise ValueError(f"{format_time(minute)} is given twice, as '{found[minute]}' and as '{value}'")
            found[minute] = value
    if not found:
        raise ValueError("no time is given")
    return tuple(sorted(found))


def _minutes_of_day(value: str) -> range:
    span, slash, step = value.strip().partition("/")
    first, dash, last = span.partition("-")
    if not slash and not dash:
        minute = _minute_of_day(value, first)
        return range(minute, minute + 1)
    begin, end = _minute_of_day(value, first), _minute_of_day(value, last)
    if not (slash and step.isascii() and step.isdigit() and 0 < int(step) < 1440 and begin < end):
        raise ValueError(f"'{value}' is not a range such as 08:00-18:00/10: from, to, and every how many minutes")
    return range(begin, end + 1, int(step))


def _minute_of_day(value: str, clock: str) -> int:
    hour, colon, minute = clock.strip().partition(":")
    parts = (hour, minute) if colon else (hour, "00")
    are_numbers = all(part.isascii() and part.isdigit() and len(part) <= 2 for part in parts) and len(parts[1]) == 2
    if are_numbers and int(hour) < 24 and int(parts[1]) < 60:
        return int(hour) * 60 + int(parts[1])
    raise ValueError(f"'{value}' is neither an hour from 0 to 23 nor a time such as 05:30 nor a range such as 08:00-18:00/10")


def format_times(value: str) -> str:
    """A value of L(parse_times) in its full form, such as C(05:00) and C(08:00-18:00/10)."""
    span, slash, step = value.strip().partition("/")
    clocks = "-".join(format_time(_minute_of_day(value, clock)) for clock in span.split("-"))
    return f"{clocks}/{int(step)}" if slash else clocks


def format_time(minute: int) -> str:
    """A minute of the day as a text such as C(05:30)."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
