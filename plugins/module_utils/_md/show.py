# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values and diffs of the md modules. Pure."""

from __future__ import annotations

from typing import Any, Container, Dict, List, Sequence

from .._host.block import node_of
from .checks.health import health, is_stuck, problems, sync_percent
from .model.array import Array, Healing, Member
from .model.array_plan import ArrayPlan, Released
from .model.block_device import Superblock, shown_uuid
from .model.conf import all_entries
from .model.identify import bears_name, find
from .model.layout import decode
from .model.state import State
from .model.wanted import Wanted, WantedArray


def summary(state: State, wanted: WantedArray) -> Dict[str, Any]:
    """One array in the diff: the values that a plan can change, and no values that change by themselves."""
    array = find(state, wanted)
    lines = [
        " ".join(["ARRAY", entry.device, *(f"{'UUID' if key == 'uuid' else key}={value}" for key, value in entry.words)])
        for entry in all_entries(state.conf)
        if entry.device in wanted.spellings or (array and entry.uuid == array.uuid)
    ]
    carriers = [device for device in state.devices.values() if device.superblock and bears_name(state, wanted, device.superblock)]
    shown: Dict[str, Any] = {"state": _status(array) if array else ("stopped" if carriers or lines else "absent"), "mdadm_conf": lines}
    return {**shown, **_running(state, array)} if array else shown


def _running(state: State, array: Array) -> Dict[str, Any]:
    return {
        "node": array.node,
        "uuid": shown_uuid(array.uuid),
        "level": array.level,
        "layout": decode(array.level, array.layout),
        "members": sorted(state.devices[name].by_path or state.devices[name].node for name in array.devices if name in state.devices),
    }


def by_name(state: State, kernel_names: Sequence[str]) -> Dict[str, Any]:
    """Running arrays by name, for the diff of a task that names no array."""
    return {array.shown_name: _running(state, array) for array in state.arrays if array.kernel_name in kernel_names}


def _status(array: Array) -> str:
    return "container" if array.container else "running" if array.active else "inactive"


def before(state: State, wanted: Sequence[WantedArray]) -> Dict[str, Any]:
    """The arrays before the plan, for the diff."""
    return {one.name: summary(state, one) for one in wanted}


def after(state: State, wanted: Sequence[WantedArray], deferred: Sequence[str]) -> Dict[str, Any]:
    """The arrays after a plan, for the diff. Of the arrays in C(deferred) the plan only knows that they will run."""
    shown = before(state, wanted)
    return {name: {**values, "state": "running"} if name in deferred else values for name, values in shown.items()}


def report(state: State, wanted: Sequence[WantedArray], deferred: Sequence[str] = ()) -> List[Dict[str, Any]]:
    """The return value C(arrays): one entry for each declared array, in order.

    Of the arrays in C(deferred) a plan only knows that they will run.
    """
    found = [describe_wanted(state, one) for one in wanted]
    return [{**shown, "state": "running"} if shown["name"] in deferred else shown for shown in found]


def describe_wanted(state: State, wanted: WantedArray) -> Dict[str, Any]:
    """One declared array; if it does not exist, only its name, node and state."""
    array = find(state, wanted)
    if array is None:
        shown = summary(state, wanted)
        return {"name": wanted.name, "device": wanted.node, "state": shown["state"], "members": []}
    # An array that is in use under another number keeps that number.
    node = wanted.node if state.paths.get(wanted.node) == array.kernel_name else array.node
    return {**describe(state, array), "name": wanted.name, "device": node}


def describe(state: State, array: Array) -> Dict[str, Any]:
    """One array of the host with its health."""
    device = state.devices.get(array.kernel_name)
    return {
        "name": array.shown_name,
        "label": array.label,
        "device": array.node,
        "kernel_name": array.kernel_name,
        "uuid": shown_uuid(array.uuid),
        "level": array.level,
        "layout": decode(array.level, array.layout),
        "layout_word": array.layout if decode(array.level, array.layout) else None,
        "chunk": array.chunk // 1024 or None,
        "metadata": array.metadata,
        "bitmap": array.bitmap,
        "size": device.size if device else 0,
        "raid_devices": array.raid_disks,
        "members": [_member(state, member) for member in array.members],
        "state": _status(array),
        "array_state": array.array_state,
        "health": health(array),
        "degraded": array.degraded,
        "sync_action": array.sync_action,
        "sync_percent": sync_percent(array),
        "sync_speed": array.sync_speed * 1024 if array.sync_total else None,
        "sync_seconds_left": (array.sync_total - array.sync_done) // 2 // array.sync_speed
        if array.sync_total and array.sync_speed
        else None,
        "bitmap_dirty": array.bitmap_dirty,
        "mismatch_cnt": array.mismatch_cnt,
    }


def _member(state: State, member: Member) -> Dict[str, Any]:
    device = state.devices.get(member.device)
    return {
        "device": device.node if device else f"/dev/{member.device}",
        "by_path": (device.by_path or None) if device else None,
        "role": member.slot,
        "state": _member_state(member),
        "events": device.superblock.events if device and device.superblock else None,
    }


def _member_state(member: Member) -> str:
    if member.faulty:
        return "faulty"
    if member.journal:
        return "journal"
    if member.in_sync:
        return "in_sync"
    return "spare" if member.slot is None else "rebuilding"


def describe_with_problems(state: State, array: Array) -> Dict[str, Any]:
    """One array of the host with its problems, for md_array_info."""
    return {**describe(state, array), "problems": problems(array), "restart_needed": is_stuck(array)}


def describe_superblock(node: str, by_path: str, superblock: Superblock) -> Dict[str, Any]:
    """A superblock on a device that is in no array now."""
    return {
        "device": node,
        "by_path": by_path or None,
        "uuid": shown_uuid(superblock.uuid),
        "label": superblock.label,
        "level": superblock.level,
        "layout": decode(superblock.level, superblock.layout),
        "role": superblock.role,
        "raid_devices": superblock.raid_disks,
        "events": superblock.events,
        "updated": superblock.updated,
        "metadata": superblock.version,
    }


def unused(state: State) -> List[Dict[str, Any]]:
    """Every superblock on a device that is in no array."""
    taken = {name for array in state.arrays for name in array.devices}
    free = [device for name, device in sorted(state.devices.items()) if device.superblock and name not in taken]
    return [describe_superblock(device.node, device.by_path, device.superblock) for device in free if device.superblock]


def returned(
    state: State, wanted: Wanted, plan: ArrayPlan, check_mode: bool, rebuilt: Container[str], postponed: Sequence[str]
) -> Dict[str, Any]:
    """The return value of md_array. C(state) is the host after the task, or in check mode after the plan.

    C(rebuilt) are device nodes that md rebuilds because it refused to re-add them, C(postponed) are names of arrays that another plan
    postponed.
    """
    applied = plan.changed and not check_mode
    state, deferred = (state, ()) if applied else (plan.state, plan.deferred)
    healed = [_healed(one, rebuilt) for one in plan.healed]
    if not wanted.arrays:
        found = [describe(state, array) for array in state.arrays if array.kernel_name in {one.kernel_name for one in plan.released}]
        return {"arrays": found, "healed": healed, "released": [_released(state, one) for one in plan.released]}
    arrays = report(state, wanted.arrays, deferred)
    shown: Dict[str, Any] = {"arrays": arrays, "healed": healed, **({"array": arrays[0]} if wanted.one else {})}
    # In check mode there is nothing to wait for.
    return shown if check_mode else {**shown, **work(state, wanted.arrays, (*plan.postponed, *postponed))}


def _released(state: State, released: Released) -> Dict[str, Any]:
    device = state.devices.get(released.device)
    return {"array": released.array, "device": node_of(released.device), "by_path": (device.by_path or None) if device else None}


def work(state: State, wanted: Sequence[WantedArray], postponed: Container[str]) -> Dict[str, List[Dict[str, Any]]]:
    """For the action plugin: the arrays to wait for, and the arrays to check after that.

    C(postponed) are names of arrays that are grown after the wait, even if nothing has to be waited for any more.
    """
    found = [(one, find(state, one)) for one in wanted if one.state == "present"]
    running = [(one, array) for one, array in found if array and array.active]
    return {
        "waits": [_work(one, array) for one, array in running if (one.wait == "sync" and array.unsettled) or one.name in postponed],
        "checks": [_work(one, array) for one, array in running if one.check],
    }


def _work(wanted: WantedArray, array: Array) -> Dict[str, Any]:
    return {"name": wanted.name, "kernel_name": array.kernel_name, "timeout": wanted.wait_timeout}


def _healed(one: Healing, rebuilt: Container[str]) -> Dict[str, Any]:
    return {
        "array": one.array,
        "device": one.device,
        "by_path": one.by_path or None,
        "method": "rebuild" if one.device in rebuilt else one.method,
        "resync_bytes": one.size if one.device in rebuilt else one.resync,
    }
