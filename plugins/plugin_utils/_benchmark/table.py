# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a storage benchmark as rows, for a terminal and for Markdown. Pure."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple

Row = Tuple[str, ...]

HEADER: Row = (
    "device",
    "volumes",
    "throttled to",
    "use",
    "depth",
    "MB/s",
    "Gbit/s",
    "IOPS",
    "p50 ms",
    "p99 ms",
    "CPU client",
    "CPU servers",
    "legs off by",
    "ideal",
    "ratio",
    "spread",
)
_TEXT_COLUMNS = ("device", "throttled to", "use")
_USES = {"seq": "sequential", "seq4": "4 streams", "rand": "random", "write": "writes", "randwrite": "random writes"}


def make_row(result: Mapping[str, Any]) -> Row:
    """A result in the columns of C(HEADER)."""
    servers = [busy for busy in result["cpu_servers_percent"].values() if busy is not None]
    throttle = f"{result['volume_mb_per_s']:g} MB/s" if result["throttled"] else "free"
    return (
        subject_label(result),
        str(result["volumes"]),
        throttle,
        _USES[result["pattern"]],
        str(result["queue_depth"]),
        f"{result['mb_per_s']:.1f}",
        f"{result['gbit_per_s']:.2f}",
        f"{result['iops']:.0f}",
        f"{result['latency_p50_ms']:.0f}",
        f"{result['latency_p99_ms']:.0f}",
        _optional(result["cpu_client_percent"], lambda value: f"{value:.0f} %"),
        _optional(sum(servers) / len(servers) if servers else None, lambda value: f"{value:.0f} %"),
        _optional(result["leg_imbalance"], lambda value: f"{value * 100:.0f} %"),
        _optional(result["ideal"], lambda value: f"{value:.0f} {result['unit']}"),
        _optional(result["ratio_to_ideal"], lambda value: f"{value:.2f}"),
        f"{result['spread'] * 100:.0f} %" if result["repeats"] > 1 else "-",
    )


def subject_label(result: Mapping[str, Any]) -> str:
    """The name, and for layouts the conditions that distinguish the measurement."""
    if not result["name"].startswith("layout_"):
        return str(result["name"])
    lost = f", {result['lost']} lost" if result["lost"] else ""
    return f"{result['name']}{', rotational' if result['rotational'] else ''}{lost}"


def _optional(value: Optional[float], render: Callable[[float], str]) -> str:
    return "-" if value is None else render(value)


def render_table(results: Sequence[Mapping[str, Any]]) -> str:
    """The results as a table of plain text, one row each."""
    rows = [HEADER, *(make_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(_align(cell, widths[column], HEADER[column]) for column, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(max(lines, key=len)), *lines[1:]])


def _align(cell: str, width: int, column: str) -> str:
    return cell.ljust(width) if column in _TEXT_COLUMNS else cell.rjust(width)


def render_markdown(results: Sequence[Mapping[str, Any]]) -> List[str]:
    """The results as the lines of a Markdown table."""
    rule = "| " + " | ".join("---" if column in _TEXT_COLUMNS else "---:" for column in HEADER) + " |"
    rows = ["| " + " | ".join(row) + " |" for row in (HEADER, *(make_row(result) for result in results))]
    return [rows[0], rule, *rows[1:]]
