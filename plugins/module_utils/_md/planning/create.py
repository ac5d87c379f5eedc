# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the making of a new array, and the start of one that exists. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple

from ..._core.errors import InputError
from ..checks.blocks import check_new_blocks
from ..checks.devices import check_chunk, check_sizes, check_usable, resolve
from ..checks.identity import check_name_unclaimed
from ..model.array import Array, Member
from ..model.block_device import BlockDevice, shown_uuid
from ..model.layout import usable_size
from ..model.state import State
from ..model.wanted import WantedArray
from .builder import PlanBuilder
from .flags import plan_flags

_MOST_HEADROOM = 64 << 20
_HEADROOM_PART = 32
_AUTOMATIC = 127
"""For arrays without a number in their name, mdadm counts down from this number."""


def create(builder: PlanBuilder, wanted: WantedArray, blank: Sequence[str], collecting: Optional[Array]) -> None:
    """Create the array. C(blank) are the paths of devices that must be empty, C(collecting) is an unstarted remnant of the array.

    :raises FleetlabError: a device cannot be used, or the name is not free.
    """
    remnant = collecting or _empty_remnant(builder.state, wanted)
    if remnant:
        builder.stop(remnant)
    devices = _check(builder, wanted, blank)
    builder.clear([devices[path] for path in blank])
    kernel_name = wanted.kernel_name or free_kernel_name(builder.state)
    uuid = builder.fresh.pop(0)
    size = usable_size(wanted.level, wanted.layout_word, [devices[path].size for path in wanted.devices])
    builder.run(*_command(wanted, uuid, min(devices[path].size for path in wanted.devices)))
    members = [(devices[path].kernel_name, slot) for slot, path in enumerate(wanted.devices)]
    spares = [(devices[path].kernel_name, None) for path in wanted.spares]
    array = replace(_new_array(wanted, uuid, [*members, *spares]), kernel_name=kernel_name)
    builder.state = builder.state.with_array(array, size, (wanted.node,))
    builder.creating.append(uuid)
    # With assume_clean the members keep their content, so old signatures inside the new array have to be erased.
    (builder.unread if wanted.assume_clean else builder.created).add(kernel_name)
    plan_flags(builder, wanted, devices, array)
    builder.persist(wanted, array)


def start(builder: PlanBuilder, wanted: WantedArray, array: Array, members: Sequence[str], size: int, update: Sequence[str] = ()) -> Array:
    """Assemble an existing array at its own node; returns the array after its start.

    C(members) are device nodes, C(update) are options of mdadm that change their superblocks.
    """
    kernel_name = wanted.kernel_name or free_kernel_name(builder.state)
    builder.unmark(kernel_name)
    insist = ["--run"] if array.degraded else []
    builder.run("mdadm", "--assemble", wanted.node, *insist, *update, f"--uuid={shown_uuid(array.uuid)}", *members)
    started = replace(array, kernel_name=kernel_name, active=True, array_state="clean")
    builder.state = builder.state.with_array(started, size, (wanted.node,))
    builder.unread.add(kernel_name)
    if wanted.wait == "sync" and array.kind.redundant:
        # An assembled array is read-only until its first write, and would never begin the resync that the task waits for.
        builder.make_writable(wanted.node)
    return started


def free_kernel_name(state: State) -> str:
    """The md device that mdadm will use for an array without a number in its name."""
    used = {array.kernel_name for array in state.arrays}
    return next(f"md{number}" for number in range(_AUTOMATIC, -1, -1) if f"md{number}" not in used)


def _empty_remnant(state: State, wanted: WantedArray) -> Optional[Array]:
    """The md device of a killed mdadm, without any member yet; C(None) if there is none."""
    array = state.at_node(wanted.kernel_name) if wanted.kernel_name else None
    return array if array and not array.members and not array.active else None


def _check(builder: PlanBuilder, wanted: WantedArray, blank: Sequence[str]) -> Dict[str, BlockDevice]:
    devices = resolve(builder.state, wanted)
    check_usable(wanted, devices, blank)
    check_new_blocks(wanted, devices)
    _check_metadata(builder.state, wanted, devices)
    check_name_unclaimed(builder.state, wanted, [device.kernel_name for device in devices.values()])
    sizes = _sizes(builder, devices)
    check_sizes(wanted, sizes)
    check_chunk(wanted, sizes)
    return devices


def _sizes(builder: PlanBuilder, devices: Dict[str, BlockDevice]) -> Dict[str, int]:
    """The sizes to compare, by path. If this plan starts an array among them, whose size is an estimate, all sizes are estimates.

    Superblock and bitmap take a few MiB of every member, which would look like a difference from an array that runs.
    """
    started = builder.created | builder.unread
    if not any(device.kernel_name in started for device in devices.values()):
        return {path: device.size for path, device in devices.items()}
    return {path: _estimate(builder.state, device) for path, device in devices.items()}


def _estimate(state: State, device: BlockDevice) -> int:
    array = state.at_node(device.kernel_name)
    inside = [state.devices[member.device].size for member in array.members if member.slot is not None] if array else []
    if not array or not inside:
        return device.size
    sizes = [min(inside)] * array.raid_disks if array.kind.redundant else inside
    return usable_size(array.level, array.layout, sizes)


def _check_metadata(state: State, wanted: WantedArray, devices: Dict[str, BlockDevice]) -> None:
    """Refuse to build on a version-1.0 array with a later version: mdadm would also find the new superblocks on that array's members."""
    for path, device in devices.items():
        below = state.at_node(device.kernel_name)
        if below and below.metadata == "1.0" and wanted.metadata != "1.0":
            raise InputError(
                f"{wanted.option}metadata",
                f"{path} is an array with metadata 1.0; mdadm would also find superblocks of version {wanted.metadata} on its members"
                " and take these for members of this array: use metadata 1.0 for this array, or 1.1 or later for that array",
            )


def _headroom(wanted: WantedArray, smallest: int) -> List[str]:
    """Room before the data of a stripe that shall be grown later: each reshape takes a chunk for every member from it."""
    room = min(_MOST_HEADROOM, smallest // _HEADROOM_PART) >> 20
    return [f"--data-offset={room}M"] if wanted.level == "raid0" and wanted.grow and wanted.metadata != "1.0" and room else []


def _command(wanted: WantedArray, uuid: str, smallest: int) -> List[str]:
    argv = ["mdadm", "--create", wanted.node, "--run", f"--homehost={wanted.homehost}", f"--name={wanted.name}"]
    argv += [f"--metadata={wanted.metadata}", f"--uuid={shown_uuid(uuid)}", f"--level={wanted.level}"]
    if wanted.layout:
        argv.append(f"--layout={wanted.layout}")
    if wanted.chunk:
        argv.append(f"--chunk={wanted.chunk}")
    if wanted.kind.redundant:
        argv.append(f"--bitmap={wanted.bitmap_to_create}")
        argv += ["--assume-clean"] if wanted.assume_clean else []
    argv += _headroom(wanted, smallest)
    argv.append(f"--raid-devices={len(wanted.devices)}")
    if wanted.spares:
        argv.append(f"--spare-devices={len(wanted.spares)}")
    return argv + list(wanted.all_devices)


def _new_array(wanted: WantedArray, uuid: str, members: Sequence[Tuple[str, Optional[int]]]) -> Array:
    return Array(
        kernel_name="",
        uuid=uuid,
        label=wanted.label,
        level=wanted.level,
        layout=wanted.layout_word or 0,
        chunk=(wanted.chunk or 0) * 1024,
        raid_disks=len(wanted.devices),
        metadata=wanted.metadata,
        active=True,
        array_state="clean",
        members=tuple(Member(device, slot) for device, slot in members),
        bitmap=wanted.bitmap_to_create,
    )
