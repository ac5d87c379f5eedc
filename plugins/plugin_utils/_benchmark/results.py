# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From single runs to results: figures over the repeats, their ideal, balance and CPU. Pure; runs on the controller."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .plan import PATTERNS
from .statistics import Sample, busy_between, imbalance, mean, parse_samples, percent, shares, spread
from .subjects import BenchmarkError

MEGABYTE = 1_000_000

_SAME = ("name", "pattern", "depth_per_volume", "rotational", "lost", "volume_mb_per_s", "volume_iops")
"""The facts by which repeats of one measurement are recognised."""


def parse_lines(commands: Sequence[Mapping[str, Any]], text: str) -> List[Dict[str, Any]]:
    """The output of the program on the client for these commands, each with its C(facts) and C(argv).

    :raises BenchmarkError: a line is missing or belongs to another command.
    """
    try:
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as problem:
        raise BenchmarkError(f"measure.py printed a line that is not JSON ({problem}): {text[:200]!r}") from None
    if [line.get("id") for line in lines] != [command["id"] for command in commands]:
        raise BenchmarkError(f"measure.py printed {len(lines)} results for {len(commands)} runs, or in another order")
    return [{**line, "facts": command["facts"], "argv": command["argv"]} for command, line in zip(commands, lines)]


def make_results(measured: Sequence[Mapping[str, Any]], samples: Mapping[str, str]) -> List[Dict[str, Any]]:
    """One result for all repeats of a measurement, in the order of their first runs.

    C(measured) are the runs of L(parse_lines), C(samples) the samples of each server, by its name. The ideal of throttled volumes is the
    speed of the throttle times the number of volumes that can help. The ideal of free volumes is the result of C(one_lun) times this
    number.
    """
    parsed = {server: parse_samples(text) for server, text in samples.items()}
    groups: Dict[Tuple[Any, ...], List[Mapping[str, Any]]] = {}
    for run in measured:
        groups.setdefault(tuple(run["facts"][name] for name in _SAME), []).append(run)
    results = [_result(runs, parsed) for runs in groups.values()]
    single = {result["pattern"]: result["mean"] for result in results if result["name"] == "one_lun" and _is_usual_free(result)}
    return [_with_ideal(result, single) for result in results]


def _is_usual_free(result: Mapping[str, Any]) -> bool:
    return bool(not result["throttled"] and result["usual_depth"])


def _result(runs: Sequence[Mapping[str, Any]], samples: Mapping[str, Sequence[Sample]]) -> Dict[str, Any]:
    facts, fio = runs[0]["facts"], runs[0]["fio"]
    pattern = PATTERNS[facts["pattern"]]
    direction = "read" if pattern.operation.endswith("read") else "write"
    bytes_per_s = [run["fio"][direction]["bytes_per_s"] for run in runs]
    iops = [run["fio"][direction]["iops"] for run in runs]
    measure = [rate / MEGABYTE for rate in bytes_per_s] if pattern.sequential else iops
    counted = {leg: sum(run["read" if direction == "read" else "written"][disk] for run in runs) for disk, leg in facts["legs"].items()}
    rate = mean(bytes_per_s)
    return {
        "name": facts["name"],
        "pattern": pattern.name,
        "throttled": bool(facts["volume_mb_per_s"]),
        "usual_depth": facts["usual_depth"],
        "unit": "MB/s" if pattern.sequential else "IOPS",
        "mean": round(mean(measure), 2),
        "spread": round(spread(measure), 4),
        "repeats": len(runs),
        "mb_per_s": round(rate / MEGABYTE, 2),
        "gbit_per_s": round(rate * 8 / 1e9, 4),
        "iops": round(mean(iops), 1),
        **{f"latency_{name}_ms": round(mean([run["fio"][direction][f"{name}_ms"] for run in runs]), 3) for name in ("mean", "p50", "p99")},
        "cpu_client_percent": _rounded(percent(sum(run["cpu"][0] for run in runs), sum(run["cpu"][1] for run in runs))),
        "cpu_servers_percent": _cpu_of_servers(runs, samples),
        "leg_bytes": counted,
        "leg_shares": {leg: round(share, 4) for leg, share in shares(counted).items()},
        "leg_imbalance": _rounded(imbalance(counted), 4),
        **{name: facts[name] for name in ("legs", "width", "level", "layout", "chunk_kib", "rotational", "lost")},
        **{name: facts[name] for name in ("queue_depth", "depth_per_volume", "volume_mb_per_s", "volume_iops")},
        "fio_version": fio["version"],
        "fio_command": " ".join(runs[0]["argv"]),
    }


def _cpu_of_servers(runs: Sequence[Mapping[str, Any]], samples: Mapping[str, Sequence[Sample]]) -> Dict[str, Optional[float]]:
    """The mean over the runs for each server; C(None) if the samples of a server cover no run, because of its clock or its sampler."""
    found: Dict[str, Optional[float]] = {}
    for server, taken in samples.items():
        known = [busy for busy in (busy_between(taken, run["start"], run["end"]) for run in runs) if busy is not None]
        found[server] = _rounded(mean(known)) if known else None
    return found


def _with_ideal(result: Dict[str, Any], single: Mapping[str, float]) -> Dict[str, Any]:
    """The result with the ideal of its volumes. A read can use every copy, a write has to reach all copies."""
    pattern = PATTERNS[result["pattern"]]
    helping = len(result.pop("legs")) if pattern.operation.endswith("read") else result["width"]
    result["volumes"] = helping
    if result["throttled"]:
        one: Optional[float] = float(result["volume_mb_per_s"] if pattern.sequential else result["volume_iops"])
    else:
        one = single.get(pattern.name)
    result["ideal"] = None if one is None else round(one * helping, 2)
    result["ratio_to_ideal"] = round(result["mean"] / result["ideal"], 3) if result["ideal"] else None
    return result


def _rounded(value: Optional[float], digits: int = 1) -> Optional[float]:
    return None if value is None else round(value, digits)


def tuning_ratio(results: Sequence[Mapping[str, Any]], throttled: bool) -> Dict[str, float]:
    """The ratio of the tuned to the untuned chain at the usual depth, by pattern; empty if one of the two was not measured."""
    chosen = [result for result in results if result["throttled"] == throttled and result["usual_depth"]]
    found = {(result["name"], result["pattern"]): result["mean"] for result in chosen}
    return {
        pattern: round(found["chain_tuned", pattern] / found["chain_untuned", pattern], 3)
        for pattern in PATTERNS
        if found.get(("chain_untuned", pattern)) and ("chain_tuned", pattern) in found
    }
