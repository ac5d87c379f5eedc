# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the members of an array grown, and can md use their new room? Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Optional, Set

from ..._core.errors import RefusedError
from ..._core.plan import Command
from ..model.array import Array
from ..model.layout import decode, in_halves, usable_size
from ..model.state import State
from ..model.wanted import WantedArray
from .builder import PlanBuilder


def larger(builder: PlanBuilder, wanted: WantedArray, array: Array) -> Optional[int]:
    """The larger size that the array could use of every member, in bytes; C(None) if the members have not grown.

    :raises RefusedError: the members have grown, and md cannot use their new room.
    """
    rooms = _rooms(builder.state, array)
    grown = {name: room for name, room in rooms.items() if room - _used(builder.state, array, name) >= array.least_growth}
    if not grown:
        return None
    obstacle = _obstacle(builder.state, array)
    if obstacle:
        nodes = ", ".join(f"{builder.state.devices[name].node} has {builder.state.devices[name].size} bytes" for name in sorted(grown))
        raise RefusedError(
            wanted.subject,
            f"its members have grown ({nodes}), and md cannot use the new room: {obstacle}",
            "Nothing was changed; make a new array and copy the data, or omit grow to keep the array unchanged",
        )
    if len(grown) == len(rooms):
        return min(rooms.values())
    _warn_of_the_smallest(builder, wanted, rooms)
    return None


def plan_size(builder: PlanBuilder, array: Array, size: int) -> Array:
    """Plan to make the array use C(size) bytes of every member; returns the array after these steps."""
    _mark_border(builder, array)
    builder.run("mdadm", "--grow", array.node, "--size=max")
    array = replace(array, component_size=size, sync_action="resync")
    note_size(builder, array)
    return array


def _mark_border(builder: PlanBuilder, array: Array) -> None:
    """Mark the last chunk of the old size as dirty, so that the new room is synced from its beginning.

    The kernel keeps the bits of the old bitmap. The region of the last bit can reach beyond the old end; while that bit is clean, the
    copies there are never synced.
    """
    inside = builder.state.devices.get(array.kernel_name)
    end = inside.size if inside and array.kind.copied else array.component_size
    if array.bitmap == "internal" and array.bitmap_chunk:
        last = (end - 1) // array.bitmap_chunk
        builder.steps.append(Command(("tee", f"/sys/block/{array.kernel_name}/md/bitmap_set_bits"), stdin=f"{last}\n"))


def note_size(builder: PlanBuilder, array: Array) -> None:
    """Give the array its new size in the state, for later steps of the plan."""
    inside = builder.state.devices.get(array.kernel_name)
    if inside:
        offered = usable_size(array.level, array.layout, [array.component_size] * array.raid_disks)
        builder.state = builder.state.with_devices({array.kernel_name: replace(inside, size=offered)})


def _rooms(state: State, array: Array) -> Dict[str, int]:
    """The room for data of each member in a slot, in bytes, by kernel name."""
    found = {}
    for member in array.members:
        device = state.devices.get(member.device)
        if member.slot is None or not device:
            continue
        if device.superblock:
            found[member.device] = device.size - device.superblock.data_offset
        elif array.metadata == "1.0":
            # The superblock is not found, because the device has grown and the superblock is no longer at its end.
            found[member.device] = device.size
    return found


def _used(state: State, array: Array, name: str) -> int:
    block = state.devices[name].superblock
    return array.component_size or (block.data_size if block else 0)


def _used_chunks(state: State, array: Array) -> Set[int]:
    """The whole chunks that a stripe uses of each member; with one number for all members, the stripe has a single zone."""
    blocks = [state.devices[name].superblock for name in array.devices if name in state.devices]
    return {block.data_size // max(array.chunk, 1) for block in blocks if block} if array.level == "raid0" else set()


def _obstacle(state: State, array: Array) -> str:
    if in_halves(array.level, array.layout):
        return f"in its layout, {decode(array.level, array.layout)}, the further copies begin at half the former size of each member"
    if not array.kind.redundant and array.level != "raid0":
        return f"{array.level} arrays keep the size that their members had at creation"
    if len(_used_chunks(state, array)) > 1:
        return "it uses different sizes of its members, so that its end is striped over some of them only"
    if array.metadata == "1.0":
        return "with metadata 1.0 md expects the superblock at the end of each member, and does not find it there any more"
    return ""


def _warn_of_the_smallest(builder: PlanBuilder, wanted: WantedArray, rooms: Dict[str, int]) -> None:
    smallest, largest = min(rooms, key=lambda name: rooms[name]), max(rooms, key=lambda name: rooms[name])
    if (rooms[largest] - rooms[smallest]) * 100 > rooms[largest] * wanted.size_tolerance:
        builder.warnings.append(
            f"array {wanted.name} cannot use the new room of {builder.state.devices[largest].node}: its smallest member,"
            f" {builder.state.devices[smallest].node}, has not grown"
        )
