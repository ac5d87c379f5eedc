# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules return about arrays. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Container, Dict, List, Optional, Sequence

from .array_state import Array, Member
from .block_device import Superblock, shown_uuid
from .conf import entries
from .identify import bears_name
from .layout import decode
from .state import State
from .wanted import Wanted

if TYPE_CHECKING:
    from .heal import Healing


def find(state: State, wanted: Wanted) -> Optional[Array]:
    """The array a task means, once it is known not to be in dispute: by its members, else by its name."""
    names = {state.paths.get(path) for path in wanted.all_devices}
    by_member = [array for array in state.arrays if names & set(array.devices)]
    by_name = [array for array in state.arrays if bears_name(state, wanted, array)]
    return next(iter(by_member or by_name), None)


def summary(state: State, wanted: Wanted) -> Dict[str, Any]:
    """One array as the diff shows it: what a plan can change, and nothing that changes by itself."""
    array = find(state, wanted)
    lines = [
        " ".join(["ARRAY", entry.device, *(f"{'UUID' if key == 'uuid' else key}={value}" for key, value in entry.words)])
        for file in state.conf
        for entry in entries(file.content)
        if entry.device in wanted.spellings or (array and entry.uuid == array.uuid)
    ]
    carriers = [device for device in state.devices.values() if device.superblock and bears_name(state, wanted, device.superblock)]
    shown: Dict[str, Any] = {"state": _status(array) if array else ("stopped" if carriers or lines else "absent"), "mdadm_conf": lines}
    if array:
        shown.update(
            node=array.node,
            uuid=shown_uuid(array.uuid),
            level=array.level,
            layout=decode(array.level, array.layout),
            members=sorted(state.devices[name].by_path or state.devices[name].node for name in array.devices if name in state.devices),
        )
    return shown


def _status(array: Array) -> str:
    return "running" if array.active else "inactive"


def report(state: State, wanted: Sequence[Wanted], deferred: Sequence[str] = ()) -> List[Dict[str, Any]]:
    """The return value C(arrays): one entry for each declared array, in order.

    Of those in C(deferred) a plan only knows that they will run.
    """
    found = [describe_wanted(state, one) for one in wanted]
    return [{**shown, "state": "running"} if shown["name"] in deferred else shown for shown in found]


def describe_wanted(state: State, wanted: Wanted) -> Dict[str, Any]:
    """One declared array; one that is not there has no more than its name, node and state."""
    array = find(state, wanted)
    if array is None:
        shown = summary(state, wanted)
        return {"name": wanted.name, "device": wanted.node, "state": shown["state"], "members": []}
    return {**describe(state, array), "name": wanted.name, "device": wanted.node}


def describe(state: State, array: Array) -> Dict[str, Any]:
    """One array of the host with its health."""
    device = state.devices.get(array.kernel_name)
    return {
        "name": array.name or array.kernel_name,
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


def health(array: Array) -> str:
    """C(inactive), C(broken), C(degraded), C(recovering), C(syncing) or C(healthy)."""
    if not array.active:
        return "inactive"
    if array.broken:
        return "broken"
    if array.degraded:
        return "recovering" if array.sync_action in ("recover", "reshape") else "degraded"
    return "syncing" if array.syncing else "healthy"


def sync_percent(array: Array) -> Optional[float]:
    """Progress of what C(sync_action) names; C(None) when nothing runs, 0 while it waits for its turn."""
    if array.sync_total:
        return round(array.sync_done * 100 / array.sync_total, 1)
    return 0.0 if array.syncing else None


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
    if member.in_sync:
        return "in_sync"
    return "spare" if member.slot is None else "rebuilding"


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


def report_work(state: State, wanted: Sequence[Wanted], postponed: Container[str]) -> Dict[str, List[Dict[str, Any]]]:
    """For the action plugin: the arrays that are to be waited for, and those that are to be checked after that.

    C(postponed) are names of arrays that are grown after waiting, also if there is nothing left to wait for by now.
    """
    found = [(one, find(state, one)) for one in wanted if one.state == "present"]
    running = [(one, array) for one, array in found if array and array.active]
    return {
        "waits": [_work(one, array) for one, array in running if (one.wait == "sync" and array.unsettled) or one.name in postponed],
        "checks": [_work(one, array) for one, array in running if one.check],
    }


def _work(wanted: Wanted, array: Array) -> Dict[str, Any]:
    return {"name": wanted.name, "kernel_name": array.kernel_name, "timeout": wanted.wait_timeout}


def report_healed(healed: Sequence[Healing], rebuilt: Container[str]) -> List[Dict[str, Any]]:
    """The return value C(healed); C(rebuilt) are device nodes that md refused to take back as they were."""
    return [
        {
            "array": one.array,
            "device": one.device,
            "by_path": one.by_path or None,
            "method": "rebuild" if one.device in rebuilt else one.method,
            "resync_bytes": one.size if one.device in rebuilt else one.resync,
        }
        for one in healed
    ]
