# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from the jobs of a host to the wanted jobs. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Mapping, Optional, Sequence, Tuple
from zlib import crc32

from .._core.plan import Command, MakeDirectory, Plan, RemoveFile, Step, WriteFile, combine
from .._host.systemd import RELOAD
from .._programs.run_at.job import DEFINITIONS, STATES
from .._programs.run_at.textfile import path_of
from .checks import backend_of, check_job, check_program, check_purge
from .program import COMMAND, LIBRARY, program_mode
from .render import cron_file, service_file, timer_file
from .show import view
from .state import Definition, Installed, State, Wanted, cron_path, definition_path, is_own, state_folder, unit_name, unit_path


def plan(state: State, wanted: Sequence[Wanted]) -> Plan:
    """The plan of a task: first the runner, if any job shall be present, then the jobs, which do not depend on each other.

    :raises ObservationError: see L(backend_of) and L(check_job).
    :raises RefusedError: see L(check_program), L(check_job) and L(check_purge).
    """
    parts = tuple(_job(state, one) for one in wanted)
    whole = combine("tz_cron", parts) if len(parts) != 1 else replace(parts[0], parts=parts)
    own = _program(state) if any(one.definition is not None for one in wanted) else []
    return replace(whole, steps=(*own, *whole.steps), warnings=_warnings(state, parts))


def _warnings(state: State, parts: Sequence[Plan]) -> Tuple[str, ...]:
    """What is said when jobs are declared, and not again at each run of the task."""
    declared = {part.subject: part.after["definition"] for part in parts if part.changed and part.after["definition"]}
    return (*_without_mail(state, declared), *_without_namespace(state, declared), *_without_folder(state, declared))


def _without_mail(state: State, declared: Mapping[str, Mapping[str, Any]]) -> Tuple[str, ...]:
    loud = [subject for subject, definition in declared.items() if definition["backend"] == "cron"]
    if state.sends_mail or not loud:
        return ()
    where = f"Output and warnings go to the journal (journalctl -t run-at) and to {STATES}/NAME/state.json.output"
    return (f"{', '.join(loud)}: cron can send no mail on this host, because it has no sendmail. {where}. See on_failure",)


def _without_namespace(state: State, declared: Mapping[str, Mapping[str, Any]]) -> Tuple[str, ...]:
    wanted = {subject: definition["netns"] for subject, definition in declared.items() if definition["netns"]}
    return tuple(
        f"{subject}: this host has no network namespace {name!r} now, and the job fails without it: compare the name with ip netns list"
        for subject, name in wanted.items()
        if name not in state.namespaces
    )


def _without_folder(state: State, declared: Mapping[str, Mapping[str, Any]]) -> Tuple[str, ...]:
    wanted = {subject: definition["textfile"] for subject, definition in declared.items() if definition["textfile"]}
    return tuple(
        f"{subject}: this host has no folder {folder} now, and the job runs without metrics until it has: compare it with node_exporter's "
        "option --collector.textfile.directory"
        for subject, folder in wanted.items()
        if folder not in state.metrics
    )


def _program(state: State) -> List[Step]:
    check_program(state)
    steps: List[Step] = []
    changed = [
        path for path, content in sorted(state.wanted_program.items()) if state.program.get(path) != content or path in state.program_access
    ]
    if changed:
        steps.append(MakeDirectory(LIBRARY))
        # The command is last, because it needs the other files.
        for path in sorted(changed, key=lambda path: path == COMMAND):
            steps.append(_write(path, state.wanted_program[path], program_mode(path)))
        # Compiled now, so that no call of the runner has to compile it.
        steps.append(Command((state.interpreter, "-I", "-m", "compileall", "-q", LIBRARY)))
    if not state.has_definitions:
        steps.append(MakeDirectory(DEFINITIONS))
    return steps


def _job(state: State, wanted: Wanted) -> Plan:
    installed = state.jobs[wanted.name]
    if wanted.definition is None:
        return _absent(wanted, installed)
    backend = backend_of(state, wanted)
    definition = replace(wanted.definition, backend=backend, delay=delay_of(state.machine, wanted.name, wanted.definition.spread))
    target = _target(definition, wanted, installed)
    check_job(state, wanted, definition.backend)
    folder = state_folder(wanted.name)
    steps: List[Step] = []
    if installed.state_files is None:
        steps.append(MakeDirectory(folder, 0o700))
    elif folder in installed.access:
        steps += [Command(("chown", "root:root", folder)), Command(("chmod", "0700", folder))]
    if installed.textfile is not None and target.textfile is None:
        # Removed before the definition is written, because only the old definition knows this path.
        steps.append(RemoveFile(installed.textfile))
    path = definition_path(wanted.name)
    if installed.definition != target.definition or path in installed.access:
        steps.append(_write(path, target.definition or "", 0o600))
    steps += _cron_steps(wanted.name, installed, target) + _systemd_steps(wanted.name, installed, target)
    return Plan(f"job {wanted.name}", view(wanted.name, installed), view(wanted.name, target), tuple(steps))


def delay_of(machine: str, name: str, spread: Optional[int]) -> int:
    """The minutes by which a host starts a job later: always the same on one host, and spread over many hosts and jobs."""
    return crc32(f"{machine} {name}".encode()) % spread if spread else 0


def _target(definition: Definition, wanted: Wanted, installed: Installed) -> Installed:
    """The job after the plan."""
    textfile = installed.textfile if definition.textfile and installed.textfile == path_of(wanted.name, definition.textfile) else None
    target = replace(installed.foreign, definition=definition.content(), state_files=installed.state_files or (), textfile=textfile)
    if definition.backend == "cron":
        return replace(target, cron_file=cron_file(definition))
    return replace(
        target,
        timer=timer_file(definition),
        service=service_file(definition),
        timer_enabled=True,
        timer_active=True,
    )


def _absent(wanted: Wanted, installed: Installed) -> Plan:
    # The folder of a state that stays is not changed.
    access = {path: found for path, found in installed.access.items() if path == state_folder(wanted.name) and not wanted.purge}
    target = replace(installed.foreign, state_files=installed.state_files, access=access)
    steps = _cron_steps(wanted.name, installed, target) + _systemd_steps(wanted.name, installed, target)
    steps += [RemoveFile(path) for path in [installed.textfile] if path is not None]
    if installed.definition is not None:
        steps.append(RemoveFile(definition_path(wanted.name)))
    if wanted.purge and installed.state_files is not None:
        check_purge(wanted, installed)
        folder = state_folder(wanted.name)
        steps += [RemoveFile(f"{folder}/{file}") for file in installed.state_files]
        # This fails if the folder has foreign files, which stay.
        steps.append(Command(("rmdir", folder)))
        target = replace(target, state_files=None)
    return Plan(f"job {wanted.name}", view(wanted.name, installed), view(wanted.name, target), tuple(steps))


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
        steps.append(RELOAD)
    if is_own(target.timer):
        if not (installed.timer_enabled and installed.timer_active):
            steps.append(Command(("systemctl", "enable", "--now", timer)))
        elif "timer" in changed:
            steps.append(Command(("systemctl", "restart", timer)))
    return steps


def _write(path: str, content: str, mode: int) -> WriteFile:
    # The owner is named, because otherwise an existing file keeps its owner.
    return WriteFile(path, content, mode, "root", "root")
