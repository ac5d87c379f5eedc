# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an array that does not run: assemble it, complete it, or create it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from ..._core.errors import RefusedError
from ..._core.plan import Operation
from ..checks.devices import can_heal, check_free, refuse_check
from ..checks.domains import check_real_domains
from ..checks.identity import check_same
from ..checks.journal import journals_of
from ..model.array import Array, Member
from ..model.block_device import BlockDevice, Superblock, shown_uuid
from ..model.identify import bears_name
from ..model.layout import decode, survives, usable_size
from ..model.levels import level_of
from ..model.survivor import Survivor
from ..model.wanted import WantedArray
from ..recovery.failed_writes import Origin, awaited, holds, origin
from .builder import PlanBuilder
from .create import create, start
from .heal import plan_healing
from .resize import larger
from .stripe import as_stripe, is_turned

_SECTOR = 512


@dataclass(frozen=True)
class _OnDisk:
    """The superblocks of the wanted array on the wanted devices, by path."""

    ours: Dict[str, Superblock]
    newest: Superblock
    noted: Tuple[Survivor, ...] = ()
    origin: Optional[Origin] = None

    @property
    def alike(self) -> Dict[str, Superblock]:
        """Members that md would accept: not failed, and with a current event count. Spares always count, because they hold no data."""
        newest = self.newest.events
        return {path: block for path, block in self.ours.items() if not block.faulty and (block.role is None or block.events + 1 >= newest)}

    @property
    def current(self) -> Dict[str, Superblock]:
        """The members from which the array is assembled."""
        return self.alike if self.origin is None else {path: self.ours[path] for path in self.origin.members}


def plan_assembly(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], collecting: Optional[Array]) -> None:
    """Assemble the array if it exists, complete it if its creation was interrupted, else create it.

    C(collecting) is the array if udev has begun to collect its members.

    :raises FleetlabError: a device cannot be used, or the array cannot be started without harm.
    """
    found = _on_disk(builder, wanted, devices)
    if found is None:
        if wanted.check and wanted.wait != "sync" and not wanted.assume_clean:
            refuse_check(wanted, "it is new and will not be in sync yet")
        create(builder, wanted, list(wanted.all_devices), collecting)
        return
    former = _before_growth(wanted, found)
    _check_undeclared(builder, former or wanted, devices, found)
    if former:
        # The array is grown when it runs.
        builder.deferred.append(wanted)
        wanted, devices = former, {path: device for path, device in devices.items() if path in former.all_devices}
        found = replace(found, ours={path: block for path, block in found.ours.items() if path in devices})
    rest = [path for path in wanted.all_devices if path not in found.ours]
    if rest and _never_started(builder, found):
        # The creation was killed between two members: nothing was ever written through the array, so there is nothing to lose.
        create(builder, wanted, rest, collecting)
    else:
        _assemble(builder, wanted, devices, found, collecting)


def _on_disk(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice]) -> Optional[_OnDisk]:
    ours: Dict[str, Superblock] = {}
    for path, device in devices.items():
        if device.superblock and bears_name(builder.state, wanted, device.superblock):
            ours[path] = device.superblock
    if not ours:
        return None
    if len({block.uuid for block in ours.values()}) > 1:
        text = ", ".join(f"{path} of {shown_uuid(block.uuid)}" for path, block in ours.items())
        raise RefusedError(
            wanted.subject,
            f"its devices carry superblocks of different arrays of this name: {text}",
            "Nothing was changed; name only the devices of one of these arrays. Only if nobody needs the data of the other, erase its"
            " superblocks with mdadm --zero-superblock",
        )
    found = _OnDisk(ours, max(ours.values(), key=lambda block: block.events))
    noted = builder.state.survivors(found.newest.uuid)
    if not holds(noted, ours.values()):
        return found
    return replace(found, noted=noted, origin=origin(noted, ours, {path: devices[path].identity for path in ours}))


def _check_undeclared(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], found: _OnDisk) -> None:
    named = {device.kernel_name for device in devices.values()}
    others = [device for device in builder.state.carriers(found.newest.uuid) if device.kernel_name not in named]
    extra = [device.node for device in others if device not in builder.state.journals(found.newest.uuid)]
    check_same(wanted, as_stripe(wanted, found.newest), extra)


def _before_growth(wanted: WantedArray, found: _OnDisk) -> Optional[WantedArray]:
    """The declaration without the devices that the array does not have yet; C(None) if a stopped array has nothing to grow."""
    block = as_stripe(wanted, found.newest)
    slots = {path: own.role for path, own in found.ours.items() if own.role is not None and own.role < block.raid_disks}
    mine = tuple(sorted((path for path in wanted.devices if path in slots), key=lambda path: slots[path] or 0))
    if not wanted.grow or block.raid_disks >= len(wanted.devices) or len(mine) != block.raid_disks:
        return wanted if is_turned(wanted, found.newest) else None
    return replace(wanted, devices=mine, layout=decode(block.level, block.layout), failure_domains=())


def _never_started(builder: PlanBuilder, found: _OnDisk) -> bool:
    """Whether the array was never started: a start counts the first event on all members. Without redundancy the journal decides."""
    if any(block.events for block in found.ours.values()):
        return False
    noted = builder.state.journal.creating if builder.state.journal else ()
    return level_of(found.newest.level).redundant or found.newest.uuid in noted


def _assemble(
    builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], found: _OnDisk, collecting: Optional[Array]
) -> None:
    _check_all_there(wanted, devices, found)
    slots = {block.role for block in found.current.values() if block.role is not None}
    turned = is_turned(wanted, found.newest)
    # A turned stripe has no parity member, which would have the last slot.
    missing = [slot for slot in range(found.newest.raid_disks - turned) if slot not in slots]
    if missing:
        _check_degraded(builder, wanted, devices, found, missing)
    if collecting:
        builder.stop(collecting)
    check_free(wanted, {path: builder.state.devices[devices[path].kernel_name] for path in found.current})
    journals = [device.node for device in journals_of(builder.state, wanted, found.newest)]
    _bring_last_writes(builder, wanted, devices, found)
    members = [devices[path].node for path in found.current]
    members += [node for node in journals if node not in members]
    sizes = [devices[path].size for path in found.current]
    size = usable_size(found.newest.level, found.newest.layout, sizes)
    modelled = _modelled(devices, found, [found.newest.raid_disks - 1] if turned else missing)
    grows = wanted.grow and not (missing or turned) and larger(builder, wanted, modelled) is not None
    # Writes that the only origin still lacks were never acknowledged. Its marks go, because md copies nothing from marked blocks.
    marked = bool(found.origin and len(found.current) == 1 and all(block.marked for block in found.current.values()))
    array = start(builder, wanted, modelled, members, size, ["--update=force-no-bbl"] if marked else [])
    builder.forget_survivors(array.uuid)
    if found.origin:
        builder.recovered.add(array.uuid)
    if grows:
        # Only a running array shows whether it is in sync, which is needed to plan its growth.
        builder.deferred.append(wanted)
    array = plan_healing(builder, wanted, {path: builder.state.devices[d.kernel_name] for path, d in devices.items()}, array)
    check_real_domains(wanted, devices, array)
    builder.persist(wanted, array)


def _check_all_there(wanted: WantedArray, devices: Dict[str, BlockDevice], found: _OnDisk) -> None:
    """Refuse to start an array that had lost all its members, while a member is missing that may have writes the others lack."""
    away = awaited(found.noted, [devices[path].identity for path in found.ours])
    if away and not wanted.run_degraded:
        raise RefusedError(
            wanted.subject,
            f"before it was stopped, writes failed on the members that are present; {', '.join(away)}, which may have them, is missing",
            "Nothing was changed; bring it back, or set run_degraded to start without it and without these writes",
        )


def _bring_last_writes(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], found: _OnDisk) -> None:
    """Before the start of an array that had lost all its members, complete the member that it starts from."""
    if found.origin is None:
        return
    members = ", ".join(found.origin.members)
    text = f"array {wanted.name} had lost all its members during writes, and starts from {members}"
    if found.origin.gaps:
        gaps = [[gap.first, gap.size, [[devices[path].node, first] for path, first in gap.others]] for gap in found.origin.gaps]
        device, slot = devices[found.origin.members[0]].node, found.ours[found.origin.members[0]].role
        uuid = shown_uuid(found.newest.uuid)
        builder.steps.append(Operation("complete_member", {"device": device, "uuid": uuid, "slot": slot, "gaps": gaps}))
        size = sum(gap.size for gap in found.origin.gaps) * _SECTOR
        text += f", which gets from the other members what they have of the {size} bytes whose writes failed on it"
    builder.warnings.append(text)


def _modelled(devices: Dict[str, BlockDevice], found: _OnDisk, missing: Sequence[int]) -> Array:
    """The array after its start, by its superblocks."""
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
        component_size=newest.component_size,
    )


def _check_degraded(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], found: _OnDisk, missing: List[int]) -> None:
    """Refuse a start without all members, unless the level and the task allow it."""
    reasons = []
    for path in wanted.devices:
        if path in found.current:
            continue
        if path not in devices:
            reasons.append(f"{path} does not exist")
        elif found.origin:
            reasons.append(f"{path} may lack its last writes")
        elif path in found.ours:
            reasons.append(f"{path} is out of date or failed (event count {found.ours[path].events}, newest {found.newest.events})")
        else:
            reasons.append(f"{path} is not a member of it")
    newest = found.newest
    have = newest.raid_disks - len(missing)
    problem = f"only {have} of its {newest.raid_disks} members can be started: {'; '.join(reasons)}"
    if not survives(newest.level, newest.layout, newest.raid_disks, missing):
        raise RefusedError(wanted.subject, problem, "Nothing was changed; these are too few to start it: bring the other members back")
    if can_heal(wanted, devices):
        return
    if not wanted.run_degraded:
        raise RefusedError(
            wanted.subject, problem, "Nothing was changed; bring the other members back, or set run_degraded to start it without them"
        )
    builder.warnings.append(f"array {wanted.name} is started degraded: {problem}")
