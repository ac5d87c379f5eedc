# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that make cron or systemd start the runner. Pure."""

from __future__ import annotations

from typing import Dict, FrozenSet, List, Set

from .._programs.run_at.schedule import WEEKDAYS, Schedule
from .._programs.run_at.zone import DAY, Zone, days_before, fixed, year_of
from .cron_times import YEARS, Line, cron_lines, hourly
from .program import COMMAND
from .state import MARK, Definition


def cron_file(definition: Definition, zone: Zone, host: Zone, now: int) -> str:
    """The file of a job below /etc/cron.d. It does not contain the job's command, because some characters are syntax for cron."""
    call = f"root {COMMAND} --job {definition.name}"
    lines = [
        f"{MARK}: job {definition.name}, wanted {_when(definition)}.",
        "# The lines name the minutes of this host's clock at which that can be, whatever daylight saving does; run-at knows the rest.",
        "SHELL=/bin/sh",
        f"MAILTO={definition.user}",
    ]
    entries = cron_lines(definition.schedule(zone), host, now)
    if any(line.star for line in entries):
        lines.insert(2, "# The star makes cron go by the clock when this host's clock changes. At other minutes run-at does nothing.")
    lines += [f"{line} {call}" for line in entries]
    if definition.catch_up:
        lines += [
            f"@reboot {call}",
            "# What was missed while cron was down is looked for in each hour.",
            f"{hourly(entries, definition.name)} {call}",
        ]
    return "\n".join(lines) + "\n"


def _when(definition: Definition) -> str:
    days = [", ".join(definition.weekdays)] if definition.weekdays else []
    days += [f"day {', '.join(str(day) for day in definition.days)} of the month"] if definition.days else []
    on = f" on {' and '.join(days)}" if days else ""
    return f"at {', '.join(definition.at)} in {definition.timezone}{on}"


def service_file(definition: Definition) -> str:
    """The unit that starts the runner."""
    return f"""{MARK}
[Unit]
Description=Job {definition.name}, wanted {_when(definition)}

[Service]
Type=oneshot
ExecStart={COMMAND} --job {definition.name}
"""


def timer_file(definition: Definition, zone: Zone, now: int) -> str:
    """The timer that starts the unit."""
    calendar = "\n".join(f"OnCalendar={line}" for line in calendar_lines(definition, zone, now))
    return f"""{MARK}
[Unit]
Description=When to call job {definition.name}

[Timer]
# The job's times; in UTC those of days when its clocks change, with which systemd has its own ways, and of zones named by one word.
{calendar}
AccuracySec=1s
Persistent={"true" if definition.catch_up else "false"}

[Install]
WantedBy=timers.target
"""


def calendar_lines(definition: Definition, zone: Zone, now: int) -> List[str]:
    """The values of OnCalendar=: the wanted times in their zone, and in UTC the wanted times on days when its clocks change."""
    schedule = definition.schedule(zone)
    if "/" not in definition.timezone:
        # systemd takes a word such as EET for the host's own clock if that has the same abbreviation.
        return [_in_utc(line) for line in cron_lines(schedule, fixed(0), now)]
    weekdays = ",".join(day.capitalize() for day in definition.weekdays)
    days = ",".join(f"{day:02d}" for day in definition.days) or "*"
    date = f"{weekdays} *-*-{days}".strip()
    lines = [f"{date} {clock} {definition.timezone}" for clock in _clocks(set(schedule.at))]
    return lines + [f"*-*-* {clock} UTC" for clock in _clocks(_special(schedule, now))]


def _in_utc(line: Line) -> str:
    # Cron counts the days of a week from Sunday.
    weekdays = [WEEKDAYS[day - 1].capitalize() for day in sorted(line.days)] if line.by_weekday else []
    days = "*" if line.by_weekday or not line.days else _two_digits(sorted(line.days))
    date = f"{','.join(weekdays)} *-*-{days}".strip()
    return f"{date} {_two_digits(sorted(line.hours))}:{_two_digits(sorted(line.minutes))}:00 UTC"


def _clocks(minutes: Set[int]) -> List[str]:
    """Times of the day in systemd's form, grouped by the minute of the hour."""
    hours: Dict[int, Set[int]] = {}
    for minute in minutes:
        hours.setdefault(minute % 60, set()).add(minute // 60)
    alike: Dict[FrozenSet[int], Set[int]] = {}
    for minute, at in hours.items():
        alike.setdefault(frozenset(at), set()).add(minute)
    found = [(sorted(at), sorted(together)) for at, together in alike.items()]
    return [f"{_two_digits(at)}:{_two_digits(together)}:00" for at, together in sorted(found)]


def _two_digits(numbers: List[int]) -> str:
    return ",".join(f"{number:02d}" for number in numbers)


def _special(schedule: Schedule, now: int) -> Set[int]:
    """Minutes of the day, in UTC, of wanted times that the zone's clocks skip or show twice on that day."""
    year = year_of(now)
    found: Set[int] = set()
    for moment, before, after in schedule.zone.changes(days_before(year) * DAY, days_before(year + YEARS) * DAY):
        first = (moment + min(before, after)) // DAY
        last = (moment + max(before, after)) // DAY
        for day in range(first, last + 1):
            found.update(_special_of(schedule, day))
    return found


def _special_of(schedule: Schedule, day: int) -> Set[int]:
    if not schedule.wants(day):
        return set()
    clocks = [day * DAY + minute * 60 for minute in schedule.at]
    special = [local for local in clocks if len(schedule.zone.instants(local)) != 1]
    return {instant // 60 % 1440 for local in special for instant in schedule.instants(local)}
