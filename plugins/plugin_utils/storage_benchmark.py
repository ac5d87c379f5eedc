# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From fio's JSON to the figures of a storage benchmark, their ideal, and a table. Pure; runs on the controller."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

MEGABYTE = 1_000_000


class BenchmarkError(ValueError):
    """fio's output is not what it should be; the message says which run."""


@dataclass(frozen=True)
class Result:
    """One measurement. C(ideal_mb_per_s) and C(ideal_iops) are what all legs together could give at best."""

    name: str
    pattern: str
    throttled: bool
    legs: int
    mb_per_s: float
    iops: float
    latency_ms: float
    ideal_mb_per_s: Optional[float]
    ideal_iops: Optional[float]
    ratio_to_ideal: Optional[float]


def parse_fio(name: str, text: str) -> Tuple[float, float, float]:
    """Bytes per second, operations per second and mean completion latency in ms of the reads of one fio run.

    :raises BenchmarkError: no JSON, no job, or a job that reports an error.
    """
    try:
        # Warnings of fio stand before its JSON.
        jobs = json.loads(text[text.index("{") :])["jobs"]
        read = jobs[0]["read"]
        errors = [job["error"] for job in jobs if job["error"]]
        figures = float(read["bw_bytes"]), float(read["iops"]), float(read["clat_ns"]["mean"]) / 1e6
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BenchmarkError(f"{name}: fio printed no usable report ({error}): {text[:200]!r}") from None
    if errors:
        raise BenchmarkError(f"{name}: fio failed with error {errors[0]}")
    return figures


def make_results(runs: Sequence[Mapping[str, Any]], mb_per_s: float, iops: int) -> List[Dict[str, Any]]:
    """The results of several runs, in their order.

    Each run has C(name), C(pattern) (C(seq) or C(rand)), C(throttled), C(legs) (volumes it reads from) and C(output) (fio's JSON).
    The ideal of a throttled run is C(legs) times the speed a volume is held to, in the unit of its pattern. That of any other
    run is C(legs) times what C(one_lun) gave with the same pattern.
    """
    measured = [(run, parse_fio(run["name"], run["output"])) for run in runs]
    single = {run["pattern"]: figures for run, figures in measured if run["name"] == "one_lun" and not run["throttled"]}
    return [asdict(_result(run, figures, single.get(run["pattern"]), mb_per_s, iops)) for run, figures in measured]


def _result(
    run: Mapping[str, Any],
    figures: Tuple[float, float, float],
    single: Optional[Tuple[float, float, float]],
    mb_per_s: float,
    iops: int,
) -> Result:
    rate, operations, latency = figures[0] / MEGABYTE, figures[1], figures[2]
    legs, sequential = run["legs"], run["pattern"] == "seq"
    ideal_rate: Optional[float] = None
    ideal_operations: Optional[float] = None
    if run["throttled"]:
        ideal_rate, ideal_operations = (legs * mb_per_s, None) if sequential else (None, float(legs * iops))
    elif single is not None:
        ideal_rate, ideal_operations = legs * single[0] / MEGABYTE, legs * single[1]
    ratio = _ratio(rate, ideal_rate) if sequential else _ratio(operations, ideal_operations)
    return Result(
        name=run["name"],
        pattern=run["pattern"],
        throttled=run["throttled"],
        legs=legs,
        mb_per_s=round(rate, 2),
        iops=round(operations, 1),
        latency_ms=round(latency, 3),
        ideal_mb_per_s=None if ideal_rate is None else round(ideal_rate, 2),
        ideal_iops=None if ideal_operations is None else round(ideal_operations, 1),
        ratio_to_ideal=ratio,
    )


def _ratio(value: float, ideal: Optional[float]) -> Optional[float]:
    return round(value / ideal, 3) if ideal else None


def render_table(results: Sequence[Mapping[str, Any]]) -> str:
    """The results as a table of plain text, one row each."""
    rows = [("device", "legs", "reads", "volumes", "MB/s", "IOPS", "latency", "ideal", "ratio")]
    for result in results:
        sequential = result["pattern"] == "seq"
        ideal = result["ideal_mb_per_s"] if sequential else result["ideal_iops"]
        rows.append(
            (
                result["name"],
                str(result["legs"]),
                "sequential" if sequential else "random",
                "held" if result["throttled"] else "free",
                f"{result['mb_per_s']:.1f}",
                f"{result['iops']:.0f}",
                f"{result['latency_ms']:.1f} ms",
                "-" if ideal is None else f"{ideal:.0f} {'MB/s' if sequential else 'IOPS'}",
                "-" if result["ratio_to_ideal"] is None else f"{result['ratio_to_ideal']:.2f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_align(cell, widths[column], column) for column, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(max(lines, key=len)), *lines[1:]])


def _align(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column in (0, 2, 3) else cell.rjust(width)
