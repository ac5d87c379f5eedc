# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offsets from UTC of a zone of the tz database, read from the host's compiled zone files (TZif, RFC 8536).

zoneinfo is not used: Python 3.8 lacks it, it does not tell the moments at which clocks change, and its import would make each call of the
runner, of which there are 96 a day, an eighth longer.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right

from .names import ZONES, explain, is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

DAY = 86400
HOST_ZONE = "/etc/localtime"


class ZoneError(ValueError):
    """A zone is unknown, or its data cannot be used."""


class Rule:
    """A yearly change of clocks, in the form of the last line of a zone file: C(M3.5.0/3), C(J60), C(59)."""

    def __init__(self, text: str) -> None:
        date, _slash, clock = text.partition("/")
        self.kind = date[0] if date[0] in "MJ" else ""
        self.numbers = tuple(int(part) for part in date.lstrip("MJ").split("."))
        self.seconds = _seconds(clock) if clock else 7200

    def local(self, year: int) -> int:
        """The change in a year, in seconds since 1970 on the clock before the change."""
        first = days_before(year)
        if self.kind == "M":
            month, week, weekday = self.numbers
            day = _nth_weekday(year, month, week, weekday)
        elif self.kind == "J":
            (number,) = self.numbers
            day = first + number - 1 + (1 if _leap(year) and number >= 60 else 0)
        else:
            day = first + self.numbers[0]
        return day * DAY + self.seconds


class Zone:
    """Offsets of one zone at any instant. Instants are whole seconds since 1970, offsets are seconds east of UTC."""

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"TZif":
            raise ZoneError("is not a file of the tz database")
        try:
            self._read(data)
        except (struct.error, IndexError, ValueError) as error:
            raise ZoneError(f"is a damaged file of the tz database ({error})") from None

    def _read(self, data: bytes) -> None:
        start, size = 0, 4
        if data[4:5] >= b"2":
            # The first block is for readers that know only 32 bits.
            start, size = 44 + _block_size(_counts(data, 0), 4), 8
        counts = _counts(data, start)
        _isut, _isstd, _leaps, times, types, _chars = counts
        place = start + 44
        self.times: list[int] = list(struct.unpack_from(f">{times}{'q' if size == 8 else 'l'}", data, place))
        place += times * size
        kinds = data[place : place + times]
        place += times
        known = [struct.unpack_from(">l", data, place + 6 * number)[0] for number in range(types)]
        self.first: int = known[0]
        self.offsets: list[int] = [known[kind] for kind in kinds]
        self.standard: int = self.offsets[-1] if self.offsets else self.first
        self.daylight: int | None = None
        self.rules: tuple[Rule, ...] = ()
        if size == 8:
            footer = data[start + 44 + _block_size(counts, 8) :].decode("ascii").strip("\n")
            if footer:
                self.standard, self.daylight, self.rules = _footer(footer)
        self._years: dict[int, list[tuple[int, int]]] = {}

    def offset(self, instant: int) -> int:
        """The offset at an instant, in seconds east of UTC."""
        place = bisect_right(self.times, instant)
        if place < len(self.times) or not self.rules:
            if place:
                return self.offsets[place - 1] if place < len(self.times) else self.standard
            return self.first if self.times else self.standard
        year = year_of(instant)
        found = self.offsets[-1] if self.offsets else self.standard
        for number in (year - 1, year, year + 1):
            for moment, offset in self._year(number):
                if moment <= instant:
                    found = offset
        return found

    def changes(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Each change of offset with start < instant <= end, as (instant, offset before, offset after), in order."""
        before = self.offset(start)
        place = bisect_right(self.times, start)
        moments = self.times[place : bisect_right(self.times, end)]
        last = self.times[-1] if self.times else start
        if self.rules and end > last:
            years = range(year_of(max(start, last)) - 1, year_of(end) + 2)
            moments += [moment for year in years for moment, _offset in self._year(year) if max(start, last) < moment <= end]
        for moment in moments:
            after = self.offset(moment)
            if after != before:
                yield moment, before, after
            before = after

    def _year(self, year: int) -> list[tuple[int, int]]:
        """The changes by the zone's rules in a year: instant and the offset after it, in order."""
        if year not in self._years and self.daylight is not None:
            begin, end = self.rules
            self._years[year] = sorted(
                [(begin.local(year) - self.standard, self.daylight), (end.local(year) - self.daylight, self.standard)]
            )
        return self._years[year]

    def instants(self, local: int) -> list[int]:
        """The instants at which clocks of the zone show C(local), seconds since 1970 as on a clock in UTC: one, two or none."""
        offsets = {self.offset(local - DAY)}
        offsets.update(after for _moment, _before, after in self.changes(local - DAY, local + DAY))
        return sorted(local - offset for offset in offsets if self.offset(local - offset) == offset)

    def after_gap(self, local: int) -> int | None:
        """The first moment after the gap with C(local); None if it is in no gap."""
        for moment, before, after in self.changes(local - 2 * DAY, local + 2 * DAY):
            if moment + before <= local < moment + after:
                return moment
        return None


def load(name: str, folder: str = ZONES) -> Zone:
    """A zone by its name in the tz database.

    :raises ZoneError: there is no zone with this name. libc would use UTC without a message.
    """
    if not os.path.isdir(folder):
        raise ZoneError(f"this host has no zone data in {folder}: install the package tzdata")
    try:
        if is_name(name):
            return read(f"{folder}/{name}")
    except OSError:
        pass
    except ZoneError as error:
        raise ZoneError(f"{folder}/{name} {error}") from None
    raise ZoneError(explain(name, folder))


def read(path: str) -> Zone:
    """The zone in a file of the tz database.

    :raises ZoneError: the file is not usable.
    """
    with open(path, "rb") as stream:
        return Zone(stream.read())


def load_host(path: str = HOST_ZONE) -> Zone:
    """The zone of this host, which its cron uses; UTC if none is set, as in libc."""
    try:
        return read(path)
    except FileNotFoundError:
        return fixed(0)
    except ZoneError as error:
        raise ZoneError(f"{path} {error}") from None


def fixed(offset: int) -> Zone:
    """A zone whose clocks never change."""
    return Zone(b"TZif" + bytes(32) + struct.pack(">2l", 1, 0) + struct.pack(">lBB", offset, 0, 0))


def _counts(data: bytes, start: int) -> tuple[int, ...]:
    if data[start : start + 4] != b"TZif":
        raise ValueError("no header")
    return struct.unpack_from(">6l", data, start + 20)


def _block_size(counts: tuple[int, ...], size: int) -> int:
    isut, isstd, leaps, times, types, chars = counts
    return times * (size + 1) + types * 6 + chars + leaps * (size + 4) + isstd + isut


def _footer(text: str) -> tuple[int, int | None, tuple[Rule, ...]]:
    """The offsets and rules of a TZ string such as C(EET-2EEST,M3.5.0/3,M10.5.0/4), whose signs count to the west."""
    names_and_offsets, *rules = text.split(",")
    rest = _without_name(names_and_offsets)
    clock, rest = _split_clock(rest)
    standard = -_seconds(clock)
    if not rest:
        return standard, None, ()
    clock, _rest = _split_clock(_without_name(rest))
    daylight = -_seconds(clock) if clock else standard + 3600
    begin, end = rules
    return standard, daylight, (Rule(begin), Rule(end))


def _without_name(text: str) -> str:
    if text.startswith("<"):
        return text[text.index(">") + 1 :]
    return text.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _split_clock(text: str) -> tuple[str, str]:
    rest = text.lstrip("0123456789:+-")
    return text[: len(text) - len(rest)], rest


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text.lstrip("+-").split(":")] + [0, 0]
    return sign * (parts[0] * 3600 + parts[1] * 60 + parts[2])


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_before(year: int) -> int:
    """Days from the first of January 1970 to the first of January of a year."""
    past = year - 1
    return past * 365 + past // 4 - past // 100 + past // 400 - 719162


def year_of(instant: int) -> int:
    """The year of an instant, in UTC."""
    days = instant // DAY
    year = 1970 + days * 400 // 146097
    while days < days_before(year):
        year -= 1
    while days >= days_before(year + 1):
        year += 1
    return year


def _nth_weekday(year: int, month: int, week: int, weekday: int) -> int:
    lengths = (31, 29 if _leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    first = days_before(year) + sum(lengths[: month - 1])
    # The epoch was a Thursday; a week of the rule begins with Sunday.
    day = first + (weekday - (first + 4) % 7) % 7 + 7 * (week - 1)
    while day >= first + lengths[month - 1]:
        day -= 7
    return day
