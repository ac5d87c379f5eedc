# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the shape of a running array: more copies, larger members, a bitmap. Pure.

Everything is read off the array, so a run that was interrupted is taken up by the next: a device that was already added is a
spare then, and only the rest is planned.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Tuple

from .._core.errors import RefusedError
from .array_state import Array, Member
from .block_device import BlockDevice
from .checks import can_heal, check_usable
from .draft import Draft
from .layout import decode
from .resize import larger, plan_size
from .wanted import Wanted


def plan_growth(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> Array:
    """Add to the draft what makes the array as large as declared; returns it as it then is.

    An array that is about to become whole, and is waited for, is grown after that: then the array is returned as it is.

    :raises RefusedError: md can not do it, or the array is not in a state to do it.
    """
    if not wanted.grow:
        return array
    _check_possible(wanted, array)
    size = larger(draft, wanted, array)
    more = len(wanted.devices) > array.raid_disks
    bitmap = wanted.bitmap not in (None, array.bitmap)
    if not (size or more or bitmap) or _later(draft, wanted, devices, array):
        return array
    # What one bit of a new bitmap stands for is not known before it is there, and the growth in size needs that.
    bitmap_alone = bitmap and wanted.bitmap == "internal" and size is not None
    turns = more + bitmap_alone + (size is not None)
    _check_fit(wanted, array, turns)
    if array.array_state == "read-auto":
        draft.run("mdadm", "--readwrite", array.node, accept=(0, 1))
        array = replace(array, array_state="active")
    if bitmap:
        draft.run("mdadm", "--grow", array.node, f"--bitmap={wanted.bitmap}")
        array = replace(array, bitmap=wanted.bitmap or array.bitmap)
    if more:
        array = _add_devices(draft, wanted, devices, array)
    elif size and not bitmap_alone:
        array = plan_size(draft, array, size)
    if turns > 1:
        draft.grow_later(wanted)
    draft.state = draft.state.with_changed_array(array)
    return array


def as_grown(draft: Draft, wanted: Wanted, array: Array) -> Array:
    """The array as it is declared, where it only has to become whole before it is made so."""
    if wanted.name not in draft.grown_later:
        return array
    return replace(array, raid_disks=len(wanted.devices), bitmap=wanted.bitmap or array.bitmap)


def _check_possible(wanted: Wanted, array: Array) -> None:
    count, layout = len(wanted.devices), decode(array.level, array.layout)
    problems = []
    if count < array.raid_disks:
        problems.append(f"it has {array.raid_disks} devices and {count} are declared: arrays are never shrunk")
    if count > array.raid_disks and array.level != "raid1":
        problems.append(f"it has {array.raid_disks} devices and {count} are declared: {_more(array)}")
    if wanted.layout not in (None, layout):
        problems.append(
            f"its layout is {layout}, declared is {wanted.layout}: that moves all data, in a way that kernels have lost arrays by"
        )
    if wanted.chunk and wanted.chunk * 1024 != array.chunk:
        problems.append(f"its chunk is {array.chunk // 1024} KiB, declared is {wanted.chunk} KiB: that moves all data")
    if problems:
        raise RefusedError(f"array {wanted.name}", "; ".join(problems), "Nothing was changed; make a new array and copy the data")


def _more(array: Array) -> str:
    only = "only raid1 takes more without moving its data"
    if array.level not in ("raid4", "raid5", "raid6"):
        return only
    by_hand = f"mdadm --manage {array.node} --add-spare DEVICE and then mdadm --grow {array.node} --raid-devices=N"
    return f"{only}. By hand it is {by_hand}, which was not tested with this module"


def _failed(array: Array) -> bool:
    return bool(array.free_slots) or any(member.faulty for member in array.members)


def _later(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> bool:
    """Whether the array has to become whole first, and will: nothing that is asked for is refused only because it takes two turns."""
    if _failed(array):
        if not can_heal(wanted, devices):
            return False
    elif not (array.unsettled and wanted.wait == "sync"):
        return False
    draft.grow_later(wanted)
    return True


def _check_fit(wanted: Wanted, array: Array, turns: int) -> None:
    if _failed(array):
        problem = f"it is degraded: {len(array.current_slots)} of {array.raid_disks} members hold current data"
        remedy = "bring its members back first (replace_failed)"
    elif array.unsettled:
        problem, remedy = f"it is not in sync yet ({array.sync_action})", "wait for it first (wait: sync)"
    elif array.array_state == "readonly":
        problem, remedy = "it is read-only", "make it writable with mdadm --readwrite"
    elif turns > 1 and wanted.wait != "sync":
        problem, remedy = (
            "it gets more than one of devices, bitmap and size, and md takes them one after the other",
            "set wait to sync",
        )
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
