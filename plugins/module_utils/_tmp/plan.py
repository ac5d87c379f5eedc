# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done for a service to have a /tmp of its own, or none, and for the launcher to be installed. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

from .._core.errors import InputError, RefusedError
from .._core.plan import Command, Operation, Plan, RemoveFile, Step, WriteFile
from .claims import conflicts
from .options import Wanted, WantedLauncher, size_in_bytes
from .proof import leftovers, problems, uses_folder
from .render import drop_in, drop_in_folder, drop_in_path, helper, helper_name, helper_path, is_ours, leaving_helper
from .state import LauncherState, State

# A service may take long to stop; systemd gives it 90 s by itself.
_RESTART_LIMIT = 300.0
_LAUNCHER_MODE = 0o755
_RELOAD = Command(("systemctl", "daemon-reload"))


def plan(state: State, wanted: Wanted) -> Plan:
    """The steps for a service.

    :raises InputError: an option that does not fit this service or host.
    :raises RefusedError: files of somebody else are in the way, or its unit contradicts.
    """
    _check_unit(state, wanted)
    _check_files(state)
    if wanted.present:
        _check_host(state, wanted)
        return _present(state, wanted)
    return _absent(state, wanted)


def _check_unit(state: State, wanted: Wanted) -> None:
    unit = state.unit
    # What was made for a service that is not there any more can still be removed.
    if unit.loaded == "not-found" and wanted.present:
        raise InputError("service", f"there is no unit {wanted.service} on this host; install it first, or correct the name")
    if unit.loaded not in ("loaded", "not-found") and wanted.present:
        raise InputError("service", f"systemd says {unit.loaded} of {unit.name}; see systemctl status {unit.name}")


def _check_files(state: State) -> None:
    name = state.unit.name
    for path, text in ((drop_in_path(name), state.drop_in), (helper_path(name), state.helper)):
        if text is not None and not is_ours(text):
            raise RefusedError(name, f"{path} was not written by this module", "Move it away, or leave it and do without this task")


def _check_host(state: State, wanted: Wanted) -> None:
    unit = state.unit
    if state.gid is None:
        account = f"group {unit.group}" if unit.group else f"user {unit.user}"
        raise InputError("service", f"{unit.name} runs as the {account}, which is not known on this host; it could not start")
    if not wanted.mode & 0o002 and unit.dynamic_user:
        raise InputError(
            "mode", f"{wanted.mode:04o} lets only a group write, and {unit.name} has DynamicUser=yes: its group is another each time"
        )
    if wanted.backing == "tmpfs" and state.memory and size_in_bytes(wanted.size, state.memory) > state.memory:
        raise InputError("size", f"{wanted.size} is more than the memory of this host, {state.memory >> 20}M")
    against = list(conflicts(state, wanted))
    if against:
        remedy = "Take that out of the unit" + (", or use backing: disk" if wanted.backing == "tmpfs" else "")
        if unit.stale:
            remedy += "; or let systemd read it again (systemctl daemon-reload), if that has been done"
        raise RefusedError(unit.name, "; ".join(against), remedy)


def _present(state: State, wanted: Wanted) -> Plan:
    name, gid = state.unit.name, state.gid or 0
    text = drop_in(wanted, state.places, gid)
    unproved = problems(state, wanted)
    restarts = bool(unproved) and wanted.restart
    unit = helper(wanted, state.places, gid) if wanted.backing == "disk" else _remaining_helper(state)
    writes = _helper_writes(state, unit)
    if text != state.drop_in:
        if not state.folder_there:
            writes.append(Command(("mkdir", "--parents", drop_in_folder(name))))
        writes.append(WriteFile(drop_in_path(name), text))
    steps = [*_stop_of_empty_helper(state, wanted), *writes]
    if writes or _is_stale(state):
        steps.append(_RELOAD)
    if restarts:
        steps += _restart_steps(name)
    elif wanted.backing == "disk" and state.unit.active and (not state.helper_active or _is_empty(state)):
        # Until it is restarted, the service's reload and stop commands run with the new unit, and find no folder without it.
        steps.append(Command(("systemctl", "start", helper_name(name))))
    if wanted.backing == "tmpfs" and (unit is None or restarts):
        steps += _helper_removal(state)
        unit = None
    before = _view(state.drop_in, state.helper, bool(unproved))
    after = _view(text, unit, bool(unproved) and not restarts) if steps else before
    return Plan(name, before, after, tuple(steps), warnings=tuple(_warnings(state, unproved, restarts)))


def _remaining_helper(state: State) -> Optional[str]:
    """The unit behind folders on disk when there shall be none: it goes with the last process that uses them."""
    return leaving_helper(state.unit.name, state.places) if state.helper is not None and uses_folder(state) else None


def _helper_writes(state: State, text: Optional[str]) -> List[Step]:
    return [WriteFile(helper_path(state.unit.name), text)] if text is not None and text != state.helper else []


def _is_empty(state: State) -> bool:
    """Whether the unit behind the folders runs without any: it was on its way out when its service was restarted."""
    return state.helper_active and state.helper == leaving_helper(state.unit.name, state.places) and not uses_folder(state)


def _stop_of_empty_helper(state: State, wanted: Wanted) -> List[Step]:
    # Before the drop-in is read again: from then on the service would be stopped with it.
    stops = wanted.backing == "disk" and state.drop_in is None and _is_empty(state)
    return [Command(("systemctl", "stop", helper_name(state.unit.name)))] if stops else []


def _is_stale(state: State) -> bool:
    """Whether systemd has not read what is there: a run was cut short between writing and reloading."""
    return state.unit.stale or (state.drop_in is not None and drop_in_path(state.unit.name) not in state.unit.drop_ins)


def _restart_steps(name: str) -> List[Step]:
    # try-restart does not start what is not running.
    return [Command(("systemctl", "try-restart", name), timeout=_RESTART_LIMIT), Operation("prove", {"service": name})]


def _helper_removal(state: State) -> List[Step]:
    if state.helper is None:
        return []
    name = state.unit.name
    stop = Command(("systemctl", "stop", helper_name(name)), timeout=_RESTART_LIMIT)
    return [stop, RemoveFile(helper_path(name)), _RELOAD]


def _absent(state: State, wanted: Wanted) -> Plan:
    name = state.unit.name
    # Before our drop-in is taken out, it is what explains a private /tmp.
    private = bool(leftovers(state))
    restarts = private and wanted.restart
    unit = _remaining_helper(state)
    steps = _helper_writes(state, unit)
    if state.drop_in is not None:
        steps.append(RemoveFile(drop_in_path(name)))
        # Somebody else's drop-ins keep their folder.
        steps.append(Command(("rmdir", "--ignore-fail-on-non-empty", drop_in_folder(name))))
    if steps or drop_in_path(name) in state.unit.drop_ins:
        steps.append(_RELOAD)
    if restarts:
        steps += _restart_steps(name)
    if unit is None or restarts:
        steps += _helper_removal(state)
        unit = None
    before = _view(state.drop_in, state.helper, private)
    after = _view(None, unit, private and not restarts) if steps else before
    return Plan(name, before, after, tuple(steps), warnings=tuple(_kept_warnings(state, unit is not None)))


def _kept_warnings(state: State, kept: bool) -> Iterator[str]:
    if kept:
        yield (
            f"{state.unit.name}: it still runs with the folder on disk, so {helper_name(state.unit.name)} stays until it is restarted;"
            " run this again then, or with restart: true"
        )


def _view(text: Optional[str], helper_text: Optional[str], needed: bool) -> Dict[str, Any]:
    return {"drop_in": text or "", "unit": helper_text or "", "restart_needed": needed}


def _warnings(state: State, unproved: Tuple[str, ...], restarts: bool) -> Iterator[str]:
    unit = state.unit
    if unit.private_tmp:
        own = "DynamicUser=yes, and with it" if unit.dynamic_user else "PrivateTmp=yes, which the drop-in replaces, and had"
        yield f"{unit.name}: its unit has {own} a private /tmp by systemd, without noexec, nosuid and nodev"
    if unit.joins:
        yield f"{unit.name}: it does not share its /tmp with {', '.join(unit.joins)} any more (JoinsNamespaceOf)"
    if state.shared and unproved:
        when = "now that it is restarted" if restarts else "once it is restarted"
        yield f"{unit.name}: {when} these are out of its sight, or of that of others: {', '.join(map(str, state.shared))}"


def plan_launcher(state: LauncherState, wanted: WantedLauncher, text: str) -> Plan:
    """The steps for the launcher.

    :raises RefusedError: something else is at its path.
    """
    if state.odd is not None or (state.text is not None and not is_ours(_second_line(state.text))):
        found = f"{state.odd or 'a file that this module did not write'} is there"
        raise RefusedError(wanted.path, found, "Move it away, or give another path")
    if not state.folder_there and wanted.present:
        raise InputError("launcher", f"there is no folder for {wanted.path}; make it first")
    before = {"text": state.text or "", "mode": f"{state.mode:04o}" if state.text is not None else None}
    if not wanted.present:
        steps: Tuple[Step, ...] = (RemoveFile(wanted.path),) if state.text is not None else ()
        return Plan(wanted.path, before, {"text": "", "mode": None}, steps)
    if state.text == text and state.mode == _LAUNCHER_MODE and state.owner == 0:
        return Plan(wanted.path, before, before)
    after = {"text": text, "mode": f"{_LAUNCHER_MODE:04o}"}
    return Plan(wanted.path, before, after, (WriteFile(wanted.path, text, mode=_LAUNCHER_MODE, owner="root", group="root"),))


def _second_line(text: str) -> str:
    # The first says which Python runs it.
    return text.partition("\n")[2]
