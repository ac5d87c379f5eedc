# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a host has of the jobs, and what starts them. The only reader."""

from __future__ import annotations

import fcntl
import os
import pwd
import time
from typing import Dict, Iterable, List, Optional, Tuple

from .._core.errors import ObservationError
from .._core.python import interpreter
from .._core.runner import Runner
from .._run_at.job import DEFINITIONS, is_name
from .._run_at.textfile import path_of
from .._run_at.zone import Zone, ZoneError, load_host
from .program import files
from .state import Host, Installed, cron_path, decoded, is_state_file, state_folder, unit_name, unit_path


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
        raise ObservationError(f"the zone of this host can not be read: {error}. Set it anew, with timedatectl set-timezone") from None


def _installed(name: str, runner: Optional[Runner]) -> Installed:
    definition = _read(f"{DEFINITIONS}/{name}.json")
    timer = _read(unit_path(name, "timer"))
    return Installed(
        definition=definition,
        cron_file=_read(cron_path(name)),
        timer=timer,
        service=_read(unit_path(name, "service")),
        timer_enabled=os.path.islink(f"/etc/systemd/system/timers.target.wants/{unit_name(name, 'timer')}"),
        timer_active=timer is not None and runner is not None and _is_active(unit_name(name, "timer"), runner),
        state_files=_state_files(name),
        running=_is_locked(f"{state_folder(name)}/state.json.lock"),
        textfile=_metrics(name, definition),
    )


def _is_active(unit: str, runner: Runner) -> bool:
    return runner.run(["systemctl", "show", "--property=ActiveState", "--value", unit]).stdout.strip() == "active"


def _state_files(name: str) -> Optional[Tuple[str, ...]]:
    try:
        return tuple(sorted(file for file in os.listdir(state_folder(name)) if is_state_file(file)))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_locked(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


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
        raise ObservationError(f"{path} can not be read: {error.strerror}. Look what is in its place") from None


def read_states(names: Iterable[str]) -> Dict[str, Tuple[Optional[Dict[str, object]], Optional[str]]]:
    """The recorded state of each job, or why it can not be read."""
    from .._run_at.store import Store

    found: Dict[str, Tuple[Optional[Dict[str, object]], Optional[str]]] = {}
    for name in names:
        try:
            found[name] = (Store(f"{state_folder(name)}/state.json", lambda _text: None).read(), None)
        except ValueError as error:
            found[name] = (None, str(error))
    return found
