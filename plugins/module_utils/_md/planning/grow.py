# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the shape of a running array: more devices, another chunk, larger members, a bitmap. Pure.

The plan follows from the array alone, so the next run continues an interrupted run: a device that was already added is a spare then,
and only the rest is planned. md itself continues an interrupted reshape: the superblocks record its position.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Tuple

from ..._core.errors import RefusedError
from ..checks.blocks import check_blocks
from ..checks.devices import can_heal, check_usable, check_writable
from ..model.array import Array, Member
from ..model.block_device import BlockDevice
from ..model.layout import decode
from ..model.wanted import WantedArray
from .builder import PlanBuilder
from .reshape import no_new_chunk, no_new_devices, unsafe_bitmap
from .resize import larger, plan_size
from .stripe import is_turned, plan_stripe


@dataclass(frozen=True)
class _Growth:
    """The differences from the wanted array; C(size) is the new size that the array uses of each member, in bytes."""

    devices: bool
    chunk: bool
    size: Optional[int]
    bitmap: bool
    bitmap_alone: bool

    @property
    def turns(self) -> int:
        """The number of changes: md makes them one after the other, and has to be idle in between."""
        return self.devices + self.chunk + self.bitmap_alone + (self.size is not None)


def plan_growth(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> Array:
    """Plan to grow the array as declared; returns the array after these steps.

    If the task waits for an array that is about to become whole, the array is grown after that, and is returned unchanged.

    :raises RefusedError: md cannot make the change, or not in the array's current state.
    """
    if not wanted.grow:
        return array
    if wanted.level == "raid0" and array.level in ("raid0", "raid4"):
        return plan_stripe(builder, wanted, devices, array)
    growth = _growth(builder, wanted, array)
    if not (growth.turns or growth.bitmap) or _later(builder, wanted, devices, array):
        return array
    _check_fit(wanted, array, growth.turns)
    if array.array_state == "read-auto":
        builder.make_writable(array.node)
        array = replace(array, array_state="active")
    if growth.bitmap:
        builder.run("mdadm", "--grow", array.node, f"--bitmap={wanted.bitmap}")
        array = replace(array, bitmap=wanted.bitmap or array.bitmap)
    array = _next(builder, wanted, devices, array, growth)
    if growth.turns > 1:
        builder.grow_later(wanted)
    builder.state = builder.state.with_changed_array(array)
    return array


def as_grown(builder: PlanBuilder, wanted: WantedArray, array: Array) -> Array:
    """The array as declared, if it only has to become whole before it is grown; else the array unchanged."""
    if wanted.name not in builder.grown_later:
        return array
    if is_turned(wanted, array):
        return replace(array, level=wanted.level, layout=0, raid_disks=array.raid_disks - 1)
    chunk = wanted.chunk * 1024 if wanted.chunk else array.chunk
    return replace(array, raid_disks=len(wanted.devices), chunk=chunk, bitmap=wanted.bitmap or array.bitmap)


def _growth(builder: PlanBuilder, wanted: WantedArray, array: Array) -> _Growth:
    _check_possible(wanted, array)
    size = larger(builder, wanted, array)
    bitmap = wanted.bitmap not in (None, array.bitmap)
    return _Growth(
        devices=len(wanted.devices) > array.raid_disks,
        chunk=_other_chunk(wanted, array),
        size=size,
        bitmap=bitmap,
        # Growth in size needs the bitmap's chunk, which is not known before a new bitmap exists.
        bitmap_alone=bitmap and wanted.bitmap == "internal" and size is not None,
    )


def _other_chunk(wanted: WantedArray, array: Array) -> bool:
    return bool(wanted.chunk) and wanted.chunk != array.chunk // 1024


def _check_possible(wanted: WantedArray, array: Array) -> None:
    count, layout = len(wanted.devices), decode(array.level, array.layout)
    more, chunk = count > array.raid_disks, _other_chunk(wanted, array)
    problems = []
    if count < array.raid_disks:
        problems.append(f"it has {array.raid_disks} devices and {count} are declared: arrays are never shrunk")
    if more and no_new_devices(array):
        problems.append(f"it has {array.raid_disks} devices and {count} are declared: {no_new_devices(array)}")
    if wanted.bitmap == "internal" and array.bitmap in ("file", "lockless"):
        problems.append(f"its bitmap is {array.bitmap}, declared is internal: mdadm puts no bitmap in the place of another")
    if wanted.layout not in (None, layout):
        problems.append(f"its layout is {layout}, declared is {wanted.layout}: that change moves all data, and is not made to any array")
    if wanted.chunk and chunk and no_new_chunk(array, wanted.chunk):
        problems.append(f"its chunk is {array.chunk // 1024} KiB, declared is {wanted.chunk} KiB: {no_new_chunk(array, wanted.chunk)}")
    if problems:
        raise RefusedError(wanted.subject, "; ".join(problems), "Nothing was changed; make a new array and copy the data")
    if (more or chunk) and unsafe_bitmap(array, wanted.bitmap or array.bitmap):
        raise RefusedError(
            wanted.subject,
            unsafe_bitmap(array, wanted.bitmap or array.bitmap),
            "Nothing was changed; also set bitmap to none, and to internal when the reshape has ended",
        )


def _failed(array: Array) -> bool:
    """Whether the array has lost members that no spare replaces: md takes a spare for a free slot as soon as nothing holds it still."""
    spares = sum(member.slot is None and not member.faulty for member in array.members)
    return len(array.free_slots) > spares or any(member.faulty for member in array.members)


def _later(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> bool:
    """Whether the array has to become whole first, and will, so that changes that take two turns are not refused."""
    if _failed(array):
        if not can_heal(wanted, devices):
            return False
    elif not (array.unsettled and wanted.wait == "sync"):
        return False
    builder.grow_later(wanted)
    return True


def _check_fit(wanted: WantedArray, array: Array, turns: int) -> None:
    check_writable(wanted, array, "grown")
    if _failed(array):
        problem = f"it is degraded: {len(array.current_slots)} of {array.raid_disks} members hold current data"
        remedy = "bring its lost members back first (replace_failed)"
    elif array.unsettled:
        problem, remedy = f"it is not in sync yet ({array.sync_action})", "wait for it first (wait: sync)"
    elif array.sync_action in ("check", "repair"):
        problem = f"md compares its copies ({array.sync_action}), and changes no array meanwhile"
        end = f"echo idle > /sys/block/{array.kernel_name}/md/sync_action"
        remedy = f"wait for its end, or end it: {end} (storage-scrub goes on later from there)"
    elif turns > 1 and wanted.wait != "sync":
        problem, remedy = (
            "more than one of devices, chunk, bitmap and size has to change, and md makes these changes one after the other",
            "set wait to sync",
        )
    else:
        return
    raise RefusedError(wanted.subject, f"it cannot be grown now: {problem}", f"Nothing was changed; {remedy}")


def _next(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array, growth: _Growth) -> Array:
    """Plan the first of the changes that md makes one after the other."""
    if growth.devices:
        return _add_devices(builder, wanted, devices, array)
    if growth.chunk and wanted.chunk:
        builder.run("mdadm", "--grow", array.node, f"--chunk={wanted.chunk}")
        return replace(array, chunk=wanted.chunk * 1024, sync_action="reshape", array_state="active")
    if growth.size and not growth.bitmap_alone:
        return plan_size(builder, array, growth.size)
    return array


def _add_devices(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> Array:
    new = [path for path in wanted.devices if path not in devices or devices[path].kernel_name not in array.devices]
    check_usable(wanted, devices, new)
    check_blocks(wanted, builder.state, array, {path: devices[path] for path in new})
    spares: List[Member] = [member for member in array.members if member.slot is None]
    named = {devices[path].kernel_name for path in wanted.devices}
    for path in new:
        builder.add_blank(array, devices[path])
    builder.run("mdadm", "--grow", array.node, f"--raid-devices={len(wanted.devices)}")
    joining = [member.device for member in spares if member.device in named] + [devices[path].kernel_name for path in new]
    # md needs time to write another copy; after a move of data, it depends on the new members from the first moved block.
    rebuilt = array.kind.mirrored
    slots = range(array.raid_disks, len(wanted.devices))
    joined: Tuple[Member, ...] = tuple(Member(name, slot, ("spare" if rebuilt else "in_sync",)) for name, slot in zip(joining, slots))
    kept = tuple(member for member in array.members if member.device not in joining)
    return replace(
        array,
        members=kept + joined,
        raid_disks=len(wanted.devices),
        degraded=len(joined) if rebuilt else 0,
        sync_action="recover" if rebuilt else "reshape",
        array_state="active",
    )
