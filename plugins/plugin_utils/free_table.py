# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of one host as a table like that of C(free). Pure; runs on the controller."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence

UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
ROWS = ("caches", "available", "both")

_COLUMNS = ("total", "used", "free", "anonymous", "kernel", "caches", "others")
_UNKNOWN = "-"


class TableError(ValueError):
    """The facts or an option are wrong; the message says which."""


def render(meminfo: Mapping[str, Any], unit: str = "m", percent: bool = False, extended: bool = False, rows: str = "caches") -> str:
    """The table, several lines. Sizes are rounded down; percentages are of MemTotal, those of swap of SwapTotal.

    :arg meminfo: the result C(meminfo) of C(meminfo_facts).
    :raises TableError: other facts, or an unknown unit or value of C(rows).
    """
    if unit not in UNITS:
        raise TableError(f"unit: {unit!r} is unknown; use one of {', '.join(UNITS)}")
    if rows not in ROWS:
        raise TableError(f"rows: {rows!r} is unknown; use one of {', '.join(ROWS)}")
    try:
        free = meminfo["free"]
        table = _Table(UNITS[unit], percent, free["total"])
        lines = ["       " + "".join(f"{name:>11}" for name in _COLUMNS)]
        lines += table.memory(free, rows)
        lines.append("Swap:  " + table.row(free["swap"]["total"], [free["swap"]["used"], free["swap"]["free"]], free["swap"]["total"]))
        if extended:
            lines += ["", "Extended memory usage info:"]
            lines += [f"  {name:<16}{table.cell(value, free['total']):>11}" for name, value in free["extended"].items()]
    except (KeyError, TypeError) as error:
        raise TableError(f"these are not facts of fleetlab.linux.meminfo_facts ({type(error).__name__}: {error})") from None
    return "\n".join(lines)


class _Table:
    def __init__(self, unit: int, percent: bool, total: int) -> None:
        self._unit = unit
        self._percent = percent
        self._total = total

    def size(self, value: Optional[int]) -> str:
        return _UNKNOWN if value is None else str(value // self._unit)

    def cell(self, value: Optional[int], whole: Optional[int]) -> str:
        """A part, as a size or as a percentage of the whole."""
        if not self._percent:
            return self.size(value)
        if value is None or not whole:
            return _UNKNOWN
        # Halves are rounded up. Python's own rounding would make 0 of 0.5, and 2 of 1.5.
        return f"{(200 * value + whole) // (2 * whole)}%"

    def row(self, first: Optional[int], others: Sequence[Optional[int]], whole: Optional[int]) -> str:
        return f"{self.size(first):>11}" + "".join(f"{self.cell(value, whole):>11}" for value in others)

    def memory(self, free: Mapping[str, Any], rows: str) -> List[str]:
        lines = ["Mem:   " + self.row(free["total"], [free[name] for name in _COLUMNS[1:]], self._total)]
        for name, label, key in (("caches", "  -/+ caches", "minus_caches"), ("available", "  -/+ avail", "minus_available")):
            if rows in (name, "both"):
                adjusted = [free[key]["used"], free[key]["free"]]
                lines.append(f"{label:<18}" + "".join(f"{self.cell(value, self._total):>11}" for value in adjusted))
        return lines
