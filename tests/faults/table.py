# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults: one row for each, kept as JSON and Markdown, printed at the end."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Sequence

HEADER = ("row", "fault", "what the client saw", "longest stall (goal)", "time to heal", "mismatch_cnt", "checksum", "result")


@dataclass(frozen=True)
class Row:
    """One fault. C(row) is its number in the list of faults; times in seconds, none where there is nothing to measure.

    C(goal) is what C(stall) was held against: only a server's death has one.
    """

    row: str
    fault: str
    seen: str
    stall: float | None = None
    heal: float | None = None
    mismatches: int | None = None
    checksum: str = ""
    goal: float | None = None
    result: str = "ok"

    def cells(self) -> tuple[str, ...]:
        """The cells of the table."""
        goal = "none" if self.goal is None else f"{self.goal:g} s"
        stall = "-" if self.stall is None else f"{self.stall:.1f} s ({goal})"
        heal = "-" if self.heal is None else f"{self.heal:.0f} s"
        mismatches = "-" if self.mismatches is None else str(self.mismatches)
        return (self.row, self.fault, self.seen, stall, heal, mismatches, self.checksum or "-", self.result)


def _order(row: Row) -> tuple[float, str]:
    number = row.row.rstrip("abcdefgh")
    return (float(number) if number.isdigit() else float("inf"), row.row)


def markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown that also reads well as text."""
    lines = [HEADER, *[row.cells() for row in sorted(rows, key=_order)]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    text.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(text) + "\n"


class Table:
    """The rows so far, written to the file with each new row, so that an interrupted run has them too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[Row] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, row: Row) -> None:
        """Keep a row."""
        self.rows.append(row)
        content = {"results": [asdict(row) for row in sorted(self.rows, key=_order)]}
        (self.folder / "faults.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        (self.folder / "faults.md").write_text(markdown(self.rows), encoding="utf-8")
