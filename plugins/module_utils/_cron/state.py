# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as a task wants them and as a host has them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

from .._programs.run_at.job import STATES
from .._programs.run_at.schedule import WEEKDAYS, Schedule, parse_times
from .._programs.run_at.store import SUFFIXES
from .._programs.run_at.zone import Zone

CRON_FOLDER = "/etc/cron.d"
UNIT_FOLDER = "/etc/systemd/system"
MARK = "# Written by fleetlab.linux.tz_cron"

State = Tuple[Optional[Dict[str, Any]], Optional[str]]
"""The record that the runner keeps of a job, or why it cannot be read."""


@dataclass(frozen=True)
class Definition:
    """What the runner is told about a job; the fields are the keys of its file."""

    name: str
    timezone: str
    at: Tuple[str, ...]
    command: str
    user: str = "root"
    weekdays: Tuple[str, ...] = ()
    days: Tuple[int, ...] = ()
    dst: str = "once"
    catch_up: bool = False
    warn_after: Optional[int] = None
    timeout: Optional[int] = None
    netns: Optional[str] = None
    private_tmp: bool = False
    textfile: Optional[str] = None
    backend: str = "cron"

    def content(self) -> str:
        """The file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def schedule(self, zone: Zone) -> Schedule:
        """When the job is wanted."""
        weekdays = tuple(WEEKDAYS.index(day) for day in self.weekdays)
        return Schedule(zone, parse_times(list(self.at)), weekdays, self.days, self.dst)


@dataclass(frozen=True)
class Wanted:
    """One job of a task; without a definition it shall not be there."""

    name: str
    definition: Optional[Definition] = None
    zone: Optional[Zone] = None
    backend: str = "auto"
    purge: bool = False


@dataclass(frozen=True)
class Installed:
    """What a host has of one job: contents of its files, and how its timer is."""

    definition: Optional[str] = None
    cron_file: Optional[str] = None
    timer: Optional[str] = None
    service: Optional[str] = None
    timer_enabled: bool = False
    timer_active: bool = False
    # Names of the files, and None where there is no folder.
    state_files: Optional[Tuple[str, ...]] = None
    running: bool = False
    textfile: Optional[str] = None
    # When the definition was written; and mode and owner of those files, and of the state's folder, that have others than they are given.
    since: int = 0
    access: Mapping[str, str] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        """Whether any of the job is there, but for its log and state."""
        own_cron_file = self.cron_file is not None and self.cron_file.startswith(MARK)
        return own_cron_file or any(text is not None for text in (self.definition, self.timer, self.service))


@dataclass(frozen=True)
class Host:
    """What a host has: the program with its files, what starts jobs, the jobs."""

    zone: Zone
    now: int
    cron: bool = True
    systemd: bool = False
    program: Mapping[str, str] = field(default_factory=dict)
    wanted_program: Mapping[str, str] = field(default_factory=dict)
    program_access: Mapping[str, str] = field(default_factory=dict)
    # Whether the launcher that jobs with a /tmp of their own need is there.
    private_tmp: bool = False
    interpreter: str = "/usr/bin/python3"
    definitions_folder: bool = False
    jobs: Mapping[str, Installed] = field(default_factory=dict)


def cron_path(name: str) -> str:
    """The entry of a job. The name has no dot: Debian's run-parts rules leave out files that have one."""
    return f"{CRON_FOLDER}/tz_cron-{name}"


def unit_name(name: str, kind: str) -> str:
    """The unit of a job: C(timer) or C(service)."""
    return f"tz_cron-{name}.{kind}"


def unit_path(name: str, kind: str) -> str:
    """The file of a job's unit."""
    return f"{UNIT_FOLDER}/{unit_name(name, kind)}"


def state_folder(name: str) -> str:
    """Where a job's state and log are kept."""
    return f"{STATES}/{name}"


def is_state_file(file: str) -> bool:
    """Whether a file of a state folder is one that the runner makes."""
    return file in [f"state.json{suffix}" for suffix in SUFFIXES]


def decoded(definition: Optional[str]) -> Optional[Dict[str, Any]]:
    """The keys of a job's file; None where there is none, or one that is damaged."""
    try:
        found = json.loads(definition or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
