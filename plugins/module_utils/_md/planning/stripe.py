# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grow a running stripe (raid0): to the size of members that have grown, or to more members. Pure.

md changes no raid0. It turns a stripe into a raid4 without its parity member, in place and while it is used, changes the raid4, and turns
it back. The level of the array therefore tells the next run that a run was killed in between. A member at the place of the parity has no
data: a killed mdadm leaves it there, and it is taken out before the stripe is turned back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Sequence, Tuple, Union

from ..._core.errors import RefusedError
from ..._core.plan import Operation
from ..checks.blocks import check_blocks
from ..checks.devices import check_usable, check_writable
from ..model.array import Array, Member
from ..model.block_device import BlockDevice, Superblock, shown_uuid
from ..model.wanted import WantedArray
from .builder import PlanBuilder
from .resize import larger, note_size

_TURNED = "raid4"
_RESHAPE_TIMEOUT = 600.0
_RESERVED = 64 << 10
"""The part before the data that superblock and bad block log take, rounded up."""


def is_turned(wanted: WantedArray, found: Union[Array, Superblock]) -> bool:
    """Whether the array is the wanted stripe, turned into a raid4 in order to grow it."""
    return wanted.level == "raid0" and wanted.grow and found.level == _TURNED


def as_stripe(wanted: WantedArray, found: Superblock) -> Superblock:
    """The superblock of a turned stripe as it will be when it is turned back; others unchanged."""
    if not is_turned(wanted, found):
        return found
    return replace(found, level=wanted.level, layout=0, raid_disks=found.raid_disks - 1)


def is_moving(array: Array) -> bool:
    """Whether a reshape has begun and not ended."""
    return array.sync_action == "reshape" or array.reshape_position is not None


def plan_stripe(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> Array:
    """Plan to grow the stripe as declared; returns the array after these steps.

    :raises RefusedError: the stripe cannot be grown as declared.
    """
    if is_turned(wanted, array):
        if is_moving(array):
            builder.grow_later(wanted)
            return _set_going(builder, array)
        array = _turn_back(builder, array)
        devices = {path: builder.state.devices[device.kernel_name] for path, device in devices.items()}
    _check_count(wanted, array)
    new = [path for path in wanted.devices if path not in devices or devices[path].kernel_name not in array.devices]
    size = larger(builder, wanted, array)
    if not (new or size):
        return array
    check_writable(wanted, array, "grown")
    if new:
        devices = _reclaimed(builder, devices, array, new)
        _check_new(builder, wanted, devices, array, new)
    if array.array_state == "read-auto":
        builder.make_writable(array.node)
        array = replace(array, array_state="active")
    if size:
        array = _enlarge(builder, array, size)
    return _extend(builder, wanted, devices, array, new) if new else array


def _check_count(wanted: WantedArray, array: Array) -> None:
    if len(wanted.devices) < array.raid_disks:
        raise RefusedError(
            wanted.subject,
            f"it has {array.raid_disks} devices and {len(wanted.devices)} are declared: a stripe is never shrunk, because a mounted file"
            " system cannot be",
            "Nothing was changed; declare all its devices",
        )


def _set_going(builder: PlanBuilder, array: Array) -> Array:
    """Have md continue a reshape that waits since the array was assembled."""
    if array.array_state == "read-auto":
        builder.make_writable(array.node)
        array = replace(array, array_state="active", sync_action="reshape")
        builder.state = builder.state.with_changed_array(array)
    return array


def _turn_back(builder: PlanBuilder, array: Array) -> Array:
    last = array.raid_disks - 1
    idle = [member for member in array.members if member.slot in (None, last)]
    for member in idle:
        if member.slot is not None:
            builder.run("mdadm", "--manage", array.node, "--fail", member.node)
        builder.steps.append(Operation("remove_member", {"array": array.node, "device": member.device}))
        builder.steps.append(Operation("zero_superblock", {"device": member.node, "uuid": shown_uuid(array.uuid)}))
    builder.steps.append(Operation("turn_back", {"array": array.node}))
    array = replace(array, level="raid0", layout=0, raid_disks=last, degraded=0, members=tuple(m for m in array.members if m not in idle))
    builder.state = builder.state.with_changed_array(replace(array, sync_action="idle"))
    freed = {member.device: builder.state.devices[member.device] for member in idle if member.device in builder.state.devices}
    builder.state = builder.state.with_devices({name: replace(one, superblock=None, signatures=()) for name, one in freed.items()})
    return replace(array, sync_action="idle")


def _reclaimed(builder: PlanBuilder, devices: Dict[str, BlockDevice], array: Array, new: List[str]) -> Dict[str, BlockDevice]:
    """The devices without the superblocks that a killed run has put on new ones: these members of the stripe never had data."""
    own = {path: devices[path] for path in new if path in devices and _bears(devices[path], array)}
    for device in own.values():
        builder.steps.append(Operation("zero_superblock", {"device": device.node, "uuid": shown_uuid(array.uuid)}))
    blank = {path: replace(device, superblock=None, signatures=()) for path, device in own.items()}
    builder.state = builder.state.with_devices({device.kernel_name: device for device in blank.values()})
    return {**devices, **blank}


def _bears(device: BlockDevice, array: Array) -> bool:
    return device.superblock is not None and device.superblock.uuid == array.uuid


def _check_new(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array, new: Sequence[str]) -> None:
    check_usable(wanted, devices, new)
    check_blocks(wanted, builder.state, array, {path: devices[path] for path in new})
    found = [builder.state.devices[name].superblock for name in array.devices if name in builder.state.devices]
    blocks = [block for block in found if block]
    _check_sizes(wanted, devices, blocks, new)
    _check_headroom(wanted, array, blocks)


def _check_sizes(wanted: WantedArray, devices: Dict[str, BlockDevice], blocks: Sequence[Superblock], new: Sequence[str]) -> None:
    used = max((block.data_size + block.data_offset for block in blocks), default=0)
    small = [f"{path} has {devices[path].size} bytes" for path in new if devices[path].size < used]
    if small:
        raise RefusedError(
            wanted.subject,
            f"{', '.join(small)}, and every member of the stripe needs {used}",
            "Nothing was changed; make the new devices as large as the others",
        )


def _check_headroom(wanted: WantedArray, array: Array, blocks: Sequence[Superblock]) -> None:
    """Refuse a reshape without room before the data: mdadm would keep a copy of the first stripes at another place.

    Until mdadm has moved these stripes, writes to them wait for that very process, also for ever if it is killed, and after a power cut
    udev assembles the array without the copy.
    """
    needed = len(wanted.devices) * array.chunk
    room = 0 if array.metadata == "1.0" else min((block.data_offset for block in blocks), default=0) - _RESERVED
    if room < needed:
        raise RefusedError(
            wanted.subject,
            f"to move its data safely, {needed} bytes before the data of each member are needed, and {max(room, 0)} are free",
            "Nothing was changed; make a second stripe of the new devices, or a new stripe with grow, which leaves room, and copy the data",
        )


def _enlarge(builder: PlanBuilder, array: Array, size: int) -> Array:
    builder.run("mdadm", "--grow", array.node, "--level=4")
    builder.run("mdadm", "--grow", array.node, "--size=max")
    builder.steps.append(Operation("turn_back", {"array": array.node}))
    members = {name: builder.state.devices[name] for name in array.devices if name in builder.state.devices}
    grown = {name: replace(one, superblock=replace(one.superblock, data_size=size)) for name, one in members.items() if one.superblock}
    builder.state = builder.state.with_devices(grown)
    note_size(builder, replace(array, component_size=size))
    return array


def _extend(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array, new: List[str]) -> Array:
    count = len(wanted.devices)
    builder.clear([devices[path] for path in new])
    nodes = [devices[path].node for path in new]
    builder.run("mdadm", "--grow", array.node, f"--raid-devices={count}", "--add", *nodes, timeout=_RESHAPE_TIMEOUT)
    joined: Tuple[Member, ...] = tuple(Member(devices[path].kernel_name, slot) for slot, path in enumerate(new, array.raid_disks))
    builder.grow_later(wanted)
    array = replace(
        array,
        level=_TURNED,
        members=(*array.members, *joined),
        raid_disks=count + 1,
        degraded=1,
        sync_action="reshape",
        array_state="active",
        reshape_position=0,
    )
    builder.state = builder.state.with_changed_array(array)
    return array
