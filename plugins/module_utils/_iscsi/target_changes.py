# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a target does not belong, and what is missing: the sets that L(target_plan) turns into steps. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, Mapping, Optional, Tuple

from .names import Portal
from .target_saved import exported_elsewhere
from .target_state import Acl, Backstore, Key, MappedLun, System, Target, Wanted, WantedAcl, WantedLun, derived_serial


@dataclass(frozen=True)
class Removals:
    """What goes. Removing a LUN removes its mappings too: they are not listed again."""

    portals: Tuple[Portal, ...] = ()
    luns: Tuple[int, ...] = ()
    acls: Tuple[str, ...] = ()
    mappings: Tuple[Tuple[str, int], ...] = ()
    backstores: Tuple[Key, ...] = ()


def current_target(system: System, wanted: Wanted) -> Target:
    """The target as it runs; an empty, disabled one where there is none."""
    return system.targets.get(wanted.iqn, Target(wanted.iqn, has_group=False))


def saved_target(system: System, wanted: Wanted) -> Target:
    """The target as it is saved, likewise."""
    return system.saved.targets.get(wanted.iqn, Target(wanted.iqn, has_group=False))


def mapped_numbers(wanted: Wanted, acl: WantedAcl, target: Target) -> Tuple[int, ...]:
    """The LUNs an initiator shall see: those it is given, else all that are declared, else all there are."""
    if acl.luns is not None:
        return acl.luns
    if wanted.luns is not None:
        return tuple(sorted(wanted.lun_numbers))
    return tuple(sorted(number for number, key in target.luns.items() if key is not None))


def is_exact(wanted: Wanted, acl: WantedAcl) -> bool:
    """Whether other mappings of an initiator go: its list is given, or the target is this task's alone."""
    return wanted.exclusive or acl.luns is not None


def find_removals(system: System, wanted: Wanted) -> Removals:
    """What of a target that stays has to go."""
    target = current_target(system, wanted)
    luns = tuple(number for number, key in sorted(target.luns.items()) if _lun_goes(wanted, number, key))
    acls = tuple(sorted(target.acls)) if wanted.exclusive and wanted.acls is not None else ()
    acls = tuple(name for name in acls if name not in [acl.initiator for acl in wanted.acls or ()])
    return Removals(
        portals=tuple(sorted(portal for portal in target.portals if portal not in wanted.portals)) if wanted.exclusive else (),
        luns=luns,
        acls=acls,
        mappings=tuple(
            (acl.initiator, mapped.index)
            for acl in wanted.acls or ()
            if acl.initiator in target.acls
            for mapped in target.acls[acl.initiator].mapped
            if mapped.lun not in luns and _mapping_goes(wanted, acl, mapped, mapped_numbers(wanted, acl, target))
        ),
        backstores=_backstores_to_remove(system, wanted, luns),
    )


def _lun_goes(wanted: Wanted, number: int, key: object) -> bool:
    declared = wanted.lun_numbers.get(number)
    if declared is not None:
        # One without a backstore is what an interrupted run leaves.
        return key != declared.key
    return wanted.exclusive and wanted.luns is not None


def _mapping_goes(wanted: Wanted, acl: WantedAcl, mapped: MappedLun, numbers: Tuple[int, ...]) -> bool:
    if mapped.index in numbers:
        return mapped.lun != mapped.index
    return is_exact(wanted, acl)


def _backstores_to_remove(system: System, wanted: Wanted, luns: Tuple[int, ...]) -> Tuple[Key, ...]:
    target, saved = current_target(system, wanted), saved_target(system, wanted)
    declared = [lun.key for lun in wanted.luns or ()]
    gone = [key for number, key in sorted(target.luns.items()) if number in luns and key is not None]
    if wanted.exclusive and wanted.luns is not None:
        # The saved entry still names what an interrupted run had taken off the target and not yet removed.
        gone += [key for _number, key in sorted(saved.luns.items()) if key is not None and key not in target.luns.values()]
    unfinished = [key for key in declared if key in system.backstores and not system.backstores[key].configured]
    return unique([key for key in gone if key not in declared and is_only_ours(system, wanted.iqn, key)] + unfinished)


def unique(keys: Iterable[Key]) -> Tuple[Key, ...]:
    """Without repetition, in order."""
    return tuple(dict.fromkeys(keys))


def is_only_ours(system: System, iqn: str, key: Key) -> bool:
    """Whether a backstore runs and no other target, running or saved, needs it."""
    others = [name for name in system.exporters(key) if name != iqn]
    return key in system.backstores and not others and not exported_elsewhere(system.saved, iqn, key)


def usable(system: System, key: Key) -> Optional[Backstore]:
    """A backstore that runs and was made to its end."""
    backstore = system.backstores.get(key)
    return backstore if backstore is not None and backstore.configured else None


def serial_for(system: System, wanted: Wanted, lun: WantedLun) -> str:
    """The serial a LUN shall have. One it ever had under this name and path is kept: initiators know the disk by it."""
    if lun.serial is not None:
        return lun.serial
    running, saved = usable(system, lun.key), system.saved.backstores.get(lun.key)
    if running is not None and running.serial:
        return running.serial
    if saved is not None and saved.path == lun.path and saved.serial:
        return saved.serial
    return derived_serial(wanted.iqn, lun.name)


def lun_attributes(system: System, lun: WantedLun) -> Dict[str, str]:
    """The attributes a LUN shall have: as declared; and whether a disk rotates, md wants to know truly."""
    rotational = system.paths[lun.path].rotational
    honest = {} if rotational is None else {"is_nonrot": "0" if rotational else "1"}
    return {**honest, **lun.attributes}


def remaining_mappings(acl: Acl, removals: Removals) -> Mapping[int, MappedLun]:
    """The mappings of an initiator that stay."""
    return {
        mapped.index: mapped
        for mapped in acl.mapped
        if mapped.lun not in removals.luns and (acl.initiator, mapped.index) not in removals.mappings
    }
