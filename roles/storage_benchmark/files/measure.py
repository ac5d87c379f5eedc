# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure on the machines of a storage benchmark: many fio runs with the counters around them, or the CPU of a server.

measure.py run           reads {"runs": [...]} from standard input and writes one line of JSON for each run. A run has "id", "argv"
                         (fio and its arguments), "disks" (kernel names), "warm_up" and "seconds".
measure.py sample FILE   writes a line "TIME BUSY TOTAL" to the file each second, until it is ended. TIME is in seconds since 1970,
                         BUSY and TOTAL are ticks of all CPUs together since boot.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, TextIO, Tuple

SETTLE_SECONDS = 0.5
"""The time that fio needs to start, and that is not measured at the end of a run, when one queue after the other runs empty."""

GRACE_SECONDS = 60.0
"""How much longer than its own time a fio may take before it is given up."""

_SECTOR = 512
_PERCENTILES = {"p50": "50.000000", "p99": "99.000000"}


class MeasureError(Exception):
    """A run that gave no figures; the message names it."""


def parse_cpu(text: str) -> Tuple[int, int]:
    """Busy and total ticks since boot, from the text of /proc/stat.

    Time that the hypervisor gave to others is neither work of this machine nor leisure, and counts in neither.
    """
    fields = [int(word) for word in text.split("\n", 1)[0].split()[1:9]]
    fields += [0] * (8 - len(fields))
    idle, stolen = fields[3] + fields[4], fields[7]
    total = sum(fields) - stolen
    return total - idle, total


def parse_disk(text: str) -> Tuple[int, int]:
    """Bytes read and bytes written since the disk appeared, from the text of its file C(stat) in sysfs."""
    fields = text.split()
    return int(fields[2]) * _SECTOR, int(fields[6]) * _SECTOR


def reduce_fio(text: str) -> Dict[str, Any]:
    """The figures of fio's JSON that count: C(version), and for C(read) and C(write) bytes and operations per second and latencies in ms.

    :raises MeasureError: no JSON, no job, or a job that reports an error.
    """
    try:
        # Warnings of fio stand before its JSON.
        report = json.loads(text[text.index("{") :])
        (job,) = report["jobs"]
        figures = {"version": report["fio version"], "read": _direction(job["read"]), "write": _direction(job["write"])}
        error = job["error"]
    except (ValueError, KeyError, TypeError) as problem:
        raise MeasureError(f"fio printed no usable report ({problem}): {text[:200]!r}") from None
    if error:
        raise MeasureError(f"fio failed with error {error}")
    return figures


def _direction(one: Mapping[str, Any]) -> Dict[str, float]:
    latency = one["clat_ns"]
    figures = {"bytes_per_s": float(one["bw_bytes"]), "iops": float(one["iops"]), "mean_ms": latency["mean"] / 1e6}
    # A direction without operations has no percentiles.
    percentiles = latency.get("percentile", {})
    figures.update({f"{name}_ms": percentiles.get(key, 0) / 1e6 for name, key in _PERCENTILES.items()})
    return figures


class Machine:
    """The counters of this machine, and its clock; tests give another one."""

    def cpu(self) -> Tuple[int, int]:
        """Busy and total ticks."""
        return parse_cpu(Path("/proc/stat").read_text(encoding="ascii"))

    def disk(self, name: str) -> Tuple[int, int]:
        """Bytes read and written."""
        return parse_disk(Path("/sys/block", name, "stat").read_text(encoding="ascii"))

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()


def read_counters(machine: Machine, disks: Sequence[str]) -> Dict[str, Any]:
    """All counters at one moment."""
    busy, total = machine.cpu()
    return {"time": machine.now(), "cpu": [busy, total], "disks": {name: machine.disk(name) for name in disks}}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Dict[str, Any]:
    """What happened between two moments: C(start) and C(end), C(cpu) as busy and total ticks, bytes C(read) and C(written) per disk."""
    disks = {name: [late - early for early, late in zip(before["disks"][name], after["disks"][name])] for name in after["disks"]}
    return {
        "start": before["time"],
        "end": after["time"],
        "cpu": [late - early for early, late in zip(before["cpu"], after["cpu"])],
        "read": {name: figures[0] for name, figures in disks.items()},
        "written": {name: figures[1] for name, figures in disks.items()},
    }


def run_one(run: Mapping[str, Any], machine: Machine) -> Dict[str, Any]:
    """One fio with the counters of the time in which it was in full swing.

    :raises MeasureError: fio is missing, failed, ended too early, or did not end.
    """
    disks: List[str] = run["disks"]
    try:
        process = subprocess.Popen(run["argv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    except OSError as problem:
        raise MeasureError(f"{run['id']}: {run['argv'][0]}: {problem.strerror}") from None
    try:
        _wait(process, run["warm_up"] + SETTLE_SECONDS)
        before = read_counters(machine, disks)
        _wait(process, max(run["seconds"] - 2 * SETTLE_SECONDS, SETTLE_SECONDS))
        after = read_counters(machine, disks)
        output, _errors = process.communicate(timeout=run["seconds"] + GRACE_SECONDS)
        if process.returncode:
            raise MeasureError(f"fio ended with {process.returncode}: {_errors.strip()}")
        return {"id": run["id"], "fio": reduce_fio(output), **difference(before, after)}
    except subprocess.TimeoutExpired:
        raise MeasureError(f"{run['id']}: fio did not end in time") from None
    except MeasureError as problem:
        raise MeasureError(f"{run['id']}: {problem}") from None
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    """Let it run for so long; it may not end before.

    :raises MeasureError: it did.
    """
    try:
        _output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return
    raise MeasureError(f"fio ended early with {process.returncode}: {errors.strip()}")


def run_all(runs: Sequence[Mapping[str, Any]], machine: Machine, output: TextIO) -> None:
    """The runs in their order, a line of JSON for each.

    :raises MeasureError: of the first that gave no figures; the lines of those before it are written.
    """
    for run in runs:
        output.write(json.dumps(run_one(run, machine)) + "\n")
        output.flush()


def sample(machine: Machine, output: TextIO) -> None:
    """A line now."""
    busy, total = machine.cpu()
    output.write(f"{machine.now():.3f} {busy} {total}\n")
    output.flush()


def main() -> int:
    """Carry out one command line."""
    if sys.argv[1:] == ["run"]:
        try:
            run_all(json.load(sys.stdin)["runs"], Machine(), sys.stdout)
        except MeasureError as problem:
            print(f"measure.py: {problem}", file=sys.stderr)
            return 1
        return 0
    if sys.argv[1:2] == ["sample"] and len(sys.argv) == 3:
        with open(sys.argv[2], "w", encoding="ascii") as output:
            while True:
                sample(Machine(), output)
                time.sleep(1)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
