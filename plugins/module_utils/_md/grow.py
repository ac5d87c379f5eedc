# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the shape of a running array: more copies, larger members, a bitmap. Pure.

Everything is read off the array, so a run that was interrupted is taken up by the next: a device that was already added is a
spare then, and only the rest is planned.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Tuple

from .._core.errors import RefusedError
from .checks import check_usable
from .draft import Draft
from .layout import decode
from .state import Array, BlockDevice, Member
from .wanted import Wanted

_MIB = 1 << 20
_CAN_TAKE_SIZE = ("raid1", "raid4", "raid5", "raid6")


def plan_growth(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> Array:
    """Add to the draft what makes the array as large as declared; returns it as it then is.

    :raises RefusedError: md can not do it, or the array is not in a state to do it.
    """
    if not wanted.grow:
        return array
    _check_possible(wanted, array)
    size = _larger(draft, array)
    more = len(wanted.devices) > array.raid_disks
    bitmap = wanted.bitmap not in (None, array.bitmap)
    if not (size or more or bitmap):
        return array
    _check_fit(wanted, array, both=more and size is not None)
    if bitmap:
        draft.run("mdadm", "--grow", array.node, f"--bitmap={wanted.bitmap}")
        array = replace(array, bitmap=wanted.bitmap or array.bitmap)
    if more:
        array = _add_devices(draft, wanted, devices, array)
    elif size:
        draft.run("mdadm", "--grow", array.node, "--size=max")
        array = replace(array, component_size=size, sync_action="resync")
    draft.state = draft.state.with_changed_array(array)
    return array


def _check_possible(wanted: Wanted, array: Array) -> None:
    count, layout = len(wanted.devices), decode(array.level, array.layout)
    problems = []
    if count < array.raid_disks:
        problems.append(f"it has {array.raid_disks} devices and {count} are declared: arrays are never shrunk")
    if count > array.raid_disks and array.level != "raid1":
        problems.append(f"it has {array.raid_disks} devices and {count} are declared: only raid1 takes more without moving its data")
    if wanted.layout not in (None, layout):
        problems.append(
            f"its layout is {layout}, declared is {wanted.layout}: that moves all data, in a way that kernels have lost arrays by"
        )
    if wanted.chunk and wanted.chunk * 1024 != array.chunk:
        problems.append(f"its chunk is {array.chunk // 1024} KiB, declared is {wanted.chunk} KiB: that moves all data")
    if problems:
        raise RefusedError(f"array {wanted.name}", "; ".join(problems), "Nothing was changed; make a new array and copy the data")


def _larger(draft: Draft, array: Array) -> Optional[int]:
    """What md could use of every member beyond what it uses now: the new size of a component, C(None) if that is not worth it."""
    if array.level not in _CAN_TAKE_SIZE or not array.component_size or array.metadata == "1.0":
        return None
    rooms = []
    for member in array.members:
        device = draft.state.devices.get(member.device)
        if member.slot is not None and device and device.superblock:
            rooms.append(device.size - device.superblock.data_offset)
    room = min(rooms, default=0)
    # md rounds to chunks, and mdadm may leave a little at the end.
    return room if room - array.component_size >= max(_MIB, 4 * array.chunk) else None


def _check_fit(wanted: Wanted, array: Array, both: bool) -> None:
    failed = [member.device for member in array.members if member.faulty]
    if array.missing_slots or failed:
        problem = f"it is degraded: {len(array.current_slots)} of {array.raid_disks} members hold current data"
        remedy = "bring its members back first (replace_failed)"
    elif array.unsettled:
        problem, remedy = f"it is not in sync yet ({array.sync_action})", "wait for it first"
    elif both and wanted.wait != "sync":
        problem, remedy = "it gets more devices and more size, and md takes them one after the other", "set wait to sync"
    else:
        return
    raise RefusedError(f"array {wanted.name}", f"it can not be grown now: {problem}", f"Nothing was changed; {remedy}")


def _add_devices(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> Array:
    new = [path for path in wanted.devices if path not in devices or devices[path].kernel_name not in array.devices]
    check_usable(wanted, devices, new)
    spares: List[Member] = [member for member in array.members if member.slot is None]
    named = {devices[path].kernel_name for path in wanted.devices}
    for path in new:
        add_blank(draft, array, devices[path])
    draft.run("mdadm", "--grow", array.node, f"--raid-devices={len(wanted.devices)}")
    joining = [member.device for member in spares if member.device in named] + [devices[path].kernel_name for path in new]
    slots = range(array.raid_disks, len(wanted.devices))
    joined: Tuple[Member, ...] = tuple(Member(name, slot, ("spare",)) for name, slot in zip(joining, slots))
    kept = tuple(member for member in array.members if member.device not in joining)
    return replace(
        array, members=kept + joined, raid_disks=len(wanted.devices), degraded=len(joined), sync_action="recover", array_state="active"
    )


def add_blank(draft: Draft, array: Array, device: BlockDevice) -> None:
    """Add a device whose content, if there is any, may go."""
    if device.signatures or device.superblock or device.partitions:
        draft.run("wipefs", "--all", device.node)
        draft.settle()
    draft.run("mdadm", "--manage", array.node, "--add-spare", device.node)
