# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted jobs of a task, and the jobs of a host. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from .._host.systemd import SYSTEM_FOLDER
from .._programs.run_at.job import DEFINITIONS, PATH, SHELL, STATES, chosen_days
from .._programs.run_at.schedule import Schedule, parse_times
from .._programs.run_at.store import SUFFIXES
from .._programs.run_at.zone import Zone

CRON_FOLDER = "/etc/cron.d"
MARK = "# Written by fleetlab.linux.tz_cron"

Record = Dict[str, Any]
"""The runner's record of a job."""


@dataclass(frozen=True)
class Definition:
    """The declaration of a job, for the runner; the fields are the keys of its file."""

    name: str
    timezone: str
    at: Tuple[str, ...]
    command: str
    user: str = "root"
    weekdays: Tuple[str, ...] = ()
    days: Tuple[int, ...] = ()
    months: Tuple[int, ...] = ()
    dst: str = "once"
    catch_up: bool = False
    warn_after: Optional[int] = None
    timeout: Optional[int] = None
    spread: Optional[int] = None
    delay: int = 0
    """Minutes by which this host starts the job later than wanted, below C(spread)."""
    shell: str = SHELL
    path: str = PATH
    env: Mapping[str, str] = field(default_factory=dict)
    command_timezone: bool = False
    on_failure: Optional[str] = None
    on_success: Optional[str] = None
    netns: Optional[str] = None
    private_tmp: bool = False
    textfile: Optional[str] = None
    backend: str = "cron"

    def content(self) -> str:
        """The text of the file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def schedule(self, zone: Zone) -> Schedule:
        """The schedule of the job."""
        return Schedule(zone, parse_times(list(self.at)), chosen_days(self.weekdays, self.days, self.months), self.dst)


@dataclass(frozen=True)
class Wanted:
    """One job of a task; without a definition it shall be absent."""

    name: str
    definition: Optional[Definition] = None
    zone: Optional[Zone] = None
    backend: str = "auto"
    purge: bool = False


@dataclass(frozen=True)
class Installed:
    """One job on a host: the contents of its files, and the state of its timer."""

    definition: Optional[str] = None
    cron_file: Optional[str] = None
    timer: Optional[str] = None
    service: Optional[str] = None
    timer_enabled: bool = False
    timer_active: bool = False
    state_files: Optional[Tuple[str, ...]] = None
    """Names of the files in the folder of the job's state; C(None) if the folder does not exist."""
    running: bool = False
    record: Optional[Record] = None
    problem: Optional[str] = None
    """Why the record cannot be read."""
    textfile: Optional[str] = None
    since: int = 0
    """The time when the definition was written, in seconds since 1970."""
    access: Mapping[str, str] = field(default_factory=dict)
    """Mode and owner, by path, of files and of the state's folder, if they are not the module's."""

    @property
    def present(self) -> bool:
        """Whether the host has any file of the job, apart from its log and state."""
        return self.definition is not None or any(is_own(text) for text in (self.cron_file, self.timer, self.service))

    @property
    def foreign(self) -> Installed:
        """The files at the paths of the job that the module did not write. They stay."""
        timer = _if_foreign(self.timer)
        return Installed(
            cron_file=_if_foreign(self.cron_file),
            timer=timer,
            service=_if_foreign(self.service),
            timer_enabled=self.timer_enabled and timer is not None,
            timer_active=self.timer_active and timer is not None,
        )


@dataclass(frozen=True)
class State:
    """The state of a host: the runner with its files, the daemons that start jobs, and the jobs."""

    zone: Zone
    now: int
    booted: int = 0
    cron: bool = True
    systemd: bool = False
    program: Mapping[str, str] = field(default_factory=dict)
    wanted_program: Mapping[str, str] = field(default_factory=dict)
    program_access: Mapping[str, str] = field(default_factory=dict)
    sends_mail: bool = True
    """Whether cron can mail the output of jobs."""
    machine: str = ""
    """What tells this host from others that have the same jobs."""
    private_tmp: bool = False
    """Whether the host has the launcher, which jobs with a private /tmp need."""
    namespaces: Tuple[str, ...] = ()
    """The names of the network namespaces."""
    metrics: Tuple[str, ...] = ()
    """Those of the wanted jobs' folders for metrics that the host has."""
    interpreter: str = "/usr/bin/python3"
    has_definitions: bool = False
    jobs: Mapping[str, Installed] = field(default_factory=dict)


def is_own(text: Optional[str]) -> bool:
    """Whether this is the text of a file that the module wrote."""
    return text is not None and text.startswith(MARK)


def _if_foreign(text: Optional[str]) -> Optional[str]:
    return None if is_own(text) else text


def definition_path(name: str) -> str:
    """The file with the declaration of a job."""
    return f"{DEFINITIONS}/{name}.json"


def cron_path(name: str) -> str:
    """The file of a job for cron. The name has no dot: by Debian's rules for run-parts, cron ignores files whose names have one."""
    return f"{CRON_FOLDER}/tz_cron-{name}"


def unit_name(name: str, kind: str) -> str:
    """The unit of a job: C(timer) or C(service)."""
    return f"tz_cron-{name}.{kind}"


def unit_path(name: str, kind: str) -> str:
    """The file of a job's unit."""
    return f"{SYSTEM_FOLDER}/{unit_name(name, kind)}"


def state_folder(name: str) -> str:
    """The folder of a job's state and log."""
    return f"{STATES}/{name}"


def is_state_file(file: str) -> bool:
    """Whether the runner makes files with this name in the folder of a state."""
    return file in [f"state.json{suffix}" for suffix in SUFFIXES]


def decoded(definition: Optional[str]) -> Optional[Dict[str, Any]]:
    """The keys of a job's file; C(None) if the file does not exist or is damaged."""
    try:
        found = json.loads(definition or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def folders_for_metrics(wanted: Iterable[Wanted]) -> List[str]:
    """The folders into which these jobs shall write metrics."""
    return [one.definition.textfile for one in wanted if one.definition is not None and one.definition.textfile is not None]
