# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a task that does not fit the service or the host. Pure."""

from __future__ import annotations

from .._core.errors import InputError, RefusedError
from .common import check_common
from .options import Wanted, WantedLauncher, size_in_bytes
from .render import drop_in_path, helper_path, is_ours
from .state import LauncherState, State
from .unit_conflicts import conflicts


def check(state: State, wanted: Wanted) -> None:
    """Check a task about a service.

    :raises InputError: an option does not fit this service or host.
    :raises RefusedError: foreign files have the paths of the module's files, or settings of the unit contradict the task.
    """
    _check_unit(state, wanted)
    _check_files(state)
    if wanted.present:
        _check_host(state, wanted)
        check_common(state, wanted.named(state.unit.name))


def check_launcher(state: LauncherState, wanted: WantedLauncher) -> None:
    """Check a task about the launcher.

    :raises InputError: the folder of the launcher does not exist.
    :raises RefusedError: another object has its path.
    """
    # The first line names the Python of this host and does not count.
    if state.odd is not None or (state.text is not None and not is_ours(state.text.partition("\n")[2])):
        found = f"the path has {state.odd or 'a file that this module did not write'}"
        raise RefusedError(wanted.path, found, "Nothing was changed; move it away, or give another path")
    if not state.has_folder and wanted.present:
        raise InputError("launcher", f"the folder of {wanted.path} does not exist; create it first")


def _check_unit(state: State, wanted: Wanted) -> None:
    unit = state.unit
    # The files of a service that was uninstalled can still be removed.
    if unit.loaded == "not-found" and wanted.present:
        raise InputError("service", f"there is no unit {wanted.service} on this host; install it first, or correct the name")
    if unit.loaded not in ("loaded", "not-found") and wanted.present:
        raise InputError("service", f"systemd says {unit.loaded} of {unit.name}; see systemctl status {unit.name}")


def _check_files(state: State) -> None:
    name = state.unit.name
    for path, text in ((drop_in_path(name), state.drop_in), (helper_path(name), state.helper)):
        if text is not None and not is_ours(text):
            raise RefusedError(name, f"{path} was not written by this module", "Nothing was changed; move it away, or omit this task")


def _check_mode(state: State, wanted: Wanted) -> None:
    unit, text = state.unit, f"{wanted.mode:04o}"
    if not wanted.mode & 0o002 and unit.dynamic_user:
        raise InputError("mode", f"{text} lets only a group write, and {unit.name} has DynamicUser=yes: its group changes at each start")
    if not wanted.mode & 0o022 and unit.user not in ("", "root", "0"):
        raise InputError("mode", f"{text} lets only root write, and {unit.name} runs as {unit.user}: give 0770, which lets its group write")


def _check_host(state: State, wanted: Wanted) -> None:
    unit = state.unit
    if state.gid is None:
        account = f"group {unit.group}" if unit.group else f"user {unit.user}"
        raise InputError("service", f"{unit.name} runs as the {account}, which does not exist on this host, and could not start")
    _check_mode(state, wanted)
    if wanted.backing == "tmpfs" and state.memory and size_in_bytes(wanted.size, state.memory) > state.memory:
        raise InputError("size", f"{wanted.size} is more than the memory of this host, {state.memory >> 20}M")
    missing = [path for path in wanted.host_paths if path not in state.existing]
    if missing:
        raise InputError(
            "host_paths", f"{', '.join(missing)} does not exist on this host; start the program that makes it first, or omit it"
        )
    if state.linked:
        raise InputError(
            "host_paths",
            f"{', '.join(state.linked)} leads through a symbolic link, which other users of /tmp could point elsewhere; name the real path",
        )
    against = list(conflicts(state, wanted))
    if against:
        remedy = "Remove these settings from the unit" + (", or use backing: disk" if wanted.backing == "tmpfs" else "")
        if unit.stale:
            remedy += "; if you have removed them already, have systemd read the unit again (systemctl daemon-reload)"
        raise RefusedError(unit.name, "; ".join(against), remedy)
