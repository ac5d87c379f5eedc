# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The minutes of the host's clock at which a cron entry has to fire, by the zone data of the job and of the host. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Set, Tuple
from zlib import crc32

from .._programs.run_at.schedule import Schedule, day_of_month
from .._programs.run_at.zone import DAY, Zone, days_before, year_of

# In 28 years every date falls on every weekday, and every rule of the zones takes effect.
YEARS = 28
_ANY: FrozenSet[int] = frozenset()


@dataclass(frozen=True)
class CronTime:
    """One minute of the host's week or month: the hour, the minute, and the day, C(-1) for any day."""

    hour: int
    minute: int
    day: int = -1


@dataclass(frozen=True)
class Field:
    """The field of minutes or hours in a cron entry, and its numbers."""

    text: str
    numbers: FrozenSet[int]

    def __str__(self) -> str:
        return self.text

    @classmethod
    def plain(cls, numbers: FrozenSet[int]) -> Field:
        """A field with exactly these numbers."""
        return cls(_numbers(numbers), numbers)

    @classmethod
    def starred(cls, numbers: FrozenSet[int], end: int) -> Field:
        """A field that begins with a star: these numbers and as few others below C(end) as possible, as a step and single numbers."""
        steps = {step: frozenset(range(0, end, step)) for step in range(1, end)}
        step = min(steps, key=lambda step: (len(steps[step] - numbers), len(numbers - steps[step]), -step))
        return cls(",".join([f"*/{step}", *map(str, sorted(numbers - steps[step]))]), numbers | steps[step])


@dataclass(frozen=True)
class Line:
    """The five fields of a cron entry that fires at all these minutes of all these hours, on these days."""

    minutes: FrozenSet[int]
    hours: FrozenSet[int]
    days: FrozenSet[int]
    by_weekday: bool = False
    star: bool = False

    def __str__(self) -> str:
        minutes, hours = self.fields
        days = _numbers(self.days) if self.days else "*"
        return f"{minutes} {hours} * * {days}" if self.by_weekday else f"{minutes} {hours} {days} * *"

    @property
    def fields(self) -> Tuple[Field, Field]:
        """Minutes and hours. With C(star), the field that adds fewer calls begins with a star.

        The reason is cron's behaviour when the host's clock changes: it fires entries without a star even in a skipped hour, and only once
        in a repeated hour, although a job in another zone may be wanted in the second hour. A step beyond the end of the range would fire
        only at its first number, but newer crons warn of it. At an additional time the runner has nothing to do.
        """
        minutes, hours = Field.plain(self.minutes), Field.plain(self.hours)
        if not self.star:
            return minutes, hours
        found = (Field.starred(self.minutes, 60), hours), (minutes, Field.starred(self.hours, 24))
        return min(found, key=lambda fields: len(fields[0].numbers) * len(fields[1].numbers))

    @property
    def calls(self) -> Set[Tuple[int, int]]:
        """All hours and minutes at which cron starts the runner."""
        minutes, hours = self.fields
        return {(hour, minute) for hour in hours.numbers for minute in minutes.numbers}


def _numbers(numbers: FrozenSet[int]) -> str:
    return ",".join(str(number) for number in sorted(numbers))


def cron_lines(schedule: Schedule, host: Zone, now: int) -> List[Line]:
    """The lines of a job, for now and for every change of both zones that the zone data knows.

    They are computed for whole years, so that the lines are the same on every day of a year.
    """
    year = year_of(now)
    first, last = days_before(year), days_before(year + YEARS)
    changes = any(True for _change in host.changes(first * DAY, last * DAY))
    return lines(cron_times(schedule, host, first, last), bool(schedule.weekdays), bool(schedule.days), changes)


def hourly(entry: List[Line], name: str) -> str:
    """The fields of a line that fires once in each hour, at a minute without another line of the job.

    Of two calls at once, the second would overlap the first. The minute depends on the job's name, so that not all jobs run at once.
    """
    fired = {call for line in entry for call in line.calls}
    minutes = [(crc32(name.encode()) + number) % 59 + 1 for number in range(59)]
    free = {minute: [hour for hour in range(24) if (hour, minute) not in fired] for minute in minutes}
    minute = max(minutes, key=lambda minute: len(free[minute]))
    hours = free[minute]
    return f"{minute} {'*' if len(hours) == 24 else _numbers(frozenset(hours))} * * *"


def cron_times(schedule: Schedule, host: Zone, first: int, last: int) -> Set[CronTime]:
    """The host's clock at every wanted instant from the day C(first) to the day before C(last), as days of the job's zone."""
    special = _days_with_changes(schedule.zone, first, last) | _days_with_changes(host, first, last)
    days = [day for day in _days_to_look_at(schedule, special, first) if first <= day < last] if not schedule.days else range(first, last)
    return {_cron_time(schedule, host, instant) for day in days for instant in schedule.on_day(day)}


def _days_to_look_at(schedule: Schedule, special: Set[int], first: int) -> List[int]:
    """The days around each change, and one day or one week between two changes, because all days there are alike."""
    alike = 7 if schedule.weekdays else 1
    found = set(special) | set(range(first, first + alike))
    for day in special:
        found.update(range(day + 1, day + 1 + alike))
    return sorted(found)


def _days_with_changes(zone: Zone, first: int, last: int) -> Set[int]:
    found: Set[int] = set()
    for moment, _before, _after in zone.changes((first - 2) * DAY, (last + 2) * DAY):
        found.update(range(moment // DAY - 2, moment // DAY + 3))
    return found


def _cron_time(schedule: Schedule, host: Zone, instant: int) -> CronTime:
    # Cron fires at whole minutes, and not before the wanted time.
    minute = -(-instant // 60)
    local = minute + host.offset(minute * 60) // 60
    day = -1
    if schedule.weekdays:
        day = (local // 1440 + 4) % 7
    elif schedule.days:
        day = day_of_month(local // 1440)
    return CronTime(local // 60 % 24, local % 60, day)


def lines(found: Set[CronTime], by_weekday: bool, by_day: bool, star: bool) -> List[Line]:
    """The fewest lines that fire at exactly these times."""
    days: Dict[Tuple[int, int], Set[int]] = {}
    for fire in found:
        days.setdefault((fire.hour, fire.minute), set()).add(fire.day)
    every = set(range(7)) if by_weekday else set(range(1, 32)) if by_day else {-1}
    minutes: Dict[Tuple[int, FrozenSet[int]], Set[int]] = {}
    for (hour, minute), on in days.items():
        minutes.setdefault((hour, _ANY if on == every else frozenset(on)), set()).add(minute)
    hours: Dict[Tuple[FrozenSet[int], FrozenSet[int]], Set[int]] = {}
    for (hour, on_days), at in minutes.items():
        hours.setdefault((frozenset(at), on_days), set()).add(hour)
    made = [Line(at, frozenset(together), on_days, by_weekday, star) for (at, on_days), together in hours.items()]
    return sorted(made, key=lambda line: (sorted(line.hours), sorted(line.minutes), sorted(line.days)))
