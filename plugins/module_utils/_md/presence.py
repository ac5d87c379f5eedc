# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an array that shall be present: leave it, assemble it, or create it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence

from .._core.errors import RefusedError
from .._core.plan import Command
from .checks import check_domains, resolve, use_of
from .create import create, start
from .draft import Draft
from .grow import plan_growth
from .heal import can_heal, plan_healing
from .identify import bears_name, check_same, running
from .layout import survives, usable_size
from .spares import plan_spares, surplus_spares
from .state import Array, BlockDevice, Member, Superblock, shown_uuid
from .wanted import Wanted


def plan_presence(draft: Draft, wanted: Wanted) -> None:
    """Add to the draft what makes the array present.

    :raises FleetlabError: the declaration can not be carried out without harm.
    """
    check_domains(wanted)
    if _members_unread(draft, wanted):
        draft.deferred.append(wanted)
        return
    devices = resolve(draft.state, wanted)
    if wanted.overwrite:
        _release(draft, wanted, devices)
        devices = resolve(draft.state, wanted)
    array = running(draft.state, wanted, devices)
    if array and array.active:
        _keep(draft, wanted, devices, array)
    else:
        _from_disk(draft, wanted, devices, array)


def _refuse_check(wanted: Wanted, why: str) -> None:
    raise RefusedError(
        f"array {wanted.name}",
        f"it can not be checked: {why}",
        "Nothing was changed; bring its members back (replace_failed) and wait for them (wait: sync) first",
    )


def _release(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice]) -> None:
    """Take the devices from foreign arrays that udev began to collect from old superblocks and never could start."""
    names = {device.kernel_name for device in devices.values()}
    for array in draft.state.arrays:
        if not array.active and names & set(array.devices) and not bears_name(draft.state, wanted, array):
            draft.stop(array)


def _members_unread(draft: Draft, wanted: Wanted) -> bool:
    """Whether members are arrays that only this plan assembles: what they hold can not be known before."""
    later = {path for one in draft.deferred for path in one.spellings}
    return any(path in later or draft.state.paths.get(path) in draft.unread for path in wanted.all_devices)


def _keep(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> None:
    named = {device.kernel_name for device in devices.values()}
    leaving = {member.device for member in array.members if member.faulty and wanted.replace_failed}
    leaving |= {member.device for member in surplus_spares(devices, array)}
    strangers = [name for name in array.devices if name not in named | leaving and name in draft.state.devices]
    array = _thawed(draft, wanted, array)
    array = plan_growth(draft, wanted, devices, array)
    check_same(wanted, array, [draft.state.devices[name].node for name in strangers])
    array = plan_healing(draft, wanted, devices, array)
    array = plan_spares(draft, wanted, devices, array)
    _report_health(draft, wanted, devices, array)
    if draft.unmark(array.kernel_name):
        draft.run("udevadm", "trigger", "--action=change", f"/sys/block/{array.kernel_name}")
        draft.settle()
    if wanted.wait == "sync" and array.array_state == "read-auto" and array.unsettled:
        draft.run("mdadm", "--readwrite", array.node)
        _mark_written(draft, array)
    _check_checkable(draft, wanted, array)
    draft.persist(wanted, array)


def _thawed(draft: Draft, wanted: Wanted, array: Array) -> Array:
    """mdadm holds an array still while it adds members or grows it, and leaves it so when it is killed."""
    if array.sync_action != "frozen" or not (wanted.replace_failed or wanted.grow or wanted.wait == "sync"):
        return array
    draft.steps.append(Command(("tee", f"/sys/block/{array.kernel_name}/md/sync_action"), stdin="idle\n"))
    array = replace(array, sync_action="recover" if array.missing_slots else "idle")
    draft.state = draft.state.with_changed_array(array)
    return array


def _mark_written(draft: Draft, array: Array) -> None:
    action = "resync" if array.resync_pending else "recover"
    draft.state = draft.state.with_changed_array(replace(array, array_state="active", sync_action=action))


def _check_checkable(draft: Draft, wanted: Wanted, array: Array) -> None:
    """Refuse a consistency check of an array that is not whole, and will not be when it is checked."""
    if not wanted.check:
        return
    why = ""
    if len(array.free_slots) or any(member.faulty for member in array.members):
        current = [draft.state.devices[m.device].node for m in array.members if m.in_sync and m.device in draft.state.devices]
        why = f"it is degraded, only {', '.join(current)} of {array.raid_disks} hold current data"
    elif array.unsettled and wanted.wait != "sync":
        why = f"it is not in sync yet ({array.sync_action})"
    if why:
        _refuse_check(wanted, why)


def _report_health(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> None:
    sound = {member.device for member in array.members if not member.faulty}
    absent = [path for path in wanted.devices if path not in devices or devices[path].kernel_name not in sound]
    if array.degraded and (absent or not (wanted.replace_failed or wanted.grow)):
        names = ", ".join(absent) or "a member that is being rebuilt"
        current = array.raid_disks - array.degraded
        draft.warnings.append(f"array {wanted.name} is degraded: {current} of {array.raid_disks} members are current; without {names}")
    unused = [path for path in wanted.spares if path not in devices or devices[path].kernel_name not in sound]
    if unused:
        draft.warnings.append(f"array {wanted.name} runs without the spares {', '.join(unused)}")


@dataclass(frozen=True)
class _OnDisk:
    """What the wanted devices carry of the wanted array, by path."""

    ours: Dict[str, Superblock]
    newest: Superblock

    @property
    def current(self) -> Dict[str, Superblock]:
        """Members that md would take: not failed, and not left behind by the others. Spares hold no data that could be old."""
        newest = self.newest.events
        return {path: block for path, block in self.ours.items() if not block.faulty and (block.role is None or block.events + 1 >= newest)}


def _from_disk(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], collecting: Optional[Array]) -> None:
    """The array does not run: assemble it if it exists, complete it if its creation was cut short, else create it."""
    found = _on_disk(draft, wanted, devices)
    if found is None:
        if wanted.check and wanted.wait != "sync" and not wanted.assume_clean:
            _refuse_check(wanted, "it is new and will not be in sync yet")
        create(draft, wanted, list(wanted.all_devices), collecting)
        return
    _check_strangers(draft, wanted, devices, found)
    rest = [path for path in wanted.all_devices if path not in found.ours]
    if rest and _never_started(draft, found):
        # The creation was killed between two members: nothing was ever written through the array, so there is nothing to lose.
        create(draft, wanted, rest, collecting)
    else:
        _assemble(draft, wanted, devices, found, collecting)


def _on_disk(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice]) -> Optional[_OnDisk]:
    ours: Dict[str, Superblock] = {}
    for path, device in devices.items():
        if device.superblock and bears_name(draft.state, wanted, device.superblock):
            ours[path] = device.superblock
    if not ours:
        return None
    if len({block.uuid for block in ours.values()}) > 1:
        text = ", ".join(f"{path} of {shown_uuid(block.uuid)}" for path, block in ours.items())
        raise RefusedError(
            f"array {wanted.name}",
            f"its devices carry superblocks of different arrays of this name: {text}",
            "Erase the superblocks of the wrong one with mdadm --zero-superblock",
        )
    return _OnDisk(ours, max(ours.values(), key=lambda block: block.events))


def _check_strangers(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], found: _OnDisk) -> None:
    named = {device.kernel_name for device in devices.values()}
    extra = [device.node for device in draft.state.carriers(found.newest.uuid) if device.kernel_name not in named]
    check_same(wanted, found.newest, extra)


def _never_started(draft: Draft, found: _OnDisk) -> bool:
    """Starting an array counts its first event on every member; only raid0 never counts, there the note of the killed run decides."""
    if any(block.events for block in found.ours.values()):
        return False
    noted = draft.state.journal.creating if draft.state.journal else ()
    return found.newest.level != "raid0" or found.newest.uuid in noted


def _assemble(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], found: _OnDisk, collecting: Optional[Array]) -> None:
    slots = {block.role for block in found.current.values() if block.role is not None}
    missing = [slot for slot in range(found.newest.raid_disks) if slot not in slots]
    if missing:
        _check_degraded(draft, wanted, devices, found, missing)
    if collecting:
        draft.stop(collecting)
    in_use = {path: use_of(draft.state.devices[devices[path].kernel_name]) for path in found.current}
    problems = [f"{path} {' and '.join(reasons)}" for path, reasons in in_use.items() if reasons]
    if problems:
        raise RefusedError(f"array {wanted.name}", "; ".join(problems), "Free the members, so that the array can be assembled")
    members = [devices[path].node for path in found.current]
    sizes = [devices[path].size for path in found.current]
    size = usable_size(found.newest.level, found.newest.layout, sizes)
    array = start(draft, wanted, _modelled(devices, found, missing), members, size)
    draft.persist(wanted, plan_healing(draft, wanted, {path: draft.state.devices[d.kernel_name] for path, d in devices.items()}, array))


def _modelled(devices: Dict[str, BlockDevice], found: _OnDisk, missing: Sequence[int]) -> Array:
    """The array as its superblocks say it will be."""
    newest = found.newest
    return Array(
        kernel_name="",
        uuid=newest.uuid,
        label=newest.label,
        level=newest.level,
        layout=newest.layout,
        chunk=newest.chunk,
        raid_disks=newest.raid_disks,
        metadata=newest.version,
        active=True,
        array_state="clean",
        members=tuple(Member(devices[path].kernel_name, block.role) for path, block in found.current.items()),
        degraded=len(missing),
        bitmap="internal" if newest.bitmap else "none",
    )


def _check_degraded(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], found: _OnDisk, missing: List[int]) -> None:
    """Refuse a start without all members unless the task allows it and the level can bear it."""
    reasons = []
    for path in wanted.devices:
        if path in found.current:
            continue
        if path not in devices:
            reasons.append(f"{path} does not exist")
        elif path in found.ours:
            reasons.append(f"{path} is out of date or failed (event count {found.ours[path].events}, newest {found.newest.events})")
        else:
            reasons.append(f"{path} is not a member of it")
    newest = found.newest
    have = newest.raid_disks - len(missing)
    problem = f"only {have} of its {newest.raid_disks} members can be started: {'; '.join(reasons)}"
    if not survives(newest.level, newest.layout, newest.raid_disks, missing):
        raise RefusedError(f"array {wanted.name}", problem, "These are not enough to start it; bring the others back")
    if can_heal(wanted, devices):
        return
    if not wanted.run_degraded:
        raise RefusedError(f"array {wanted.name}", problem, "Bring the others back, or set run_degraded to start it without them")
    draft.warnings.append(f"array {wanted.name} is started degraded: {problem}")
