# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of a job for the textfile collector of node_exporter."""

from __future__ import annotations

import os

from .job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .store import State

_METRICS = (
    ("last_start", "tz_cron_last_start_timestamp_seconds", "When the job was last started."),
    ("last_success", "tz_cron_last_success_timestamp_seconds", "When the job last ended with exit code 0."),
    ("duration", "tz_cron_last_duration_seconds", "How long the last run took."),
    ("exit_code", "tz_cron_last_exit_code", "Exit code of the last run."),
    ("consecutive_failures", "tz_cron_consecutive_failures", "Failed runs since the last success."),
)


def path_of(name: str, folder: str) -> str:
    """The job's file: the collector reads all files of the folder."""
    return f"{folder}/tz_cron_{name}.prom"


def render(name: str, zone_name: str, state: State) -> str:
    """The text of the metrics; metrics of runs that have not taken place yet are omitted."""
    lines = []
    for key, metric, description in _METRICS:
        if state.get(key) is not None:
            # "job" is a label of Prometheus itself.
            sample = f'{metric}{{name="{name}",timezone="{zone_name}"}} {state[key]}'
            lines += [f"# HELP {metric} {description}", f"# TYPE {metric} gauge", sample]
    return "\n".join(lines) + "\n"


def write(job: Job, state: State) -> None:
    """Replace the job's file as a whole, because the collector may read it at any time."""
    if job.textfile is None:
        return
    path = path_of(job.name, job.textfile)
    # The collector only reads names that end in .prom.
    new = f"{path}.new"
    # Others may write in the folder too. What they put at this path, such as a pipe or another name of a file, is not opened.
    try:
        os.unlink(new)
    except FileNotFoundError:
        pass
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(render(job.name, job.zone_name, state))
            os.fchmod(descriptor, 0o644)
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise
