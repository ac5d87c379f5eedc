# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an array that shall be present: leave it, assemble it, or create it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict

from .._core.plan import Command
from .array_state import Array
from .block_device import BlockDevice
from .checks import check_domains, check_real_domains, check_writable, refuse_check, resolve
from .draft import Draft
from .from_disk import plan_from_disk
from .grow import as_grown, plan_growth
from .heal import plan_healing
from .identify import bears_name, check_same, running
from .spares import borrowed, lent, plan_spares, surplus_spares
from .wanted import Wanted


def plan_presence(draft: Draft, wanted: Wanted) -> None:
    """Add to the draft what makes the array present.

    :raises FleetlabError: the declaration cannot be carried out without harm.
    """
    check_domains(wanted)
    if _members_unread(draft, wanted):
        draft.deferred.append(wanted)
        return
    devices = resolve(draft.state, wanted)
    if wanted.overwrite:
        _release(draft, wanted, devices)
        devices = resolve(draft.state, wanted)
    away = lent(draft.state, wanted, devices)
    devices = {path: device for path, device in devices.items() if path not in away}
    array = running(draft.state, wanted, devices)
    if array and array.active:
        draft.warnings += [f"array {wanted.name}: its spare {path} serves {other.describe()} now" for path, other in away.items()]
        _keep(draft, wanted, devices, array)
    else:
        plan_from_disk(draft, wanted, devices, array)


def _release(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice]) -> None:
    """Take the devices from foreign arrays that udev began to collect from old superblocks and never could start."""
    names = {device.kernel_name for device in devices.values()}
    for array in draft.state.arrays:
        if not array.active and names & set(array.devices) and not bears_name(draft.state, wanted, array):
            draft.stop(array)


def _members_unread(draft: Draft, wanted: Wanted) -> bool:
    """Whether members are arrays that only this plan assembles: what they hold cannot be known before."""
    later = {path for one in draft.deferred for path in one.spellings}
    return any(path in later or draft.state.paths.get(path) in draft.unread for path in wanted.all_devices)


def _keep(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> None:
    draft.forget_survivors(array.uuid)
    named = {device.kernel_name for device in devices.values()}
    leaving = {member.device for member in array.members if member.faulty and wanted.replace_failed}
    leaving |= {member.device for member in surplus_spares(devices, array)}
    guests = borrowed(draft.state, wanted, array) - named - leaving
    if guests:
        nodes = ", ".join(sorted(f"/dev/{name}" for name in guests))
        draft.warnings.append(f"array {wanted.name}: {nodes}, spares of its group, serve in the place of declared members")
    leaving |= guests
    strangers = [name for name in array.devices if name not in named | leaving and name in draft.state.devices]
    array = _thawed(draft, wanted, array)
    array = plan_growth(draft, wanted, devices, array)
    check_same(wanted, as_grown(draft, wanted, array), [draft.state.devices[name].node for name in strangers])
    array = plan_healing(draft, wanted, devices, array)
    array = plan_spares(draft, wanted, devices, array)
    check_real_domains(wanted, devices, array)
    _report_health(draft, wanted, devices, array)
    if draft.unmark(array.kernel_name):
        draft.run("udevadm", "trigger", "--action=change", f"/sys/block/{array.kernel_name}")
        draft.settle()
    # A member that the boot gave back is only brought up to date once somebody writes: that may be long after the next loss.
    awaited = (wanted.wait == "sync" and array.unsettled) or (wanted.replace_failed and array.rebuildable)
    if awaited and array.array_state == "read-auto":
        draft.make_writable(array.node)
        _mark_written(draft, array)
    _check_checkable(draft, wanted, array)
    if array.label or array.metadata != "1.0":
        draft.persist(wanted, array)
        return
    draft.warnings.append(
        f"array {wanted.name}: its superblocks, at the end of its members, are not found there since these have grown; it runs until it is"
        " stopped. Make the members as small as they were"
    )


def _thawed(draft: Draft, wanted: Wanted, array: Array) -> Array:
    """mdadm holds an array still while it adds members or grows it, and leaves it so when it is killed.

    A run that was killed before it grew an array leaves a resync that nothing begins.
    """
    still = array.sync_action == "frozen" or (array.resync_pending and array.array_state in ("clean", "active", "active-idle"))
    if not still or not (wanted.replace_failed or wanted.grow or wanted.wait == "sync"):
        return array
    draft.steps.append(Command(("tee", f"/sys/block/{array.kernel_name}/md/sync_action"), stdin="idle\n"))
    rest = "resync" if array.resync_pending else "idle"
    array = replace(array, sync_action="recover" if array.missing_slots else rest)
    draft.state = draft.state.with_changed_array(array)
    return array


def _mark_written(draft: Draft, array: Array) -> None:
    action = "resync" if array.resync_pending else "recover"
    draft.state = draft.state.with_changed_array(replace(array, array_state="active", sync_action=action))


def _check_checkable(draft: Draft, wanted: Wanted, array: Array) -> None:
    """Refuse a consistency check of an array that is not whole, and will not be when it is checked."""
    if not wanted.check:
        return
    check_writable(wanted, array, "checked")
    why = ""
    if array.broken:
        why = "it is broken, members are gone that it cannot do without"
    elif len(array.free_slots) or any(member.faulty for member in array.members):
        current = [draft.state.devices[m.device].node for m in array.members if m.in_sync and m.device in draft.state.devices]
        why = f"it is degraded, only {', '.join(current)} of {array.raid_disks} hold current data"
    elif array.unsettled and wanted.wait != "sync":
        why = f"it is not in sync yet ({array.sync_action})"
    if why:
        refuse_check(wanted, why)


def _report_health(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> None:
    if array.broken:
        draft.warnings.append(
            f"array {wanted.name} is broken: members are gone that it cannot do without, and what is written to it fails."
            " Stop it, bring its members back, and run this again"
        )
    sound = {member.device for member in array.members if not member.faulty}
    absent = [path for path in wanted.devices if path not in devices or devices[path].kernel_name not in sound]
    if array.degraded and (absent or not (wanted.replace_failed or wanted.grow)):
        names = ", ".join(absent) or "a member that is being rebuilt"
        current = array.raid_disks - array.degraded
        draft.warnings.append(f"array {wanted.name} is degraded: {current} of {array.raid_disks} members are current; without {names}")
    unused = [path for path in wanted.spares if path not in devices or devices[path].kernel_name not in sound]
    if unused:
        draft.warnings.append(f"array {wanted.name} runs without the spares {', '.join(unused)}")
