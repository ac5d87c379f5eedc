# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add spares to a running array, and remove spares that are no longer declared. Pure.

C(mdadm --monitor) moves a spare to another array of its group that needs a spare. This is the purpose of groups, so both arrays, the
lender and the borrower, are still accepted as declared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Set

from ..._core.errors import RefusedError
from ..._core.plan import Operation
from ..checks.blocks import check_blocks
from ..checks.devices import check_free, check_usable, check_writable
from ..model.array import Array, Member
from ..model.block_device import BlockDevice, shown_uuid
from ..model.conf import group_of, uuids_named
from ..model.identify import bears_name
from ..model.state import State
from ..model.wanted import WantedArray
from .builder import PlanBuilder


def lent(state: State, wanted: WantedArray, devices: Dict[str, BlockDevice]) -> Dict[str, Array]:
    """Declared spares that now serve another array of the same spare group, by path; the values are these arrays."""
    groups = [_group(state, wanted, array.uuid) for array in state.arrays if bears_name(state, wanted, array)]
    uuids = uuids_named(state.conf, wanted.spellings)
    group = wanted.spare_group or next(iter(groups), None) or (group_of(state.conf, uuids[0]) if uuids else None)
    found = {}
    for path in wanted.spares:
        name = devices[path].kernel_name if path in devices else None
        for array in state.arrays:
            other = name in array.devices and not bears_name(state, wanted, array)
            if group and other and group_of(state.conf, array.uuid) == group:
                found[path] = array
    return found


def borrowed(state: State, wanted: WantedArray, array: Array) -> Set[str]:
    """Members in use that came from another array of the same spare group, by kernel name."""
    group = _group(state, wanted, array.uuid)
    others = [other.uuid for other in state.arrays if other.uuid != array.uuid and group_of(state.conf, other.uuid) == group]
    # A spare gets a slot only when a member is lost, so each undeclared member stands in for a lost declared member.
    return {member.device for member in array.members if member.slot is not None} if group and others else set()


def _group(state: State, wanted: WantedArray, uuid: str) -> Optional[str]:
    return group_of(state.conf, uuid) if wanted.spare_group is None else wanted.spare_group or None


def surplus_spares(devices: Dict[str, BlockDevice], array: Array) -> List[Member]:
    """Members that are spares and not declared."""
    named = {device.kernel_name for device in devices.values()}
    spares = [member for member in array.members if member.slot is None and not member.faulty and not member.journal]
    return [member for member in spares if member.device not in named]


def plan_spares(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> Array:
    """Plan to give the array exactly the declared spares; returns the array after these steps.

    :raises RefusedError: a device may not be used, or a degraded array may need the spare at any moment.
    """
    if not wanted.exact_spares:
        return array
    new = [path for path in wanted.spares if path in devices and devices[path].kernel_name not in array.devices]
    surplus = surplus_spares(devices, array)
    _check_own(wanted, devices, new, array)
    check_blocks(wanted, builder.state, array, {path: devices[path] for path in new})
    if surplus and array.missing_slots:
        nodes = ", ".join(f"/dev/{member.device}" for member in surplus)
        raise RefusedError(
            wanted.subject,
            f"its spares {nodes} are no longer declared, but it is degraded and may need them",
            "Nothing was changed; bring its lost members back first, or declare the spares",
        )
    if new or surplus:
        check_writable(wanted, array, "given other spares")
    for path in new:
        builder.add_blank(array, devices[path])
    for member in surplus:
        builder.run("mdadm", "--manage", array.node, "--remove", member.device)
    added = tuple(Member(devices[path].kernel_name, None, ("spare",)) for path in new)
    array = replace(array, members=tuple(member for member in array.members if member not in surplus) + added)
    builder.state = builder.state.with_changed_array(array)
    _erase(builder, array, surplus)
    return array


def _check_own(wanted: WantedArray, devices: Dict[str, BlockDevice], new: List[str], array: Array) -> None:
    """Refuse new spares that are in use or not empty. A former spare of this array holds no data and may be used."""
    own = [path for path in new if (block := devices[path].superblock) and block.uuid == array.uuid and block.role is None]
    check_free(wanted, {path: devices[path] for path in own})
    check_usable(wanted, devices, [path for path in new if path not in own])


def _erase(builder: PlanBuilder, array: Array, surplus: List[Member]) -> None:
    """Erase the superblocks of former spares, also of spares that a killed run removed; else the next boot would add them again."""
    former = {device.kernel_name: device for device in builder.state.former_spares(array.uuid)}
    former.update({member.device: builder.state.devices[member.device] for member in surplus if member.device in builder.state.devices})
    for name, device in sorted(former.items()):
        builder.steps.append(Operation("zero_superblock", {"device": device.node, "uuid": shown_uuid(array.uuid)}))
        builder.state = builder.state.with_devices({name: replace(device, superblock=None)})
    if surplus:
        builder.releasing.append(array.uuid)
