# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a running array its lost members back. Pure.

A member that was away is never a source: md takes it back as out of date, and updates its content from the members that stayed. The
write-intent bitmap tells which parts of the content have to be updated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Sequence, Tuple

from ..._core.errors import RefusedError
from ..._core.plan import Operation
from ..checks.blocks import check_blocks
from ..checks.devices import check_free, check_usable, check_writable
from ..model.array import Array, Healing, Member
from ..model.block_device import BlockDevice, Superblock
from ..model.state import State
from ..model.wanted import WantedArray
from .builder import PlanBuilder

RE_ADD, REBUILD = "re-add", "rebuild"


def plan_healing(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> Array:
    """Plan to replace failed members and bring back declared members; returns the array after these steps.

    :raises RefusedError: the array has lost too many members, or a device may not be used.
    """
    silent = {devices[path].kernel_name for path in wanted.devices if path in devices and not devices[path].answers}
    failed = [member for member in array.members if member.faulty and member.device not in silent]
    sound = {member.device for member in array.members if not member.faulty}
    back = [path for path in wanted.devices if path in devices and devices[path].kernel_name not in sound | silent]
    if not wanted.replace_failed or not (failed or back):
        return array
    if array.sync_action == "reshape":
        # md gives no slot to a spare before the reshape has moved all data.
        builder.warnings.append(f"array {wanted.name} is reshaped first; its lost members are brought back after that")
        return array
    _check_survives(wanted, builder.state, array)
    check_writable(wanted, array, "healed")
    lighter = _without(builder, array, failed)
    methods = _methods(builder, wanted, {path: builder.state.devices[devices[path].kernel_name] for path in back}, lighter)
    if array.array_state == "read-auto":
        builder.make_writable(array.node)
    for member in failed:
        # The member has its kernel name, because its device node may no longer exist, or belong to another disk by now.
        builder.run("mdadm", "--manage", array.node, "--remove", member.device)
    return _bring_back(builder, wanted, devices, lighter, methods)


def _check_survives(wanted: WantedArray, state: State, array: Array) -> None:
    if array.survives(array.missing_slots):
        return
    current = [state.devices[m.device].node for m in array.members if m.in_sync and m.device in state.devices]
    raise RefusedError(
        wanted.subject,
        f"it has lost more members than {array.level} can lose: only {', '.join(current) or 'none'} of"
        f" {array.raid_disks} hold current data, and adding the other members would overwrite their data",
        "Nothing was changed; stop it (state: stopped), and run this again, which starts it if its members lack no write. Only if that is"
        " refused too, use mdadm --assemble --force, which may start it from members that lack the last writes",
    )


def _without(builder: PlanBuilder, array: Array, failed: Sequence[Member]) -> Array:
    lighter = replace(array, members=tuple(member for member in array.members if member not in failed))
    builder.state = builder.state.with_changed_array(lighter)
    return lighter


def _methods(builder: PlanBuilder, wanted: WantedArray, back: Dict[str, BlockDevice], array: Array) -> Dict[str, str]:
    """The method by which each device becomes a member again, by path, after the checks of these devices."""
    own: Dict[str, Superblock] = {}
    for path, device in back.items():
        if device.superblock and device.superblock.uuid == array.uuid:
            own[path] = device.superblock
    check_free(wanted, {path: back[path] for path in own})
    check_usable(wanted, back, [path for path in back if path not in own])
    check_blocks(wanted, builder.state, array, back)
    _check_room(builder.state, wanted, back, array)
    together = array.uuid in builder.recovered
    return {path: _own_method(builder.state, wanted, path, own[path], array, together) if path in own else REBUILD for path in back}


def _check_room(state: State, wanted: WantedArray, back: Dict[str, BlockDevice], array: Array) -> None:
    offsets = [block.data_offset for block in _current_blocks(state, array)]
    needed = array.component_size + min(offsets, default=0)
    small = [f"{path} has {device.size} bytes" for path, device in back.items() if device.size < needed]
    if small:
        raise RefusedError(
            wanted.subject, f"{'; '.join(small)}, and its members need {needed}", "Nothing was changed; name a larger device"
        )


def _current_blocks(state: State, array: Array) -> List[Superblock]:
    found = [state.devices[member.device].superblock for member in array.members if member.in_sync and member.device in state.devices]
    return [block for block in found if block]


def _own_method(state: State, wanted: WantedArray, path: str, block: Superblock, array: Array, lost_together: bool) -> str:
    """The method for a former member. The bitmap knows the changes while the member was away, but not changes on the member itself.

    For members that were lost together such changes are excluded: no member ran alone, and md only wrote to the last member that the
    others had failed.
    """
    newest = max((current.events for current in _current_blocks(state, array)), default=block.events)
    slots = set(array.current_slots)
    if not lost_together and (block.events > newest or (block.active and not slots & set(block.active))):
        if not wanted.overwrite:
            raise RefusedError(
                wanted.subject,
                f"{path} has run without the members that are current now (event count {block.events}, theirs is {newest}),"
                " so it holds data that the array does not have",
                "Nothing was changed; look at this data, and set overwrite if it may be destroyed",
            )
        return REBUILD
    known = not block.recovering and not block.faulty and block.role in array.free_slots
    # If the table of roles lacks a current member, the array was split and only a rebuild is safe.
    return RE_ADD if known and array.bitmap != "none" and (lost_together or slots <= set(block.active)) else REBUILD


def _bring_back(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array, methods: Dict[str, str]) -> Array:
    for path, method in sorted(methods.items(), key=lambda item: _order(builder.state, devices[item[0]], item[1])):
        device = builder.state.devices[devices[path].kernel_name]
        size = resync = array.component_size or None
        if method == RE_ADD:
            resync = min(array.bitmap_dirty, array.component_size) if array.bitmap_dirty is not None else None
        builder.healed.append(Healing(wanted.name, device.node, device.by_path, method, resync, size))
        _add_steps(builder, array, device, method)
        array = _rebuilding(array, device, method)
        builder.state = builder.state.with_changed_array(array)
    return array


def _order(state: State, device: BlockDevice, method: str) -> Tuple[bool, int]:
    """Sort key: members that return to their own slot first, so that no other device takes that slot."""
    superblock = state.devices[device.kernel_name].superblock
    return method != RE_ADD, (superblock.role or 0) if superblock and method == RE_ADD else 0


def _add_steps(builder: PlanBuilder, array: Array, device: BlockDevice, method: str) -> None:
    if method == RE_ADD:
        builder.steps.append(Operation("re_add", {"array": array.node, "device": device.node}))
        return
    if device.superblock and device.superblock.uuid == array.uuid:
        # Unlike --add, --add-spare never uses the device's old data.
        builder.run("mdadm", "--manage", array.node, "--add-spare", device.node)
    else:
        builder.add_blank(array, device)
    builder.steps.append(Operation("await_slot", {"array": array.node, "device": device.node}))


def _rebuilding(array: Array, device: BlockDevice, method: str) -> Array:
    free = array.free_slots
    slot = device.superblock.role if method == RE_ADD and device.superblock else next(iter(free), None)
    member = Member(device.kernel_name, slot, ("spare",))
    action = array.sync_action if slot is None else "recover"
    return replace(array, members=(*array.members, member), sync_action=action, array_state="active")
