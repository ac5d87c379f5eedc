# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as text: a table, CSV and JSON. Pure; runs on the controller."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timezone
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from .packages import load

COLUMNS = (
    "host", "available_percent", "available", "total", "source", "kernel", "free", "anonymous", "kernel_memory", "caches", "others",
    "tmpfs", "tmpfs_percent", "swap_used", "cgroup_limit", "machine_total", "machine_available", "machine_available_percent",
    "a_percent", "b_percent", "extended_percent",
    "swap_total", "pressure_some", "pressure_full", "oom_kills", "read_at", "old",
)  # fmt: skip


def size(value: Optional[int]) -> str:
    """Bytes for people."""
    if value is None:
        return "-"
    for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value / 1024:.0f} KiB"


def percent(value: Optional[float], digits: int = 1) -> str:
    """A percentage for people."""
    return "-" if value is None else f"{value:.{digits}f} %"


def moment(seconds: Optional[float]) -> str:
    """A time for people, in UTC."""
    return "-" if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


def printable(text: str) -> str:
    """The text without characters that a terminal would obey, because hosts wrote parts of it."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def render_summary(fleet: Mapping[str, Any]) -> str:
    """The hosts, worst first, and their statistics, as plain text.

    :raises MissingPackageError: tabulate is missing.
    """
    heads = ("host", "available", "", "total", "tmpfs", "unexplained", "source", "kernel", "read")
    rows = [tuple(map(printable, _line(row))) for row in fleet["hosts"]]
    sides = ("left", *["right"] * 5, *["left"] * 3)
    table = load("tabulate", "the table").tabulate(rows, heads, disable_numparse=True, colalign=sides if rows else None)
    lines = [*table.splitlines(), "", *statistics_of(fleet)]
    lines += [f"Outlier: {line}" for line in outliers_of(fleet)]
    lines += [f"No reading: {entry['host']}: {entry['reason']}" for entry in fleet["failed"]]
    return "\n".join(printable(line.rstrip()) for line in lines)


def _line(row: Mapping[str, Any]) -> Tuple[str, ...]:
    shares = percent(row["available_percent"]), size(row["available"]), size(row["total"]), percent(row["tmpfs_percent"])
    read = moment(row["read_at"]) + (" old" if row["old"] else "")
    # The account is that of the machine, and the other figures are those of the host.
    unexplained = row["extended_percent"] if row["cgroup_limit"] is None else None
    return (row["host"], *shares, percent(unexplained, 2), row["source"], row["kernel"] or "-", read)


def outliers_of(fleet: Mapping[str, Any]) -> List[str]:
    """The outliers, a line for each figure."""
    return [f"{entry['host']}: {_words(entry['figure'])} {entry['value']:g}, usual {_span(entry['usual'])}" for entry in fleet["outliers"]]


def _words(figure: str) -> str:
    return figure.replace("_percent", " %").replace("extended", "unexplained")


def _span(usual: Sequence[float]) -> str:
    return f"{usual[0]:g} to {usual[1]:g}"


def statistics_of(fleet: Mapping[str, Any]) -> List[str]:
    """The statistics of all hosts, a line for each figure."""
    lines = [f"{len(fleet['hosts'])} hosts, {len(fleet['failed'])} without a reading; {size(fleet['sums']['total'])} in all"]
    for label, figures in (("Available", fleet["available_percent"]), ("tmpfs", fleet["tmpfs_percent"])):
        lines.append(f"{label}: " + ", ".join(f"{name} {percent(value)}" for name, value in figures.items()))
    for formula, found in fleet["residuals"].items():
        spread = f"{percent(found['min'], 2)} to {percent(found['max'], 2)}"
        within = f"within 1.5 % on {found['within_1_5']}, within 3 % on {found['within_3']} of {found['hosts']} hosts"
        lines.append(f"Formula {formula}: unexplained {spread}; {within}")
    lines.append(times_of(fleet["read"]))
    return lines


def times_of(read: Mapping[str, Any]) -> str:
    """The time of the readings, and how many are too old."""
    if read["first"] is None:
        return "Read: at an unknown time"
    line = f"Read: {moment(read['first'])} to {moment(read['last'])}"
    return f"{line}; {read['old']} older than {read['max_age']:g} s" if read["old"] else line


def render_json(fleet: Mapping[str, Any]) -> str:
    """All data, for programs: a line for each key, and for each host. Python's encoder takes five times as long for indented lines."""
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_lines(fleet[key])}" for key in sorted(fleet)) + "\n}\n"


def _lines(value: Any) -> str:
    """JSON, a line for each element of a list."""
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(json.dumps(element, sort_keys=True) for element in value) + "\n]"
    return json.dumps(value, sort_keys=True)


def render_csv(fleet: Mapping[str, Any]) -> str:
    """One line for each host, worst first, sizes in bytes; then the hosts without a reading, with the reason in the last column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, "error"])
    for row in fleet["hosts"]:
        read_at = "" if row["read_at"] is None else moment(row["read_at"]).replace(" ", "T")
        cells = {**row, "read_at": read_at, "old": "old" if row["old"] else ""}
        writer.writerow([_cell(cells[name]) for name in COLUMNS] + [""])
    for entry in fleet["failed"]:
        writer.writerow([_cell(entry["host"])] + [""] * (len(COLUMNS) - 1) + [_cell(entry["reason"])])
    return text.getvalue()


def _cell(value: Any) -> Any:
    # A text from a host must not become a formula in a spreadsheet.
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
