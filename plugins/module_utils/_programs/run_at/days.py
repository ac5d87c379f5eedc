# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The days on which a job is wanted: days of the week and of the month, counted from either end, and months. Pure."""

from __future__ import annotations

import time

DAY = 86400
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Days:
    """A choice of days; an empty part of it chooses every day.

    C(weekdays) are pairs: a day of the week and which one of the month, C(0) for every one and C(-1) for the last. C(days) are days of the
    month, C(-1) for the last.
    """

    def __init__(self, weekdays: tuple[tuple[int, int], ...] = (), days: tuple[int, ...] = (), months: tuple[int, ...] = ()) -> None:
        self.weekdays = weekdays
        self.days = frozenset(days)
        self.months = frozenset(months)

    def __contains__(self, day: object) -> bool:
        """Whether a day, counted from the epoch, is chosen."""
        if not isinstance(day, int):
            return False
        if self.weekdays and not any(_is_weekday(day, weekday, nth) for weekday, nth in self.weekdays):
            return False
        if not (self.days or self.months):
            return True
        _year, month, number = _date(day)
        if self.months and month not in self.months:
            return False
        return not self.days or number in self.days or any(_is_from_end(day, month, wanted) for wanted in self.days if wanted < 0)


def _date(day: int) -> tuple[int, int, int]:
    return time.gmtime(day * DAY)[:3]


def _is_weekday(day: int, weekday: int, nth: int) -> bool:
    # The epoch was a Thursday.
    if (day + 3) % 7 != weekday:
        return False
    if nth > 0:
        return (_date(day)[2] + 6) // 7 == nth
    if nth < 0:
        month = _date(day)[1]
        return _date(day - 7 * nth)[1] != month == _date(day - 7 * (nth + 1))[1]
    return True


def _is_from_end(day: int, month: int, wanted: int) -> bool:
    return _date(day - wanted)[1] != month == _date(day - wanted - 1)[1]


def parse_weekday(text: str) -> tuple[int, int]:
    """A day of the week (C(mon)), the second one of a month (C(mon#2)), or the last one (C(mon#-1)).

    :raises ValueError: the text is none of these.
    """
    name, sign, which = text.strip().lower().partition("#")
    digits = which[1:] if which[:1] == "-" else which
    if name in WEEKDAYS and not sign:
        return WEEKDAYS.index(name), 0
    if name in WEEKDAYS and digits in ("1", "2", "3", "4", "5"):
        return WEEKDAYS.index(name), int(which)
    raise ValueError(
        f"'{text}' is neither a day such as mon nor one of a month such as mon#2 (the second) or fri#-1 (the last); "
        f"the days are {', '.join(WEEKDAYS)}"
    )


def format_weekday(weekday: tuple[int, int]) -> str:
    """A day of the week as a text such as C(mon#2)."""
    day, nth = weekday
    return WEEKDAYS[day] + (f"#{nth}" if nth else "")
