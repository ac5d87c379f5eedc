# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of one host as a table like that of C(free). Pure; runs on the controller."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "h": 0}
ROWS = ("caches", "available", "both")

_COLUMNS = ("total", "used", "free", "anonymous", "kernel", "caches", "others")
_UNKNOWN = "-"
_PREFIXES = ("B", "Ki", "Mi", "Gi", "Ti", "Pi")
_LEAST_WIDTH = 11
_LONGEST_LABEL = 16


class TableError(ValueError):
    """The facts or an option are wrong; the message says which."""


def render(
    meminfo: Mapping[str, Any], unit: str = "m", percent: bool = False, extended: bool = False, rows: str = "caches", caches: bool = False
) -> str:
    """The table, several lines. Sizes are rounded down; percentages are of MemTotal, those of swap of SwapTotal.

    :arg meminfo: the result C(meminfo) of C(meminfo_facts).
    :raises TableError: other facts, or an unknown unit or value of C(rows).
    """
    if unit not in UNITS:
        raise TableError(f"unit: {unit!r} is unknown; use one of {', '.join(UNITS)}")
    if rows not in ROWS:
        raise TableError(f"rows: {rows!r} is unknown; use one of {', '.join(ROWS)}")
    try:
        blocks = ([("Extended memory usage info:", meminfo["free"]["extended"])] if extended else []) + (
            [("Caches:", _caches(meminfo))] if caches else []
        )
        return _render(meminfo, _Cells(UNITS[unit], percent), rows, blocks)
    except (KeyError, TypeError) as error:
        raise TableError(f"these are not facts of fleetlab.linux.meminfo_facts ({type(error).__name__}: {error})") from None


def _caches(meminfo: Mapping[str, Any]) -> Dict[str, Optional[int]]:
    """The parts of the column caches, the page cache without tmpfs, and what the cache of ZFS can give back; null for a limited host."""
    sizes = meminfo["bytes"] if meminfo["free"]["caches"] is not None and meminfo["machine"] is None else {}
    names = ("Active(file)", "Inactive(file)", "SReclaimable")
    arc = meminfo["zfs_arc"]["reclaimable"]
    return {
        **{name: sizes.get(name) for name in names},
        "Cached-Shmem": meminfo["accounting"]["cached_reclaimable"] if sizes else None,
        **({} if arc is None else {"ZFS ARC": arc}),
    }


def _render(meminfo: Mapping[str, Any], cells: _Cells, rows: str, blocks: Sequence[Tuple[str, Mapping[str, Optional[int]]]]) -> str:
    free, machine = meminfo["free"], meminfo["machine"]
    total, swap = free["total"], free["swap"]
    lines = [("", list(_COLUMNS)), ("Mem:", cells.row(free, total))]
    for name, label, key in (("caches", "-/+ caches", "minus_caches"), ("available", "-/+ avail", "minus_available")):
        if rows in (name, "both"):
            lines.append((f"  {label}", [cells.part(free[key][column], total) for column in ("used", "free")]))
    if machine is not None:
        lines.append(("Machine:", cells.row(machine["free"], machine["free"]["total"])))
    lines.append(("Swap:", [cells.size(swap["total"]), *(cells.part(swap[column], swap["total"]) for column in ("used", "free"))]))
    shown = [(head, [(name, cells.part(value, total)) for name, value in block.items()]) for head, block in blocks]
    # A blank between the widest cells, so that no two run together.
    texts_of_blocks = [cell for _head, block in shown for _name, cell in block]
    width = max(_LEAST_WIDTH, *(len(cell) + 1 for cell in texts_of_blocks), *(len(cell) + 1 for _label, texts in lines for cell in texts))
    label_width = 7 if machine is None else 9
    table = []
    for label, texts in lines:
        # The rows that begin with -/+ have no total.
        label_of = label.ljust(label_width + width * (len(texts) == 2))
        table.append(label_of + "".join(text.rjust(width) for text in texts))
    for head, block in shown:
        table += ["", head, *(f"  {name:<{_LONGEST_LABEL}}{cell:>{width}}" for name, cell in block)]
    return "\n".join(table)


class _Cells:
    """Sizes and percentages as texts."""

    def __init__(self, unit: int, percent: bool) -> None:
        self._unit = unit
        self._percent = percent

    def size(self, value: Optional[int]) -> str:
        """Whole units, or with one decimal in the unit that fits, rounded down."""
        if value is None:
            return _UNKNOWN
        if self._unit:
            return str(value // self._unit)
        amount, place = abs(value), 0
        while amount >= 1024 << (10 * place) and place < len(_PREFIXES) - 1:
            place += 1
        tenths = (amount * 10) >> (10 * place)
        text = f"{tenths // 10}.{tenths % 10}" if tenths < 100 and place else str(tenths // 10)
        return f"{'-' if value < 0 else ''}{text}{_PREFIXES[place]}"

    def part(self, value: Optional[int], whole: Optional[int]) -> str:
        """A part, as a size or as a percentage of the whole."""
        if not self._percent:
            return self.size(value)
        if value is None or not whole:
            return _UNKNOWN
        # Halves are rounded up. Python's own rounding would make 0 of 0.5, and 2 of 1.5.
        return f"{(200 * value + whole) // (2 * whole)}%"

    def row(self, free: Mapping[str, Any], total: int) -> List[str]:
        """All columns."""
        return [self.size(total), *(self.part(free[name], total) for name in _COLUMNS[1:])]
