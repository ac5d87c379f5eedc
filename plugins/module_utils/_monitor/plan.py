# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from the state of the host to the wanted one. Pure."""

from __future__ import annotations

from typing import List, Optional

from .._core.plan import Command, MakeDirectory, Plan, RemoveFile, Step, WriteFile
from .._host.systemd import RELOAD
from .._programs.storage_check.notify import SETTINGS
from . import show
from .checks import check, undelivered
from .conf import with_value
from .options import Wanted
from .program import EVENT, LIBRARY, TIMER, UNITS, mode_of
from .state import State

_RESTART = Command(("systemctl", "restart", "mdmonitor.service"))


def plan(state: State, wanted: Wanted) -> Plan:
    """Write the programs, then their settings, then what starts them; removal goes the other way.

    :raises InputError: see L(check).
    :raises RefusedError: see L(check).
    """
    check(state, wanted)
    own = _present(state) if wanted.present else _absent(state)
    conf = conf_after(state, wanted)
    steps = [*conf_steps(state, conf), *own] if not wanted.present else [*own, *conf_steps(state, conf)]
    return Plan(
        subject="storage monitor",
        before=show.before(state),
        after=show.after(state, wanted, conf),
        steps=tuple(steps),
        secrets=(wanted.webhook,) if wanted.webhook else (),
        warnings=tuple(undelivered(state, wanted)),
    )


def _present(state: State) -> List[Step]:
    changed = [path for path, content in state.wanted_files.items() if state.files.get(path) != content or path in state.access]
    steps: List[Step] = []
    if any(path.startswith(LIBRARY) for path in changed):
        steps.append(MakeDirectory(LIBRARY))
    if SETTINGS in changed:
        steps.append(MakeDirectory(SETTINGS.rpartition("/")[0]))
    # The settings are written before the units that use them.
    for path in sorted(changed, key=lambda path: path in UNITS):
        steps.append(WriteFile(path, state.wanted_files[path], mode_of(path), "root", "root", secret=path == SETTINGS))
    if any(path.startswith(LIBRARY) for path in changed):
        # Compiled now, so that no call has to compile it.
        steps.append(Command((state.interpreter, "-I", "-m", "compileall", "-q", LIBRARY)))
    steps += [RemoveFile(path) for path in state.leftovers]
    if set(UNITS) & set(changed):
        steps.append(RELOAD)
    if not (state.timer_enabled and state.timer_active):
        steps.append(Command(("systemctl", "enable", "--now", TIMER)))
    elif UNITS[1] in changed:
        steps.append(Command(("systemctl", "restart", TIMER)))
    return steps


def _absent(state: State) -> List[Step]:
    steps: List[Step] = []
    if state.timer_enabled or state.timer_active:
        steps.append(Command(("systemctl", "disable", "--now", TIMER)))
    steps += [RemoveFile(path) for path in UNITS if path in state.files]
    if set(UNITS) & set(state.files):
        steps.append(RELOAD)
    library = [path for path in state.files if path.startswith(f"{LIBRARY}/")]
    steps += [RemoveFile(path) for path in state.files if path not in (*UNITS, *library)]
    if library:
        # The folder is this module's alone, and also has the compiled files.
        steps.append(Command(("rm", "--recursive", "--force", LIBRARY)))
    return [*steps, *(RemoveFile(path) for path in state.leftovers)]


def conf_after(state: State, wanted: Wanted) -> Optional[str]:
    """The main file of mdadm after the plan; C(None) on a host without mdadm."""
    if state.confs is None:
        return None
    content = state.confs[0][1]
    if wanted.mail and wanted.mail != state.mail:
        content = with_value(content, "MAILADDR", wanted.mail)
    if wanted.has_events and not state.has_own_program:
        content = with_value(content, "PROGRAM", EVENT)
    if not wanted.has_events and state.has_own_program:
        content = with_value(content, "PROGRAM", None)
    return content


def conf_steps(state: State, conf: Optional[str]) -> List[Step]:
    """Write mdadm's file, and have a monitor that has arrays to monitor read it."""
    if conf is None or state.confs is None or conf == state.confs[0][1]:
        return []
    written = WriteFile(state.confs[0][0], conf, 0o644)
    return [written, _RESTART] if state.has_arrays else [written]
