# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that give a service a private /tmp or remove it, and the steps that install the launcher. Pure."""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from .._core.plan import Command, MakeDirectory, Operation, Plan, RemoveFile, Step, WriteFile
from .._host.systemd import RELOAD, drop_in_folder
from .checks import check, check_launcher
from .common import STOP_LIMIT, left_common, restart, unused, unused_common
from .hazards import hazards
from .options import Wanted, WantedLauncher
from .render import drop_in, drop_in_path, helper, helper_name, helper_path, kept_drop_in, leaving_helper
from .show import view
from .state import LauncherState, State
from .verify import failure, leftovers, problems, uses_folder

_LAUNCHER_MODE = 0o755


def plan(state: State, wanted: Wanted) -> Plan:
    """The steps for a service; see L(check) for refusals."""
    check(state, wanted)
    named = wanted.named(state.unit.name)
    return _present(state, named) if wanted.present else _absent(state, named)


def _present(state: State, wanted: Wanted) -> Plan:
    name, gid = state.unit.name, state.gid or 0
    unproved = problems(state, wanted)
    restarts = bool(unproved) and wanted.restart
    left = left_common(state, wanted)
    text = drop_in(wanted, state.places, gid, left)
    last = drop_in(wanted, state.places, gid, "" if restarts else left)
    unit = helper(wanted, state.places, gid, state.labels) if _has_own(wanted) else _remaining_helper(state)
    writes = [*_helper_writes(state, unit), *_common_writes(state, wanted)]
    if text != state.drop_in:
        if not state.has_drop_in_folder:
            writes.append(MakeDirectory(drop_in_folder(name)))
        writes.append(WriteFile(drop_in_path(name), text))
    steps = [*_stop_of_empty_helper(state, wanted), *writes]
    if writes or _is_stale(state):
        steps.append(RELOAD)
    if restarts:
        # The first step keeps the files that a service which does not stay up gets back.
        steps = [Operation("remember", {"service": name}), *steps, restart(state, wanted)]
        if last != text:
            steps += [WriteFile(drop_in_path(name), last), RELOAD]
    elif wanted.backing == "disk" and state.unit.active and not _has_folders(state, wanted):
        # Until the restart, the service's reload and stop commands run with the new drop-in, and need the folders of the helper unit.
        steps.append(Command(("systemctl", "start", helper_name(name, wanted.share))))
    if not _has_own(wanted) and (unit is None or restarts):
        steps += _helper_removal(state)
        unit = None
    steps += unused_common(state, last)
    before = view(state.drop_in, _units(state.helper, _old_common(state, wanted, last)), bool(unproved))
    units = _units(unit, helper(wanted, state.places, gid, state.labels) if wanted.share else None)
    after = view(last, units, bool(unproved) and not restarts) if steps else before
    warnings = [*_warnings(state, unproved, restarts), *failure(state)]
    if unproved or text != state.drop_in:
        warnings += [f"{name}: {text}" for text in hazards(state, wanted)]
    return Plan(name, before, after, tuple(steps), warnings=tuple(warnings))


def _has_own(wanted: Wanted) -> bool:
    """Whether the folders on disk are those of the service alone."""
    return wanted.backing == "disk" and not wanted.share


def _old_common(state: State, wanted: Wanted, drop_in_text: Optional[str]) -> str:
    """The present units of the /tmp that the service shall share, and of each /tmp that is removed with the plan."""
    named = {wanted.share} if wanted.present else set()
    return "\n".join(common.text for name, common in sorted(state.common.items()) if name in {*named, *unused(state, drop_in_text)})


def _units(*texts: Optional[str]) -> str:
    return "\n".join(text for text in texts if text)


def _common_writes(state: State, wanted: Wanted) -> List[Step]:
    if not wanted.share:
        return []
    text = helper(wanted, state.places, state.gid or 0, state.labels)
    if wanted.share in state.common and state.common[wanted.share].text == text:
        return []
    return [WriteFile(helper_path(state.unit.name, wanted.share), text)]


def _has_folders(state: State, wanted: Wanted) -> bool:
    """Whether the unit of the wanted folders is active with them."""
    if wanted.share:
        return wanted.share in state.common and state.common[wanted.share].active
    return state.helper_active and not _is_empty(state)


def _remaining_helper(state: State) -> Optional[str]:
    """The unit of folders on disk that are no longer wanted; it stays as long as a process uses these folders."""
    return leaving_helper(state.unit.name, state.places) if state.helper is not None and uses_folder(state) else None


def _helper_writes(state: State, text: Optional[str]) -> List[Step]:
    return [WriteFile(helper_path(state.unit.name), text)] if text is not None and text != state.helper else []


def _is_empty(state: State) -> bool:
    """Whether the unit of the folders is active without folders: it was about to be removed when its service was restarted."""
    return state.helper_active and state.helper == leaving_helper(state.unit.name, state.places) and not uses_folder(state)


def _stop_of_empty_helper(state: State, wanted: Wanted) -> List[Step]:
    # The unit is stopped before systemd reads the drop-in again: after that, its stop would also stop the service.
    stops = _has_own(wanted) and state.drop_in is None and _is_empty(state)
    return [Command(("systemctl", "stop", helper_name(state.unit.name)))] if stops else []


def _is_stale(state: State) -> bool:
    """Whether systemd has not read the files, because a run was killed between the write and the reload."""
    return state.unit.stale or (state.drop_in is not None and drop_in_path(state.unit.name) not in state.unit.drop_ins)


def _helper_removal(state: State) -> List[Step]:
    if state.helper is None:
        return []
    name = state.unit.name
    stop = Command(("systemctl", "stop", helper_name(name)), timeout=STOP_LIMIT)
    return [stop, RemoveFile(helper_path(name)), RELOAD]


def _absent(state: State, wanted: Wanted) -> Plan:
    name = state.unit.name
    private = bool(leftovers(state))
    restarts = private and wanted.restart
    unit = _remaining_helper(state)
    steps = _helper_writes(state, unit)
    left = left_common(state, wanted)
    kept = kept_drop_in(left) if left else None
    last = None if restarts else kept
    if kept is not None and kept != state.drop_in:
        steps += [] if state.has_drop_in_folder else [MakeDirectory(drop_in_folder(name))]
        steps.append(WriteFile(drop_in_path(name), kept))
    elif kept is None and state.drop_in is not None:
        steps += _removal_of_drop_in(name)
    if steps or (_is_stale(state) if kept is not None else drop_in_path(name) in state.unit.drop_ins):
        steps.append(RELOAD)
    if restarts:
        steps.append(restart(state, wanted))
        steps += [*_removal_of_drop_in(name), RELOAD] if kept is not None else []
    if unit is None or restarts:
        steps += _helper_removal(state)
        unit = None
    steps += unused_common(state, last)
    before = view(state.drop_in, _units(state.helper, _old_common(state, wanted, last)), private)
    after = view(last, unit, private and not restarts) if steps else before
    stays = helper_name(name) if unit is not None else helper_name(name, left) if last is not None else ""
    return Plan(name, before, after, tuple(steps), warnings=tuple(_kept_warnings(state, stays)))


def _removal_of_drop_in(name: str) -> List[Step]:
    # The folder stays if it has other drop-ins.
    return [RemoveFile(drop_in_path(name)), Command(("rmdir", "--ignore-fail-on-non-empty", drop_in_folder(name)))]


def _kept_warnings(state: State, stays: str) -> Iterator[str]:
    if stays:
        yield (
            f"{state.unit.name}: it still runs with the folder on disk, so {stays} stays until it is restarted;"
            " run this again then, or with restart: true"
        )


def _warnings(state: State, unproved: Tuple[str, ...], restarts: bool) -> Iterator[str]:
    unit = state.unit
    # What is said when a private /tmp is declared is not said again at each run.
    is_new = state.drop_in is None
    if unit.private_tmp and is_new:
        own = "DynamicUser=yes, and with it" if unit.dynamic_user else "PrivateTmp=yes, which the drop-in replaces, and had"
        yield f"{unit.name}: its unit has {own} a private /tmp by systemd, without noexec, nosuid and nodev"
    if unit.joins and is_new:
        yield f"{unit.name}: it does not share its /tmp with {', '.join(unit.joins)} any more (JoinsNamespaceOf)"
    if state.shared and unproved:
        when = "now that it is restarted" if restarts else "once it is restarted"
        yield f"{unit.name}: {when} the service, or other processes, can no longer see these: {', '.join(map(str, state.shared))}"


def plan_launcher(state: LauncherState, wanted: WantedLauncher) -> Plan:
    """The steps for the launcher; see L(check_launcher) for refusals."""
    check_launcher(state, wanted)
    before = {"text": state.text or "", "mode": f"{state.mode:04o}" if state.text is not None else None}
    if not wanted.present:
        steps: Tuple[Step, ...] = (RemoveFile(wanted.path),) if state.text is not None else ()
        return Plan(wanted.path, before, {"text": "", "mode": None}, steps)
    if state.text == state.program and state.mode == _LAUNCHER_MODE and state.owner == 0:
        return Plan(wanted.path, before, before)
    after = {"text": state.program, "mode": f"{_LAUNCHER_MODE:04o}"}
    return Plan(wanted.path, before, after, (WriteFile(wanted.path, state.program, mode=_LAUNCHER_MODE, owner="root", group="root"),))
