# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an array that shall be present: keep it, assemble it, or create it. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict

from ..._core.plan import Command
from ..checks.devices import check_writable, refuse_check, resolve
from ..checks.domains import check_domains, check_real_domains
from ..checks.identity import check_same, running
from ..model.array import Array
from ..model.block_device import BlockDevice
from ..model.identify import bears_name
from ..model.wanted import WantedArray
from .assemble import plan_assembly
from .builder import PlanBuilder
from .flags import plan_flags
from .grow import as_grown, plan_growth
from .heal import plan_healing
from .leave import plan_leaving
from .spares import borrowed, lent, plan_spares, surplus_spares


def plan_presence(builder: PlanBuilder, wanted: WantedArray) -> None:
    """Plan to make the array present.

    :raises FleetlabError: the declaration cannot be carried out without harm.
    """
    check_domains(wanted)
    if _members_unread(builder, wanted):
        builder.deferred.append(wanted)
        return
    devices = resolve(builder.state, wanted)
    if wanted.overwrite:
        _release(builder, wanted, devices)
        devices = resolve(builder.state, wanted)
    away = lent(builder.state, wanted, devices)
    devices = {path: device for path, device in devices.items() if path not in away}
    array = running(builder.state, wanted, devices)
    if array and array.active:
        builder.warnings += [f"array {wanted.name}: its spare {path} serves {other.describe()} now" for path, other in away.items()]
        _keep(builder, wanted, devices, array)
    else:
        plan_assembly(builder, wanted, devices, array)


def _release(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice]) -> None:
    """Stop foreign arrays that udev began to collect from old superblocks on the devices and could not start."""
    names = {device.kernel_name for device in devices.values()}
    for array in builder.state.arrays:
        if not array.active and names & set(array.devices) and not bears_name(builder.state, wanted, array):
            builder.stop(array)


def _members_unread(builder: PlanBuilder, wanted: WantedArray) -> bool:
    """Whether members are arrays that this plan only assembles, so that their content is not known yet."""
    later = {path for one in builder.deferred for path in one.spellings}
    return any(path in later or builder.state.paths.get(path) in builder.unread for path in wanted.all_devices)


def _keep(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> None:
    builder.forget_survivors(array.uuid)
    named = {device.kernel_name for device in devices.values()}
    array = plan_leaving(builder, wanted, devices, array)
    leaving = {member.device for member in array.members if member.faulty and wanted.replace_failed}
    leaving |= {member.device for member in surplus_spares(devices, array)}
    borrowed_spares = borrowed(builder.state, wanted, array) - named - leaving
    if borrowed_spares:
        nodes = ", ".join(sorted(f"/dev/{name}" for name in borrowed_spares))
        builder.warnings.append(f"array {wanted.name}: {nodes}, spares of its group, serve in the place of declared members")
    leaving |= borrowed_spares
    # A journal was given to the array with mdadm, and stays.
    leaving |= {member.device for member in array.members if member.journal}
    undeclared_members = [name for name in array.devices if name not in named | leaving and name in builder.state.devices]
    array = _thawed(builder, wanted, array)
    array = plan_growth(builder, wanted, devices, array)
    check_same(wanted, as_grown(builder, wanted, array), [builder.state.devices[name].node for name in undeclared_members])
    array = plan_healing(builder, wanted, devices, array)
    array = plan_spares(builder, wanted, devices, array)
    array = plan_flags(builder, wanted, devices, array)
    check_real_domains(wanted, devices, array)
    _report_health(builder, wanted, devices, array)
    if builder.unmark(array.kernel_name):
        builder.run("udevadm", "trigger", "--action=change", f"/sys/block/{array.kernel_name}")
        builder.settle()
    # After a boot, md updates a returned member only at the next write, and that may be long after the next loss.
    awaited = (wanted.wait == "sync" and array.unsettled) or (wanted.replace_failed and array.rebuildable)
    if awaited and array.array_state == "read-auto":
        builder.make_writable(array.node)
        _mark_written(builder, array)
    _check_checkable(builder, wanted, array)
    if array.label or array.metadata != "1.0":
        builder.persist(wanted, array)
        return
    builder.warnings.append(
        f"array {wanted.name}: its superblocks are no longer at the end of its members, because these have grown; it runs until it is"
        " stopped. Shrink the members to their former size"
    )


def _thawed(builder: PlanBuilder, wanted: WantedArray, array: Array) -> Array:
    """Have md continue an array that a killed run left frozen; returns the array after this step.

    mdadm freezes an array while it adds members or grows it, and a killed mdadm leaves it frozen. A run that was killed before it grew an
    array leaves a pending resync that nothing begins.
    """
    still = array.sync_action == "frozen" or (array.resync_pending and array.array_state in ("clean", "active", "active-idle"))
    if not still or not (wanted.replace_failed or wanted.grow or wanted.wait == "sync"):
        return array
    builder.steps.append(Command(("tee", f"/sys/block/{array.kernel_name}/md/sync_action"), stdin="idle\n"))
    rest = "resync" if array.resync_pending else "idle"
    array = replace(array, sync_action="recover" if array.missing_slots else rest)
    builder.state = builder.state.with_changed_array(array)
    return array


def _mark_written(builder: PlanBuilder, array: Array) -> None:
    action = "resync" if array.resync_pending else "recover"
    builder.state = builder.state.with_changed_array(replace(array, array_state="active", sync_action=action))


def _check_checkable(builder: PlanBuilder, wanted: WantedArray, array: Array) -> None:
    """Refuse a consistency check of an array that is not whole and will not be whole at the time of the check."""
    if not wanted.check:
        return
    check_writable(wanted, array, "checked")
    why = ""
    if array.broken:
        why = "it is broken, it has lost more members than it can"
    elif len(array.free_slots) or any(member.faulty for member in array.members):
        current = [builder.state.devices[m.device].node for m in array.members if m.in_sync and m.device in builder.state.devices]
        why = f"it is degraded, only {', '.join(current)} of {array.raid_disks} hold current data"
    elif array.unsettled and wanted.wait != "sync":
        why = f"it is not in sync yet ({array.sync_action})"
    if why:
        refuse_check(wanted, why)


def _report_health(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> None:
    if array.broken:
        builder.warnings.append(
            f"array {wanted.name} is broken: it has lost more members than it can, and writes to it fail."
            " Stop it, bring its members back, and run this again"
        )
    sound = {member.device for member in array.members if not member.faulty}
    absent = [path for path in wanted.devices if path not in devices or devices[path].kernel_name not in sound]
    if array.degraded and (absent or not (wanted.replace_failed or wanted.grow)):
        names = ", ".join(absent) or "a member that is being rebuilt"
        current = array.raid_disks - array.degraded
        builder.warnings.append(f"array {wanted.name} is degraded: {current} of {array.raid_disks} members are current; without {names}")
    unused = [path for path in wanted.spares if path not in devices or devices[path].kernel_name not in sound]
    if unused:
        builder.warnings.append(f"array {wanted.name} runs without the spares {', '.join(unused)}")
