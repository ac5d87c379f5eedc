# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan to fail and remove members, so that their disks can be detached. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Sequence, Set, Tuple

from ..._core.errors import InputError, RefusedError
from ..._core.plan import Operation
from .. import show
from ..checks.release import obstacle
from ..model.array import Array, Member
from ..model.array_plan import ArrayPlan, Released
from ..model.state import State
from .builder import PlanBuilder


def plan_release(state: State, paths: Sequence[str]) -> ArrayPlan:
    """Remove the devices at C(paths), and their partitions, from all arrays. A path without a device or member needs no step.

    :raises InputError: a path leads to an object that is not a block device.
    :raises RefusedError: with each array that cannot release its members, and the reason; then nothing is planned.
    """
    names = _kernel_names(state, paths)
    leaving = [(array, tuple(member for member in array.members if member.device in names)) for array in state.arrays]
    leaving = [(array, members) for array, members in leaving if members]
    _check(leaving)
    builder = PlanBuilder(state)
    for array, members in leaving:
        _let_go(builder, array, members)
    arrays = [array.kernel_name for array, _members in leaving]
    return ArrayPlan(
        subject=f"members {' '.join(paths)}",
        before=show.by_name(state, arrays),
        after=show.by_name(builder.state, arrays),
        steps=tuple(builder.steps),
        warnings=tuple(builder.warnings),
        state=builder.state,
        released=tuple(Released(array.kernel_name, array.shown_name, m.device) for array, members in leaving for m in members),
    )


def _kernel_names(state: State, paths: Sequence[str]) -> Set[str]:
    names: Set[str] = set()
    for path in paths:
        if path in state.not_block:
            raise InputError("release", f"{path} is {state.not_block[path]}; members have to be block devices")
        device = state.devices.get(state.paths.get(path) or "")
        if device:
            names |= {device.kernel_name, *device.partitions}
    return names


def _check(leaving: Sequence[Tuple[Array, Sequence[Member]]]) -> None:
    reasons = {array.shown_name: obstacle(array, members) for array, members in leaving}
    problems = [f"array {name}: {reason}" for name, reason in reasons.items() if reason]
    if problems:
        nodes = ", ".join(member.node for _array, members in leaving for member in members)
        raise RefusedError(f"release of {nodes}", "; ".join(problems), "Nothing was changed")


def _let_go(builder: PlanBuilder, array: Array, members: Sequence[Member]) -> None:
    if array.array_state == "read-auto":
        # md records a lost member only after a write to the array; without that record the member would count as current after a boot.
        builder.make_writable(array.node)
        array = replace(array, array_state="active")
    slots: List[Member] = [member for member in members if member.slot is not None and not member.faulty]
    if slots and array.bitmap == "none":
        builder.warnings.append(f"array {array.shown_name} has no write-intent bitmap: all data are copied to its members when they return")
    for member in slots:
        # The member has its kernel name, because its device node may no longer exist.
        builder.run("mdadm", "--manage", array.node, "--fail", member.device)
    for member in members:
        builder.steps.append(Operation("remove_member", {"array": array.node, "device": member.device}))
    kept = tuple(member for member in array.members if member not in members)
    lost = len([member for member in slots if member.in_sync])
    builder.state = builder.state.with_changed_array(replace(array, members=kept, degraded=array.degraded + lost))
