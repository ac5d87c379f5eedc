# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a host has of the jobs to what a task wants. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from .._core.errors import ObservationError, RefusedError
from .._core.plan import Command, Plan, RemoveFile, Step, WriteFile, combine
from .._programs.run_at.job import DEFINITIONS
from .._programs.run_at.textfile import path_of
from .entry import cron_file, service_file, timer_file
from .program import COMMAND, LIBRARY, program_mode
from .state import MARK, Definition, Host, Installed, Wanted, cron_path, decoded, state_folder, unit_name, unit_path

_NO_CRON = "no cron that reads /etc/cron.d runs on this host: install cron (Debian, Ubuntu) or cronie (RHEL, Fedora) and start it"
_NO_LAUNCHER = (
    "private_tmp needs the command private-tmp, which is not on this host. A task with "
    "fleetlab.linux.private_tmp: {launcher: /usr/local/sbin/private-tmp} installs it"
)
_NO_SYSTEMD = "systemd does not run on this host"


def plan(host: Host, wanted: Sequence[Wanted]) -> Plan:
    """The runner first, if any job is to be there, then the jobs, which do not depend on each other."""
    parts = tuple(_job(host, one) for one in wanted)
    whole = combine("tz_cron", parts) if len(parts) != 1 else replace(parts[0], parts=parts)
    own = _program(host) if any(one.definition is not None for one in wanted) else []
    return replace(whole, steps=(*own, *whole.steps))


def _program(host: Host) -> List[Step]:
    found = host.program.get(COMMAND)
    if found is not None and MARK not in found.splitlines()[1:2]:
        raise RefusedError(COMMAND, "it is there and not of this collection", "Move it out of the way")
    steps: List[Step] = []
    changed = [
        path for path, content in sorted(host.wanted_program.items()) if host.program.get(path) != content or path in host.program_access
    ]
    if changed:
        steps.append(Command(("install", "-d", "-m", "0755", LIBRARY)))
        # The command last: it finds the rest in place.
        for path in sorted(changed, key=lambda path: path == COMMAND):
            steps.append(_write(path, host.wanted_program[path], program_mode(path)))
        # Jobs of today run as root, but nothing else may have to compile it on every call.
        steps.append(Command((host.interpreter, "-I", "-m", "compileall", "-q", LIBRARY)))
    if not host.definitions_folder:
        steps.append(Command(("install", "-d", "-m", "0755", DEFINITIONS)))
    return steps


def _job(host: Host, wanted: Wanted) -> Plan:
    installed = host.jobs[wanted.name]
    if wanted.definition is None or wanted.zone is None:
        return _absent(wanted, installed)
    definition = replace(wanted.definition, backend=_backend(host, wanted))
    target = _target(host, definition, wanted, installed)
    foreign = installed.cron_file
    if definition.backend == "cron" and foreign is not None and not foreign.startswith(MARK):
        raise RefusedError(cron_path(wanted.name), "it is there and was not written by this module", "Give the job another name")
    if definition.private_tmp and not host.private_tmp:
        raise ObservationError(f"job {wanted.name}: {_NO_LAUNCHER}")
    steps: List[Step] = []
    if installed.state_files is None or state_folder(wanted.name) in installed.access:
        steps.append(Command(("install", "-d", "-m", "0700", "-o", "root", "-g", "root", state_folder(wanted.name))))
    if installed.textfile is not None and target.textfile is None:
        # Before the definition: nothing else knows where it was.
        steps.append(RemoveFile(installed.textfile))
    path = f"{DEFINITIONS}/{wanted.name}.json"
    if installed.definition != target.definition or path in installed.access:
        steps.append(_write(path, target.definition or "", 0o600))
    steps += _cron_steps(wanted.name, installed, target) + _systemd_steps(wanted.name, installed, target)
    return _made(wanted.name, installed, target, steps)


def _backend(host: Host, wanted: Wanted) -> str:
    if wanted.backend == "auto":
        if host.cron:
            return "cron"
        if host.systemd:
            return "systemd"
        raise ObservationError(f"job {wanted.name}: {_NO_CRON}; {_NO_SYSTEMD} either")
    if not (host.cron if wanted.backend == "cron" else host.systemd):
        problem = _NO_CRON if wanted.backend == "cron" else _NO_SYSTEMD
        raise ObservationError(f"job {wanted.name}: {problem}, or set backend to auto")
    return wanted.backend


def _target(host: Host, definition: Definition, wanted: Wanted, installed: Installed) -> Installed:
    """The job as it shall be."""
    if wanted.zone is None:
        raise AssertionError("a job that is to be there has a zone")
    textfile = installed.textfile if definition.textfile and installed.textfile == path_of(wanted.name, definition.textfile) else None
    own = Installed(definition=definition.content(), state_files=installed.state_files or (), textfile=textfile)
    if definition.backend == "cron":
        return replace(own, cron_file=cron_file(definition, wanted.zone, host.zone, host.now))
    return replace(
        own,
        # Not ours, and not in the way.
        cron_file=_foreign(installed),
        timer=timer_file(definition, wanted.zone, host.now),
        service=service_file(definition),
        timer_enabled=True,
        timer_active=True,
    )


def _foreign(installed: Installed) -> Any:
    return installed.cron_file if installed.cron_file is not None and not installed.cron_file.startswith(MARK) else None


def _absent(wanted: Wanted, installed: Installed) -> Plan:
    # The folder of a state that stays is left as it is.
    access = {path: found for path, found in installed.access.items() if path == state_folder(wanted.name) and not wanted.purge}
    target = Installed(state_files=installed.state_files, textfile=None, cron_file=_foreign(installed), access=access)
    steps = _cron_steps(wanted.name, installed, target) + _systemd_steps(wanted.name, installed, target)
    steps += [RemoveFile(path) for path in [installed.textfile] if path is not None]
    if installed.definition is not None:
        steps.append(RemoveFile(f"{DEFINITIONS}/{wanted.name}.json"))
    if wanted.purge and installed.state_files is not None:
        if installed.running:
            raise RefusedError(f"job {wanted.name}", "it is running and writes the state to be removed", "Wait for its end")
        folder = state_folder(wanted.name)
        steps += [RemoveFile(f"{folder}/{file}") for file in installed.state_files]
        # What is not of the runner makes this fail, and stays.
        steps.append(Command(("rmdir", folder)))
        target = replace(target, state_files=None)
    return _made(wanted.name, installed, target, steps)


def _cron_steps(name: str, installed: Installed, target: Installed) -> List[Step]:
    if installed.cron_file == target.cron_file and cron_path(name) not in installed.access:
        return []
    if target.cron_file is None:
        return [RemoveFile(cron_path(name))]
    return [_write(cron_path(name), target.cron_file, 0o644)]


def _systemd_steps(name: str, installed: Installed, target: Installed) -> List[Step]:
    timer = unit_name(name, "timer")
    steps: List[Step] = []
    if target.timer is None and (installed.timer_active or installed.timer_enabled):
        steps.append(Command(("systemctl", "disable", "--now", timer)))
    changed = [
        kind
        for kind in ("service", "timer")
        if getattr(installed, kind) != getattr(target, kind) or unit_path(name, kind) in installed.access
    ]
    for kind in changed:
        content = getattr(target, kind)
        path = unit_path(name, kind)
        steps.append(RemoveFile(path) if content is None else _write(path, content, 0o644))
    if changed:
        steps.append(Command(("systemctl", "daemon-reload")))
    if target.timer is not None:
        if not (installed.timer_enabled and installed.timer_active):
            steps.append(Command(("systemctl", "enable", "--now", timer)))
        elif "timer" in changed:
            steps.append(Command(("systemctl", "restart", timer)))
    return steps


def _write(path: str, content: str, mode: int) -> WriteFile:
    # An owner that somebody gave it would be kept.
    return WriteFile(path, content, mode, "root", "root")


def _made(name: str, installed: Installed, target: Installed, steps: Sequence[Step]) -> Plan:
    return Plan(subject=f"job {name}", before=_shown(name, installed), after=_shown(name, target), steps=tuple(steps))


def _shown(name: str, installed: Installed) -> Mapping[str, Any]:
    """What a diff shows: the declaration key by key, and the files made of it."""
    shown: Dict[str, Any] = {
        "state": "present" if installed.present else "absent",
        "definition": decoded(installed.definition),
        "timer": "active" if installed.timer_active else "inactive",
        "log_and_state": installed.state_files is not None,
    }
    files: Tuple[Tuple[str, Any], ...] = (
        (cron_path(name), installed.cron_file),
        (unit_path(name, "service"), installed.service),
        (unit_path(name, "timer"), installed.timer),
    )
    shown["wrong_access"] = dict(installed.access)
    shown["files"] = {path: content.splitlines() for path, content in files if content is not None}
    return shown
