# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as text: a table, CSV, and metrics for the textfile collector of node_exporter. Pure; runs on the controller."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, List, Mapping, Optional, Sequence, Tuple

COLUMNS = (
    "host", "available_percent", "available", "total", "source", "kernel", "free", "anonymous", "kernel_memory", "caches", "others",
    "tmpfs", "tmpfs_percent", "swap_used", "cgroup_limit", "machine_total", "machine_available", "machine_available_percent",
    "a_percent", "b_percent", "extended_percent",
)  # fmt: skip
_METRICS = (
    ("total", "fleet_memory_total_bytes", "MemTotal."),
    ("available", "fleet_memory_available_bytes", "Memory available without swapping; the label source names the origin of the figure."),
    ("tmpfs", "fleet_memory_tmpfs_bytes", "Memory in tmpfs and shared memory, which cannot be reclaimed."),
    ("extended_percent", "fleet_memory_unexplained_percent", "Part of MemTotal that no counter explains."),
)


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


def render_summary(fleet: Mapping[str, Any]) -> str:
    """The hosts, worst first, and their statistics, as plain text."""
    rows: List[Tuple[str, ...]] = [("host", "available", "", "total", "tmpfs", "unexplained", "source", "kernel")]
    for row in fleet["hosts"]:
        shares = percent(row["available_percent"]), size(row["available"]), size(row["total"]), percent(row["tmpfs_percent"])
        rows.append((row["host"], *shares, percent(row["extended_percent"], 2), row["source"], row["kernel"] or "-"))
    lines = _aligned(rows, left=(0, 6, 7))
    lines += ["", *statistics_of(fleet)]
    lines += [f"Outlier: {line}" for line in outliers_of(fleet)]
    lines += [f"No reading: {entry['host']}: {entry['reason']}" for entry in fleet["failed"]]
    return "\n".join(lines)


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
    return lines


def _aligned(rows: Sequence[Tuple[str, ...]], left: Sequence[int]) -> List[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(widths[column]) if column in left else cell.rjust(widths[column]) for column, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return [lines[0], "-" * len(max(lines, key=len)), *lines[1:]]


def render_json(fleet: Mapping[str, Any]) -> str:
    """All data, for programs."""
    return json.dumps(fleet, indent=2, sort_keys=True) + "\n"


def render_csv(fleet: Mapping[str, Any]) -> str:
    """One line for each host, worst first, sizes in bytes; then the hosts without a reading, with the reason in the last column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, "error"])
    for row in fleet["hosts"]:
        writer.writerow([_cell(row[name]) for name in COLUMNS] + [""])
    for entry in fleet["failed"]:
        writer.writerow([_cell(entry["host"])] + [""] * (len(COLUMNS) - 1) + [_cell(entry["reason"])])
    return text.getvalue()


def _cell(value: Any) -> Any:
    # A text from a host must not become a formula in a spreadsheet.
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def render_textfile(fleet: Mapping[str, Any]) -> str:
    """Metrics of all hosts in the format of Prometheus."""
    lines: List[str] = []
    for key, name, description in _METRICS:
        lines += [f"# HELP {name} {description}", f"# TYPE {name} gauge"]
        for row in fleet["hosts"]:
            source = f',source="{_escape(row["source"])}"' if key == "available" else ""
            if row[key] is not None:
                lines.append(f'{name}{{host="{_escape(row["host"])}"{source}}} {row[key]}')
    up = "fleet_memory_up"
    lines += [f"# HELP {up} Whether the host's memory could be read.", f"# TYPE {up} gauge"]
    lines += [f'{up}{{host="{_escape(row["host"])}"}} 1' for row in fleet["hosts"]]
    lines += [f'{up}{{host="{_escape(entry["host"])}"}} 0' for entry in fleet["failed"]]
    return "\n".join(lines) + "\n"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
