# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules return about jobs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any, Dict, Iterable, List, Mapping, Optional

from .._programs.run_at import watch
from .._programs.run_at.job import from_definition
from .._programs.run_at.schedule import Schedule
from .._programs.run_at.zone import Zone
from .state import Host, Installed, State, decoded

_RUNS = 5
_DEFINED = (
    "timezone",
    "at",
    "weekdays",
    "days",
    "command",
    "user",
    "warn_after",
    "timeout",
    "dst",
    "catch_up",
    "backend",
    "netns",
    "private_tmp",
    "textfile",
)


def describe(host: Host, names: Iterable[str], states: Mapping[str, State], boot: int) -> List[Dict[str, Any]]:
    """Every job that is there, by name."""
    return [_describe(host, name, states.get(name, (None, None)), boot) for name in names if host.jobs[name].present]


def _describe(host: Host, name: str, state: State, boot: int) -> Dict[str, Any]:
    installed = host.jobs[name]
    found = decoded(installed.definition) or {}
    described: Dict[str, Any] = {"name": name, **{key: found.get(key) for key in _DEFINED}}
    last, problem = state
    described.update(entry=_entry(installed), next_runs=[], last=_last(last, installed.running), stale=None, problem=problem)
    try:
        job = from_definition(found, since=installed.since)
        schedule = job.schedule()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        described["problem"] = f"the definition cannot be used ({error}): run the task that declares the job again"
        return described
    described["next_runs"] = next_runs(schedule, host.zone, host.now)
    if problem is None:
        described["stale"] = watch.is_stale(job, last, host.now, boot)
    return described


def _entry(installed: Installed) -> List[str]:
    """The lines that say when: of the cron file or of the timer."""
    if installed.cron_file is not None:
        return [line for line in installed.cron_file.splitlines() if line[:1] in "*@" or line[:1].isdigit()]
    return [line for line in (installed.timer or "").splitlines() if line.startswith("OnCalendar=")]


def next_runs(schedule: Schedule, host: Zone, now: int) -> List[Dict[str, str]]:
    """The next instants at which a job is wanted, on three clocks."""
    return [
        {"utc": _local(instant, 0), "host": _local(instant, host.offset(instant)), "job": _local(instant, schedule.zone.offset(instant))}
        for instant in islice(schedule.following(now), _RUNS)
    ]


def _local(instant: float, offset: int) -> str:
    return datetime.fromtimestamp(int(instant), timezone(timedelta(seconds=offset))).isoformat()


def _last(state: Optional[Mapping[str, Any]], running: bool) -> Optional[Dict[str, Any]]:
    """The record of the last run; null where there was none."""
    if state is None or state.get("last_start") is None:
        return None
    times = {
        key: None if state.get(f"last_{key}") is None else _local(state[f"last_{key}"], 0) for key in ("wanted", "start", "end", "success")
    }
    kept = {key: state.get(key) for key in ("exit_code", "duration", "host", "consecutive_failures", "overlaps")}
    return {**times, **kept, "running": running}
