# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job, by its definition in /etc or by the command line. Plain classes: dataclasses would double the cost of a call."""

from __future__ import annotations

import os

from . import schedule, zone
from .days import Days, parse_weekday

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Sequence

DEFINITIONS = "/etc/fleetlab/tz_cron"
STATES = "/var/lib/fleetlab/tz_cron"

# A declared job is called every quarter of an hour, one of the command line once an hour, at any minute. A call that comes later, because
# the machine slept or cron was down, still runs a wanted time of the last hour.
WITHIN_THE_HOUR = 3599

SHELL = "/bin/sh"
PATH = "/usr/bin:/bin"

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class UsageError(ValueError):
    """A call with wrong words; no command was run."""


class Job:
    """A command with its wanted times, and the rules for its runs."""

    def __init__(self, name: str, zone_name: str, at: list[str], command: list[str], state: str) -> None:
        self.name = name
        self.zone_name = zone_name
        self.at = at
        self.command = command
        self.state = state
        self.days = Days()
        self.dst = "once"
        self.catch_up = False
        self.warn_after: int | None = None
        self.timeout: float | None = None
        # Minutes by which this host starts the job later than wanted.
        self.delay = 0
        self.user: str | None = None
        self.shell = SHELL
        self.path = PATH
        self.env: Mapping[str, str] = {}
        self.command_timezone = False
        self.netns: str | None = None
        self.private_tmp = False
        self.textfile: str | None = None
        self.on_failure: str | None = None
        self.on_success: str | None = None
        # The module has declared the job; other jobs are given on the command line.
        self.declared = False
        # The time of the declaration: wanted times before it are not answered.
        self.since = 0

    def schedule(self) -> schedule.Schedule:
        """The wanted times."""
        if self.dst not in schedule.POLICIES:
            raise UsageError(f"'{self.dst}' is not one of {', '.join(schedule.POLICIES)}")
        try:
            return schedule.Schedule(zone.load(self.zone_name), schedule.parse_times(self.at), self.days, self.dst)
        except ValueError as error:
            raise UsageError(str(error)) from None


def is_name(name: str) -> bool:
    """Whether this can be the name of a job, which becomes part of file names for run-parts and cron."""
    return 0 < len(name) <= 64 and _NAME.issuperset(name) and name[0] not in "-_"


def state_path(name: str, folder: str = STATES) -> str:
    """The file with the state of a declared job."""
    return f"{folder}/{name}/state.json"


def load(name: str, definitions: str = "", states: str = "") -> Job:
    """A declared job by its name.

    :raises UsageError: there is none, or its definition cannot be read.
    """
    if not is_name(name):
        raise UsageError(f"'{name}' cannot be the name of a job")
    path = f"{definitions or DEFINITIONS}/{name}.json"
    try:
        with open(path, encoding="utf-8") as stream:
            since = int(os.fstat(stream.fileno()).st_mtime)
            text = stream.read()
    except OSError as error:
        raise UsageError(f"no job '{name}' can be read: {path}: {error.strerror}. As root, run-at --list shows the jobs") from None
    import json

    try:
        return from_definition(json.loads(text), states, since)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is damaged ({type(error).__name__}: {error}): run the task that declares the job again") from None


_KEYS = ("dst", "catch_up", "warn_after", "timeout", "user", "netns", "private_tmp", "textfile")
# The keys that definitions of the first version do not have.
_LATER_KEYS = ("delay", "shell", "path", "env", "command_timezone", "on_failure", "on_success")


def from_definition(found: Mapping[str, Any], states: str = "", since: int = 0) -> Job:
    """A job from the keys of a definition, also of one that an older version has written."""
    name, shell = found["name"], found.get("shell", SHELL)
    job = Job(name, found["timezone"], found["at"], [shell, "-c", found["command"]], state_path(name, states or STATES))
    job.days = chosen_days(found["weekdays"], found["days"], found.get("months", ()))
    for key in (*_KEYS, *(key for key in _LATER_KEYS if key in found)):
        setattr(job, key, found[key])
    job.since = since
    job.declared = True
    return job


def chosen_days(weekdays: Sequence[str], days: Sequence[int], months: Sequence[int]) -> Days:
    """The days of a definition."""
    return Days(tuple(parse_weekday(day) for day in weekdays), tuple(days), tuple(months))


def hook_of(job: Job, command: str, about: Mapping[str, str]) -> Job:
    """A command that tells somebody about a run, as the job's user in its environment, and on the host's own network."""
    hook = Job(job.name, job.zone_name, job.at, [job.shell, "-c", command], job.state)
    hook.user, hook.shell, hook.path, hook.env = job.user, job.shell, job.path, {**job.env, **about}
    hook.declared = job.declared
    return hook
