# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take members out of a running raid1 for good, so that it has fewer devices. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List

from ..._core.errors import RefusedError
from ..._core.plan import Operation
from ..checks.devices import check_writable
from ..model.array import Array, Member
from ..model.block_device import BlockDevice, shown_uuid
from ..model.wanted import WantedArray
from .builder import PlanBuilder


def plan_leaving(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> Array:
    """Plan to remove the leaving members, and the failed ones in their place; returns the array after these steps.

    :raises RefusedError: a member that stays does not hold current data.
    """
    if not wanted.leaving:
        return array
    names = {builder.state.paths.get(path) for path in wanted.leaving}
    staying = {device.kernel_name for path, device in devices.items() if path in wanted.devices}
    going = [member for member in array.members if member.device in names or (member.faulty and member.device not in staying)]
    fewer = array.raid_disks > len(wanted.devices)
    if going or fewer:
        _check_rest(wanted, devices, array)
        array = _take_out(builder, wanted, array, going, fewer)
    for path in wanted.leaving:
        _erase(builder, array, path)
    return array


def _check_rest(wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> None:
    check_writable(wanted, array, "made smaller")
    current = {member.device for member in array.members if member.current and member.slot is not None}
    missing = [path for path in wanted.devices if path not in devices or devices[path].kernel_name not in current]
    if missing:
        raise RefusedError(
            wanted.subject,
            f"{', '.join(missing)} does not hold current data, so {', '.join(wanted.leaving)} cannot leave",
            "Nothing was changed; bring these members back first (replace_failed), and wait for them (wait: sync)",
        )


def _take_out(builder: PlanBuilder, wanted: WantedArray, array: Array, going: List[Member], fewer: bool) -> Array:
    if array.array_state == "read-auto":
        builder.make_writable(array.node)
        array = replace(array, array_state="active")
    for member in going:
        if not member.faulty:
            builder.run("mdadm", "--manage", array.node, "--fail", member.node)
        builder.steps.append(Operation("remove_member", {"array": array.node, "device": member.device}))
    if fewer:
        builder.run("mdadm", "--grow", array.node, f"--raid-devices={len(wanted.devices)}")
    kept = tuple(member for member in array.members if member not in going)
    # md gives the members that stay the first slots, in their order.
    slots = {member.device: number for number, member in enumerate(m for m in kept if m.slot is not None)}
    kept = tuple(replace(member, slot=slots.get(member.device)) for member in kept)
    array = replace(array, members=kept, raid_disks=min(array.raid_disks, len(wanted.devices)), degraded=0)
    builder.state = builder.state.with_changed_array(array)
    return array


def _erase(builder: PlanBuilder, array: Array, path: str) -> None:
    """Erase the superblock of a member that has left, so that nothing takes it for a part of the array."""
    device = builder.state.devices.get(builder.state.paths.get(path) or "")
    if device and device.superblock and device.superblock.uuid == array.uuid:
        builder.steps.append(Operation("zero_superblock", {"device": device.node, "uuid": shown_uuid(array.uuid)}))
        builder.state = builder.state.with_devices({device.kernel_name: replace(device, superblock=None, signatures=())})
