# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a host has of the jobs, and what starts them. The only reader."""

from __future__ import annotations

import os
import pwd
import stat
import time
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from .._core.errors import ObservationError
from .._core.python import interpreter
from .._core.runner import Runner
from .._programs.run_at.call import goes_on
from .._programs.run_at.execute import find
from .._programs.run_at.job import DEFINITIONS, is_name
from .._programs.run_at.store import Store
from .._programs.run_at.textfile import path_of
from .._programs.run_at.zone import Zone, ZoneError, load_host
from .program import files, program_mode
from .state import MARK, Host, Installed, State, cron_path, decoded, is_state_file, state_folder, unit_name, unit_path

# Who the module makes everything for.
ROOT = 0


def observe(names: Iterable[str], runner: Runner) -> Host:
    """The host, and what it has of these jobs."""
    python = interpreter()
    wanted = files(python)
    systemd = os.path.isdir("/run/systemd/system")
    contents = {path: _read(path) for path in wanted}
    return Host(
        zone=_host_zone(),
        now=int(time.time()),
        cron=cron_runs(),
        systemd=systemd,
        program={path: content for path, content in contents.items() if content is not None},
        wanted_program=wanted,
        program_access=_wrong_access({path: program_mode(path) for path in wanted}),
        private_tmp=find("private-tmp") is not None,
        interpreter=python,
        definitions_folder=os.path.isdir(DEFINITIONS),
        jobs={name: _installed(name, runner if systemd else None) for name in names},
    )


def declared() -> List[str]:
    """The names of all jobs that were declared on this host."""
    try:
        found = [file[: -len(".json")] for file in os.listdir(DEFINITIONS) if file.endswith(".json")]
    except FileNotFoundError:
        return []
    return sorted(name for name in found if is_name(name))


def has_user(name: str) -> bool:
    """Whether this host has a user of that name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def cron_runs(proc: str = "/proc") -> bool:
    """Whether a cron runs here that reads /etc/cron.d: not one of a container, and not busybox, which reads no such folder."""
    here = _link(f"{proc}/self/ns/pid")
    processes = [f"{proc}/{entry}" for entry in os.listdir(proc) if entry.isdigit()]
    return any(_is_cron(process) and _link(f"{process}/ns/pid") == here for process in processes)


def _is_cron(process: str) -> bool:
    try:
        with open(f"{process}/comm", encoding="utf-8", errors="replace") as stream:
            name = stream.read().strip()
    except OSError:
        return False
    return name in ("cron", "crond") and os.path.basename(_link(f"{process}/exe") or "") not in ("busybox", "")


def _link(path: str) -> Optional[str]:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _host_zone() -> Zone:
    try:
        return load_host()
    except (OSError, ZoneError) as error:
        raise ObservationError(f"the zone of this host cannot be read: {error}. Set it anew, with timedatectl set-timezone") from None


def _installed(name: str, runner: Optional[Runner]) -> Installed:
    path = f"{DEFINITIONS}/{name}.json"
    definition, since = _read(path), _changed(path)
    cron, timer, service = _read(cron_path(name)), _read(unit_path(name, "timer")), _read(unit_path(name, "service"))
    own = {path: 0o600, unit_path(name, "timer"): 0o644, unit_path(name, "service"): 0o644, state_folder(name): 0o700}
    if cron is not None and cron.startswith(MARK):
        own[cron_path(name)] = 0o644
    state, _problem = _state(name)
    return Installed(
        definition=definition,
        since=since,
        cron_file=cron,
        timer=timer,
        service=service,
        timer_enabled=os.path.islink(f"/etc/systemd/system/timers.target.wants/{unit_name(name, 'timer')}"),
        timer_active=timer is not None and runner is not None and _is_active(unit_name(name, "timer"), runner),
        state_files=_state_files(name),
        running=state is not None and goes_on(state),
        textfile=_metrics(name, definition),
        access=_wrong_access(own),
    )


def _changed(path: str) -> int:
    try:
        return int(os.stat(path).st_mtime)
    except OSError:
        return 0


def _wrong_access(wanted: Mapping[str, int]) -> Dict[str, str]:
    """The mode and owner of what is there, where they are not the mode that it is made with and root."""
    found: Dict[str, str] = {}
    for path, mode in wanted.items():
        try:
            status = os.stat(path)
        except OSError:
            continue
        if (stat.S_IMODE(status.st_mode), status.st_uid) != (mode, ROOT):
            found[path] = f"{stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid}"
    return found


def _is_active(unit: str, runner: Runner) -> bool:
    return runner.run(["systemctl", "show", "--property=ActiveState", "--value", unit]).stdout.strip() == "active"


def _state_files(name: str) -> Optional[Tuple[str, ...]]:
    try:
        return tuple(sorted(file for file in os.listdir(state_folder(name)) if is_state_file(file)))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _metrics(name: str, definition: Optional[str]) -> Optional[str]:
    folder = (decoded(definition) or {}).get("textfile")
    path = path_of(name, folder) if isinstance(folder, str) else None
    return path if path is not None and os.path.isfile(path) else None


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ObservationError(f"{path} cannot be read: {error.strerror}. Look what is in its place") from None


def read_states(names: Iterable[str]) -> Dict[str, State]:
    """The recorded state of each job, or why it cannot be read."""
    return {name: _state(name) for name in names}


def _state(name: str) -> State:
    store = Store(f"{state_folder(name)}/state.json", lambda _text: None)
    try:
        return store.read(), None
    except ValueError as error:
        return None, store.unreadable(error)
