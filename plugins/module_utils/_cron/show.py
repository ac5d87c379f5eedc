# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in the diff and in the return values of the modules. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from .._core.plan import Plan
from .._programs.run_at import watch
from .._programs.run_at.job import Job, from_definition
from .._programs.run_at.schedule import Schedule
from .._programs.run_at.zone import Zone
from .render import calendar, cron_fields
from .state import Installed, State, Wanted, cron_path, decoded, state_folder, unit_path

_RUNS = 5
_DEFINED = (
    "timezone",
    "at",
    "weekdays",
    "days",
    "months",
    "command",
    "user",
    "warn_after",
    "timeout",
    "spread",
    "delay",
    "shell",
    "path",
    "env",
    "command_timezone",
    "on_failure",
    "on_success",
    "dst",
    "catch_up",
    "backend",
    "netns",
    "private_tmp",
    "textfile",
)


_HIDDEN = "(not shown)"
_REMEDY = "run the task that declares the job again"


def _shown(definition: Optional[Mapping[str, Any]]) -> Optional[Dict[str, Any]]:
    """A definition without what may be secret: the values of variables, and the paths of URLs, which tell a monitoring service who asks."""
    if definition is None:
        return None
    found = dict(definition)
    if isinstance(found.get("env"), dict):
        found["env"] = dict.fromkeys(found["env"], _HIDDEN)
    for hook in ("on_failure", "on_success"):
        if isinstance(found.get(hook), str) and found[hook].startswith(("http://", "https://")):
            scheme, _slashes, rest = found[hook].partition("//")
            found[hook] = f"{scheme}//{re.split('[/?#]', rest)[0].rpartition('@')[2]}/{_HIDDEN}"
    return found


def hidden(params: Mapping[str, Any]) -> Dict[str, Any]:
    """The options of a task as Ansible may show them: without the values of variables.

    The mark C(no_log) of Ansible would also mask each value wherever it occurs, such as a C(True) that says whether something changed.
    """
    found = dict(params)
    if isinstance(found.get("env"), dict):
        found["env"] = dict.fromkeys(found["env"], _HIDDEN)
    if isinstance(found.get("jobs"), list):
        found["jobs"] = [hidden(job) for job in found["jobs"]]
    return found


def view(name: str, installed: Installed) -> Mapping[str, Any]:
    """One side of the diff: the declaration by key, and the files that are made from it."""
    files: Tuple[Tuple[str, Optional[str]], ...] = (
        (cron_path(name), installed.cron_file),
        (unit_path(name, "service"), installed.service),
        (unit_path(name, "timer"), installed.timer),
    )
    return {
        "state": "present" if installed.present else "absent",
        "definition": _shown(decoded(installed.definition)),
        "timer": "active" if installed.timer_active else "inactive",
        "log_and_state": installed.state_files is not None,
        "wrong_access": dict(installed.access),
        "files": {path: content.splitlines() for path, content in files if content is not None},
    }


def returned(state: State, wanted: Sequence[Wanted], _plan: Plan) -> Dict[str, Any]:
    """The return values of tz_cron."""
    return {"jobs": describe(state, [one.name for one in wanted])}


def describe(state: State, names: Iterable[str]) -> List[Dict[str, Any]]:
    """The present jobs of C(names)."""
    return [_describe(state, name) for name in names if state.jobs[name].present]


def _describe(state: State, name: str) -> Dict[str, Any]:
    installed = state.jobs[name]
    found = decoded(installed.definition) or {}
    shown = _shown(found) or {}
    described: Dict[str, Any] = {"name": name, **{key: shown.get(key) for key in _DEFINED}}
    last = _last(installed.record, installed.running)
    described.update(
        entry=_entry(installed), output=_output(state, name, found), next_runs=[], last=last, stale=None, problem=installed.problem
    )
    try:
        job = from_definition(found, since=installed.since)
        schedule = job.schedule()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        described["problem"] = f"the definition cannot be used ({error}): {_REMEDY}"
        return described
    described["next_runs"] = next_runs(schedule, state.zone, state.now, job.delay * 60)
    described["problem"] = installed.problem or _problem_of_calls(state, installed, described["entry"], job)
    if installed.problem is None:
        described["stale"] = watch.is_stale(job, installed.record, state.now, state.booted)
    return described


def _entry(installed: Installed) -> List[str]:
    """The lines with the times, from cron's file or the timer."""
    if installed.cron_file is not None:
        return [line for line in installed.cron_file.splitlines() if line[:1] in "*@" or line[:1].isdigit()]
    return [line for line in (installed.timer or "").splitlines() if line.startswith("OnCalendar=")]


def _problem_of_calls(state: State, installed: Installed, entry: Sequence[str], job: Job) -> Optional[str]:
    """Why the daemon does not call the job at all its times: the entry is gone, changed, or was written by an older version, or is idle."""
    if any(line.startswith(f"{cron_fields(job.at, job.delay)} root ") for line in entry):
        return None if state.cron else "nothing calls the job, because cron does not run: start it"
    if f"OnCalendar={calendar(job.at, job.delay)}" in entry:
        works = installed.timer_enabled and installed.timer_active
        return None if works else f"nothing calls the job, because its timer is stopped or disabled: {_REMEDY}"
    return f"the entry of cron or the timer does not call the job at all its times: {_REMEDY}"


def _output(state: State, name: str, found: Mapping[str, Any]) -> str:
    """Where the output of a job goes."""
    log = f"{state_folder(name)}/state.json.output"
    mailed = found.get("backend") == "cron" and state.sends_mail
    return f"{'mail to ' + str(found.get('user')) if mailed else 'journal'}, {log}"


def next_runs(schedule: Schedule, host: Zone, now: int, delay: int = 0) -> List[Dict[str, str]]:
    """The next runs of a job, C(delay) seconds after its wanted times: in UTC, in the job's zone and in the host's zone."""
    starts = [wanted + delay for wanted in islice(schedule.following(now - delay), _RUNS)]
    return [
        {"utc": _local(start, 0), "host": _local(start, host.offset(start)), "job": _local(start, schedule.zone.offset(start))}
        for start in starts
    ]


def _local(instant: float, offset: int) -> str:
    return datetime.fromtimestamp(int(instant), timezone(timedelta(seconds=offset))).isoformat()


def _last(state: Optional[Mapping[str, Any]], running: bool) -> Optional[Dict[str, Any]]:
    """The record of the last run; C(None) before the first run."""
    if state is None or state.get("last_start") is None:
        return None
    times = {
        key: None if state.get(f"last_{key}") is None else _local(state[f"last_{key}"], 0) for key in ("wanted", "start", "end", "success")
    }
    kept = {key: state.get(key) for key in ("exit_code", "duration", "host", "consecutive_failures", "overlaps", "missed")}
    return {**times, **kept, "running": running}
