# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an array that shall be stopped or absent. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Set

from .._core.errors import RefusedError
from .._core.plan import Operation
from .array_state import Array
from .block_device import shown_uuid
from .checks import use_of
from .conf import uuids_named
from .draft import Draft
from .identify import bears_name
from .realign import array_in_use
from .state import State
from .wanted import Wanted


def plan_removal(draft: Draft, wanted: Wanted) -> None:
    """Add to the draft what stops the array and, for C(absent), erases its superblocks and its line in mdadm.conf.

    :raises RefusedError: the array is in use, or it is not clear which one is meant.
    """
    uuids = _uuids(draft.state, wanted)
    array = _array(draft.state, wanted, uuids)
    if array:
        uuids.add(array.uuid)
        _stop(draft, wanted, array)
    if wanted.state == "absent":
        for uuid in sorted(uuids):
            _erase(draft, wanted, uuid)
        _report_unreached(draft, wanted)
        draft.forget(wanted, sorted(uuids))


def _uuids(state: State, wanted: Wanted) -> Set[str]:
    """UUIDs of arrays of this name that exist, running or not.

    :raises RefusedError: there are several, and nobody but the user knows which one is to go.
    """
    found = {array.uuid for array in state.arrays if array.members and bears_name(state, wanted, array)}
    blocks = [device.superblock for device in state.devices.values() if device.superblock]
    found |= {block.uuid for block in blocks if bears_name(state, wanted, block)}
    if len(found) > 1:
        shown = ", ".join(shown_uuid(uuid) for uuid in sorted(found))
        raise RefusedError(
            f"array {wanted.name}",
            f"several arrays have this name: {shown}",
            "Nothing was changed; take the wrong one out of the way, or rename it, with mdadm",
        )
    return found


def _array(state: State, wanted: Wanted, uuids: Set[str]) -> Optional[Array]:
    array = next((array for array in state.arrays if array.uuid in uuids), None)
    occupant = state.at_node(wanted.kernel_name) if wanted.kernel_name else None
    if array is None and occupant and occupant.members and not _same_but_for_host(wanted, occupant):
        raise RefusedError(
            f"array {wanted.name}",
            f"at {wanted.node} runs {occupant.describe()}, which neither its superblock nor {state.conf[0].path} gives this name",
            "Nothing was changed; name it as its superblock does",
        )
    return array or occupant


def _same_but_for_host(wanted: Wanted, array: Array) -> bool:
    """The host was renamed since; name and device node together still tell the array."""
    return array.name == wanted.name


def _stop(draft: Draft, wanted: Wanted, array: Array) -> None:
    reasons = array_in_use(draft, array)
    if reasons:
        raise RefusedError(
            f"array {wanted.name}",
            f"{array.node} {' and '.join(reasons)}",
            "Nothing was changed; unmount it, or stop what uses it, first",
        )
    if wanted.state == "stopped":
        draft.note_survivors(array)
    draft.stop(array)
    draft.unmark(array.kernel_name)


def _erase(draft: Draft, wanted: Wanted, uuid: str) -> None:
    carriers = draft.state.carriers(uuid)
    _check_carriers(wanted, [f"{device.node} {' and '.join(use_of(device))}" for device in carriers if use_of(device)])
    if carriers:
        # Whatever udev still has to do with the members may put them together again between stop and erasure.
        draft.settle()
    for device in carriers:
        draft.steps.append(Operation("zero_superblock", {"device": device.node, "uuid": shown_uuid(uuid)}))
    draft.forget_survivors(uuid)
    erased = {device.kernel_name: replace(device, superblock=None, signatures=()) for device in carriers}
    draft.state = draft.state.with_devices(erased)


def _report_unreached(draft: Draft, wanted: Wanted) -> None:
    """An array that mdadm.conf knows may lie on devices that are not there now; its superblocks then outlive this task."""
    known = {array.uuid for array in draft.before.arrays} | {d.superblock.uuid for d in draft.before.devices.values() if d.superblock}
    for uuid in uuids_named(draft.state.conf, wanted.spellings):
        if uuid not in known:
            draft.warnings.append(
                f"array {wanted.name}: no device of this host carries UUID {shown_uuid(uuid)} now; only its line in mdadm.conf is removed"
            )


def _check_carriers(wanted: Wanted, problems: List[str]) -> None:
    if problems:
        raise RefusedError(
            f"array {wanted.name}",
            f"its superblocks cannot be erased: {'; '.join(problems)}",
            "Nothing was changed; free these devices first",
        )
