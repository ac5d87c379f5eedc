# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an array that shall be stopped, forgotten or absent. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Set

from ..._core.errors import RefusedError
from ..._core.plan import Operation
from ..checks.devices import check_free
from ..model.array import Array
from ..model.block_device import shown_uuid
from ..model.conf import uuids_named
from ..model.identify import bears_name
from ..model.state import State
from ..model.wanted import WantedArray
from .builder import PlanBuilder
from .rename_running import array_in_use


def plan_removal(builder: PlanBuilder, wanted: WantedArray) -> None:
    """Plan to stop the array. For C(forgotten) also its line in mdadm.conf goes, for C(absent) also its superblocks.

    :raises RefusedError: the array is in use, or several arrays could be meant.
    """
    uuids = _uuids(builder.state, wanted)
    array = _array(builder.state, wanted, uuids)
    if array:
        uuids.add(array.uuid)
        _stop(builder, wanted, array)
    if wanted.state == "absent":
        for uuid in sorted(uuids):
            _erase(builder, wanted, uuid)
        _report_unreached(builder, wanted)
    if wanted.state in ("forgotten", "absent"):
        builder.forget(wanted, sorted(uuids))


def _uuids(state: State, wanted: WantedArray) -> Set[str]:
    """UUIDs of arrays of this name that exist, running or not.

    :raises RefusedError: there are several, and only the user knows which of these arrays has to be removed.
    """
    found = {array.uuid for array in state.arrays if array.members and bears_name(state, wanted, array)}
    blocks = [device.superblock for device in state.devices.values() if device.superblock]
    found |= {block.uuid for block in blocks if bears_name(state, wanted, block)}
    if len(found) > 1:
        shown = ", ".join(shown_uuid(uuid) for uuid in sorted(found))
        raise RefusedError(
            wanted.subject,
            f"several arrays have this name: {shown}",
            "Nothing was changed; remove or rename the wrong array with mdadm",
        )
    return found


def _array(state: State, wanted: WantedArray, uuids: Set[str]) -> Optional[Array]:
    array = next((array for array in state.arrays if array.uuid in uuids), None)
    occupant = state.at_node(wanted.kernel_name) if wanted.kernel_name else None
    if array is None and occupant and occupant.members and not _same_but_for_host(wanted, occupant):
        raise RefusedError(
            wanted.subject,
            f"at {wanted.node} runs {occupant.describe()}, which neither its superblock nor {state.conf[0].path} gives this name",
            "Nothing was changed; name it as its superblock does",
        )
    return array or occupant


def _same_but_for_host(wanted: WantedArray, array: Array) -> bool:
    """Whether the array is the wanted array although the host was renamed: name and device node together identify it."""
    return array.name == wanted.name


def _stop(builder: PlanBuilder, wanted: WantedArray, array: Array) -> None:
    reasons = array_in_use(builder, array)
    if reasons:
        raise RefusedError(
            wanted.subject,
            f"{array.node} {' and '.join(reasons)}",
            "Nothing was changed; unmount it, or stop what uses it, first",
        )
    if wanted.state != "absent":
        builder.note_survivors(array)
    builder.stop(array)
    builder.unmark(array.kernel_name)


def _erase(builder: PlanBuilder, wanted: WantedArray, uuid: str) -> None:
    carriers = builder.state.carriers(uuid)
    check_free(wanted, {device.node: device for device in carriers}, "its superblocks cannot be erased: ")
    if carriers:
        # A pending event of udev could assemble the members again between stop and erasure.
        builder.settle()
    for device in carriers:
        builder.steps.append(Operation("zero_superblock", {"device": device.node, "uuid": shown_uuid(uuid)}))
    builder.forget_survivors(uuid)
    erased = {device.kernel_name: replace(device, superblock=None, signatures=()) for device in carriers}
    builder.state = builder.state.with_devices(erased)


def _report_unreached(builder: PlanBuilder, wanted: WantedArray) -> None:
    """Warn of an array in mdadm.conf whose devices are not present now: its superblocks stay on them."""
    known = {array.uuid for array in builder.before.arrays} | {d.superblock.uuid for d in builder.before.devices.values() if d.superblock}
    for uuid in uuids_named(builder.state.conf, wanted.spellings):
        if uuid not in known:
            builder.warnings.append(
                f"array {wanted.name}: no device of this host carries UUID {shown_uuid(uuid)} now; only its line in mdadm.conf is removed"
            )
