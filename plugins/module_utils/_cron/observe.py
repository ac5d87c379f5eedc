# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the jobs of a host, and the daemons that start them."""

from __future__ import annotations

import os
import pwd
import stat
import time
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from .._core.errors import ObservationError
from .._core.python import interpreter
from .._core.runner import Runner
from .._host import systemd
from .._host.entering import NAMED
from .._host.files import Host
from .._host.process import own_processes
from .._programs.run_at.call import goes_on
from .._programs.run_at.execute import find
from .._programs.run_at.job import DEFINITIONS, is_name
from .._programs.run_at.output import sends_mail
from .._programs.run_at.store import Store
from .._programs.run_at.textfile import path_of
from .._programs.run_at.watch import booted
from .._programs.run_at.zone import Zone, ZoneError, load_host
from .program import files, program_mode
from .state import (
    Installed,
    Record,
    State,
    cron_path,
    decoded,
    definition_path,
    is_own,
    is_state_file,
    state_folder,
    unit_name,
    unit_path,
)

ROOT = 0
"""The owner of all files that the module makes."""

_READ_BY_CRON = ("/etc/crontab", "/etc/cron.d")


def observe(names: Iterable[str], runner: Runner, host: Host, metrics: Iterable[str] = ()) -> State:
    """The state of the host and of these jobs, and which of these folders for metrics it has.

    :raises ObservationError: a file or the host's zone cannot be read.
    """
    python = interpreter()
    wanted = files(python)
    has_systemd = systemd.is_running(host)
    contents = {path: _read(host, path) for path in wanted}
    now = int(time.time())
    return State(
        zone=_host_zone(),
        now=now,
        booted=booted(now),
        cron=cron_runs(host),
        systemd=has_systemd,
        program={path: content for path, content in contents.items() if content is not None},
        wanted_program=wanted,
        program_access=_wrong_access(host, {path: program_mode(path) for path in wanted}),
        sends_mail=sends_mail(),
        machine=_machine(host),
        private_tmp=_has_launcher(host),
        namespaces=tuple(host.names(NAMED)),
        metrics=tuple(folder for folder in metrics if host.is_folder(folder)),
        interpreter=python,
        has_definitions=host.is_folder(DEFINITIONS),
        jobs={name: installed(name, runner if has_systemd else None, host) for name in names},
    )


def _has_launcher(host: Host) -> bool:
    """Whether the host has the launcher of a private /tmp, in a version that passes variables on as run-at asks it to."""
    path = find("private-tmp")
    return path is not None and "--keep" in (host.text(path) or "")


def declared(host: Host) -> List[str]:
    """The names of all declared jobs of this host."""
    found = [file[: -len(".json")] for file in host.names(DEFINITIONS) if file.endswith(".json")]
    return sorted(name for name in found if is_name(name))


def has_user(name: str) -> bool:
    """Whether this host has a user with this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def has_program(path: str) -> bool:
    """Whether this host has a program at this path."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _machine(host: Host) -> str:
    """The id of this host, or its name if it has no id."""
    return (_read(host, "/etc/machine-id") or "").strip() or os.uname().nodename


def cron_runs(host: Host) -> bool:
    """Whether a cron runs that takes entries with a user from /etc/cron.d. The cron of a container does not count."""
    return any(_is_cron(host, pid) for pid in own_processes(host, ("cron", "crond")))


def _is_cron(host: Host, pid: int) -> bool:
    """Whether a process is a cron of the family of Vixie's, by the paths in its program.

    dcron reads that folder too, but takes no user, so that C(root) would be the command; busybox reads neither path.
    """
    program = host.read(f"/proc/{pid}/exe") or ""
    return all(path in program for path in _READ_BY_CRON)


def _host_zone() -> Zone:
    try:
        return load_host()
    except (OSError, ZoneError) as error:
        raise ObservationError(f"the zone of this host cannot be read: {error}. Set it again with timedatectl set-timezone") from None


def installed(name: str, runner: Optional[Runner], host: Host) -> Installed:
    """The files of one job, and its timer if C(runner) can ask systemd."""
    path, timer_path, service_path = definition_path(name), unit_path(name, "timer"), unit_path(name, "service")
    definition, since = _read(host, path), _changed(host, path)
    cron, timer = _read(host, cron_path(name)), _read(host, timer_path)
    service = _read(host, service_path)
    entries = {cron_path(name): cron, timer_path: timer, service_path: service}
    own = {path: 0o600, state_folder(name): 0o700, **{entry: 0o644 for entry, text in entries.items() if is_own(text)}}
    record, problem = _record(host, name)
    return Installed(
        definition=definition,
        since=since,
        cron_file=cron,
        timer=timer,
        service=service,
        timer_enabled=host.link(f"{systemd.SYSTEM_FOLDER}/timers.target.wants/{unit_name(name, 'timer')}") != "",
        timer_active=timer is not None and runner is not None and _is_active(unit_name(name, "timer"), runner),
        state_files=_state_files(host, name),
        running=record is not None and goes_on(record),
        record=record,
        problem=problem,
        textfile=_metrics(host, name, definition),
        access=_wrong_access(host, own),
    )


def _changed(host: Host, path: str) -> int:
    try:
        return int(os.stat(host.root + path).st_mtime)
    except OSError:
        return 0


def _wrong_access(host: Host, wanted: Mapping[str, int]) -> Dict[str, str]:
    """Mode and owner, by path, of files whose mode is not the wanted one, or whose owner is not root."""
    found: Dict[str, str] = {}
    for path, mode in wanted.items():
        try:
            status = os.stat(host.root + path)
        except OSError:
            continue
        if (stat.S_IMODE(status.st_mode), status.st_uid) != (mode, ROOT):
            found[path] = f"{stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid}"
    return found


def _is_active(unit: str, runner: Runner) -> bool:
    return systemd.show(runner, unit, ("ActiveState",)).get("ActiveState") == "active"


def _state_files(host: Host, name: str) -> Optional[Tuple[str, ...]]:
    folder = state_folder(name)
    return tuple(file for file in host.names(folder) if is_state_file(file)) if host.is_folder(folder) else None


def _metrics(host: Host, name: str, definition: Optional[str]) -> Optional[str]:
    folder = (decoded(definition) or {}).get("textfile")
    path = path_of(name, folder) if isinstance(folder, str) else None
    return path if path is not None and host.is_file(path) else None


def _read(host: Host, path: str) -> Optional[str]:
    try:
        return host.text(path)
    except OSError as error:
        raise ObservationError(f"{path} cannot be read: {error.strerror}. See which object has that path") from None


def _record(host: Host, name: str) -> Tuple[Optional[Record], Optional[str]]:
    """The runner's record of a job, or the reason why it cannot be read."""
    store = Store(f"{host.root}{state_folder(name)}/state.json", lambda _text: None)
    try:
        return store.read(), None
    except ValueError as error:
        return None, store.unreadable(error)
