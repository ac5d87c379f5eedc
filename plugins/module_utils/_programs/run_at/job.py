# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job, by its definition in /etc or by the command line. Plain classes: dataclasses would double the cost of a call."""

from __future__ import annotations

import os

from . import schedule, zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

DEFINITIONS = "/etc/fleetlab/tz_cron"
STATES = "/var/lib/fleetlab/tz_cron"

# Cron fires at the minute, or up to five minutes late if the clock was set or the machine was busy.
ON_TIME = 600
# Cron calls this form once an hour, at any minute.
WITHIN_THE_HOUR = 3599

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
        self.weekdays: tuple[int, ...] = ()
        self.days: tuple[int, ...] = ()
        self.dst = "once"
        self.catch_up = False
        self.warn_after: int | None = None
        self.timeout: int | None = None
        self.user: str | None = None
        self.netns: str | None = None
        self.private_tmp = False
        self.textfile: str | None = None
        self.on_time = ON_TIME
        # The module has declared the job; other jobs are given on the command line.
        self.declared = False
        # The time of the declaration: wanted times before it are not caught up.
        self.since = 0

    def schedule(self) -> schedule.Schedule:
        """The wanted times."""
        if self.dst not in schedule.POLICIES:
            raise UsageError(f"'{self.dst}' is not one of {', '.join(schedule.POLICIES)}")
        try:
            return schedule.Schedule(zone.load(self.zone_name), schedule.parse_times(self.at), self.weekdays, self.days, self.dst)
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
        raise UsageError(f"no job '{name}' can be read: {path}: {error.strerror}") from None
    import json

    try:
        return from_definition(json.loads(text), states, since)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is damaged ({type(error).__name__}: {error}): run the task that declares the job again") from None


def from_definition(found: Mapping[str, Any], states: str = "", since: int = 0) -> Job:
    """A job from the keys of a definition."""
    name = found["name"]
    job = Job(name, found["timezone"], found["at"], ["/bin/sh", "-c", found["command"]], state_path(name, states or STATES))
    job.weekdays = tuple(schedule.WEEKDAYS.index(day) for day in found["weekdays"])
    job.days = tuple(found["days"])
    for key in ("dst", "catch_up", "warn_after", "timeout", "user", "netns", "private_tmp", "textfile"):
        setattr(job, key, found[key])
    job.since = since
    job.declared = True
    return job
