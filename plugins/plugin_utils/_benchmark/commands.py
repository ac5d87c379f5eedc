# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fio's command line for a run of the plan. Pure; runs on the controller."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from .plan import PATTERNS, Pattern
from .subjects import BenchmarkError, Subject, find_subject, make_volumes


def queue_depth(pattern: Pattern, subject: Subject, depth: int) -> int:
    """Requests in flight over all volumes of the subject at C(depth) for each. The limit grows with a depth above the usual one."""
    most = pattern.most * depth // pattern.depth if depth > pattern.depth else pattern.most
    return min(depth * len(subject.volumes), max(most, depth))


def fio_argv(subject: Subject, pattern: Pattern, depth: int, seconds: float, warm_up: float, engine: str) -> List[str]:
    """fio and its arguments: one job on each of the paths, or several streams on a single one.

    Only arrays that the benchmark itself created are opened for writing.
    """
    if not pattern.operation.endswith("read") and not subject.name.startswith("layout_"):
        raise BenchmarkError(f"{subject.name}: refused to write to a device that the benchmark did not create")
    each = max(1, queue_depth(pattern, subject, depth) // max(len(subject.paths), pattern.streams))
    argv = [
        "fio",
        f"--ioengine={engine}",
        "--direct=1",
        f"--rw={pattern.operation}",
        f"--bs={pattern.block}",
        f"--iodepth={each}",
        # With a system call for each request, the client's CPU would be the limit and not the storage.
        f"--iodepth_batch_submit={max(1, each // 16)}",
        f"--iodepth_batch_complete_max={each}",
        "--time_based",
        f"--ramp_time={warm_up:g}",
        f"--runtime={seconds:g}",
        "--group_reporting",
        "--thread",
        "--output-format=json",
    ]
    if pattern.operation.endswith("read"):
        argv.append("--readonly")
    if pattern.streams > 1:
        argv += [f"--numjobs={pattern.streams}", f"--offset_increment={100 // pattern.streams}%", f"--size={100 // pattern.streams}%"]
    for number, path in enumerate(subject.paths, 1):
        # fio separates files by colons.
        argv += [f"--name={subject.name}-{number}", "--filename=" + path.replace(":", "\\:")]
    return argv


def make_commands(
    stage: Mapping[str, Any], devices: Sequence[Mapping[str, Any]], arrays: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> List[Dict[str, Any]]:
    """The runs of a stage of the plan, in the form of the program on the client, with the facts that the results need.

    C(devices) and C(arrays) are the reports of C(iscsi_session_info) and C(md_array_info); C(options) has C(seconds), C(warm_up) and
    C(engine).

    :raises BenchmarkError: a subject does not exist.
    """
    volumes = make_volumes(devices)
    commands = []
    for run in stage["runs"]:
        subject = find_subject(run["subject"], volumes, arrays)
        pattern = PATTERNS[run["pattern"]]
        depth = run["depth"] or pattern.depth
        seconds, warm_up = float(options["seconds"]), float(options["warm_up"])
        commands.append(
            {
                "id": run["id"],
                "argv": fio_argv(subject, pattern, depth, seconds, warm_up, str(options["engine"])),
                "disks": [volume.disk for volume in subject.volumes],
                "seconds": seconds,
                "warm_up": warm_up,
                "facts": {
                    "name": subject.name,
                    "pattern": pattern.name,
                    "repeat": run["repeat"],
                    "depth_per_volume": depth,
                    "queue_depth": queue_depth(pattern, subject, depth),
                    "usual_depth": run["depth"] is None,
                    "legs": {volume.disk: volume.target.rsplit(":", 1)[-1] + f"/{volume.lun}" for volume in subject.volumes},
                    "width": subject.width,
                    "level": subject.level,
                    "layout": subject.layout,
                    "chunk_kib": subject.chunk_kib,
                    "rotational": subject.rotational,
                    "lost": stage["lost"],
                    "volume_mb_per_s": stage["speed"][0],
                    "volume_iops": stage["speed"][1],
                },
            }
        )
    return commands
