# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the members of an array have grown, and whether md can use what they have more. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Optional

from ..._core.errors import RefusedError
from ..._core.plan import Command
from ..model.array import Array
from ..model.layout import decode, far_copies, in_halves, usable_size
from ..model.state import State
from ..model.wanted import WantedArray
from .builder import PlanBuilder

_MIB = 1 << 20


def larger(builder: PlanBuilder, wanted: WantedArray, array: Array) -> Optional[int]:
    """What the array could use of every member instead of what it uses now, in bytes; C(None) if they have not grown.

    :raises RefusedError: they have, and md cannot use it.
    """
    rooms = _rooms(builder.state, array)
    grown = {name: room for name, room in rooms.items() if room - _used(builder.state, array, name) >= _worth(array)}
    if not grown:
        return None
    obstacle = _obstacle(array)
    if obstacle:
        nodes = ", ".join(f"{builder.state.devices[name].node} has {builder.state.devices[name].size} bytes" for name in sorted(grown))
        raise RefusedError(
            wanted.subject,
            f"its members have grown ({nodes}), and md cannot use that: {obstacle}",
            "Nothing was changed; make a new array and copy the data, or leave grow out to keep the array as it is",
        )
    if len(grown) == len(rooms):
        return min(rooms.values())
    _warn_of_the_smallest(builder, wanted, rooms)
    return None


def plan_size(builder: PlanBuilder, array: Array, size: int) -> Array:
    """Plan what makes the array use C(size) bytes of every member; returns it as it then is."""
    _mark_border(builder, array)
    builder.run("mdadm", "--grow", array.node, "--size=max")
    array = replace(array, component_size=size, sync_action="resync")
    note_size(builder, array)
    return array


def _mark_border(builder: PlanBuilder, array: Array) -> None:
    """Have the new room synced from its beginning.

    The kernel takes over the bits of the old bitmap, and the last of them can stand for room beyond the old end: as clean, so that
    the copies there would never be made alike.
    """
    inside = builder.state.devices.get(array.kernel_name)
    end = inside.size if inside and array.kind.copied else array.component_size
    if array.bitmap == "internal" and array.bitmap_chunk:
        last = (end - 1) // array.bitmap_chunk
        builder.steps.append(Command(("tee", f"/sys/block/{array.kernel_name}/md/bitmap_set_bits"), stdin=f"{last}\n"))


def note_size(builder: PlanBuilder, array: Array) -> None:
    """Let later steps of the plan see how much the array offers now."""
    inside = builder.state.devices.get(array.kernel_name)
    if inside:
        offered = usable_size(array.level, array.layout, [array.component_size] * array.raid_disks)
        builder.state = builder.state.with_devices({array.kernel_name: replace(inside, size=offered)})


def _rooms(state: State, array: Array) -> Dict[str, int]:
    """What each member in a slot has for data, by kernel name."""
    found = {}
    for member in array.members:
        device = state.devices.get(member.device)
        if member.slot is None or not device:
            continue
        if device.superblock:
            found[member.device] = device.size - device.superblock.data_offset
        elif array.metadata == "1.0":
            # It is looked for at the end of the device, and that is somewhere else since the device has grown.
            found[member.device] = device.size
    return found


def _used(state: State, array: Array, name: str) -> int:
    block = state.devices[name].superblock
    return array.component_size or (block.data_size if block else 0)


def _worth(array: Array) -> int:
    """md uses whole chunks, as many at a time as there are copies in stripes, and mdadm may leave a little at the end.

    A reshape leaves more of it: it moves the data towards the beginning of each member, by up to a chunk for every device.
    """
    return max(_MIB, (far_copies(array.level, array.layout) + 3 + array.raid_disks) * array.chunk)


def _obstacle(array: Array) -> str:
    if in_halves(array.level, array.layout):
        return f"in its layout, {decode(array.level, array.layout)}, the further copies lie where the members used to be halved"
    if not array.kind.redundant:
        return f"{array.level} arrays are made for the size their members have at first"
    if array.metadata == "1.0":
        return "with metadata 1.0 the superblock lies at the end of each member, and is not found there any more"
    return ""


def _warn_of_the_smallest(builder: PlanBuilder, wanted: WantedArray, rooms: Dict[str, int]) -> None:
    smallest, largest = min(rooms, key=lambda name: rooms[name]), max(rooms, key=lambda name: rooms[name])
    if (rooms[largest] - rooms[smallest]) * 100 > rooms[largest] * wanted.size_tolerance:
        builder.warnings.append(
            f"array {wanted.name} cannot use what {builder.state.devices[largest].node} has grown by: its smallest member,"
            f" {builder.state.devices[smallest].node}, has not grown"
        )
