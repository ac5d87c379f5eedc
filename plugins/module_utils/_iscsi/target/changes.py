# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a target to remove, and its wanted values: the sets that L(plan) turns into steps. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Iterable, Mapping, Optional, Tuple

from ..names import Portal
from .state import Acl, Backstore, Key, MappedLun, State, Target, Wanted, WantedAcl, WantedLun, derived_serial


@dataclass(frozen=True)
class Removals:
    """The parts to remove. The removal of a LUN also removes its mappings, which are not listed here."""

    portals: Tuple[Portal, ...] = ()
    luns: Tuple[int, ...] = ()
    acls: Tuple[str, ...] = ()
    mappings: Tuple[Tuple[str, int], ...] = ()
    backstores: Tuple[Key, ...] = ()


def current_target(state: State, wanted: Wanted) -> Target:
    """The running target; if none runs, an empty and disabled target."""
    return state.targets.get(wanted.iqn, Target(wanted.iqn, has_group=False))


def resolved(state: State, wanted: Wanted) -> Wanted:
    """The wanted target, with the portals and the authentication of a running target in place of omitted options.

    A target that is not enabled yet, such as that of a killed run, gets the values of a new target.
    """
    target = current_target(state, wanted)
    if wanted.state != "present" or not target.enabled:
        return wanted
    kept = set()
    if wanted.keeps_authentication:
        # Without ACLs in the task, nobody has asked to let only these in either.
        kept = {"authentication"} if wanted.acls is not None else {"authentication", "generate_node_acls"}
    return replace(
        wanted,
        portals=tuple(sorted(target.portals)) if wanted.keeps_portals and target.portals else wanted.portals,
        attributes={name: value for name, value in wanted.attributes.items() if name not in kept},
    )


def whole_target(state: State, wanted: Wanted, removals: Removals) -> Wanted:
    """The wanted target with all other portals and LUNs that it has after the plan, running or only saved, in the order of the LUNs."""
    target, saved = current_target(state, wanted), saved_target(state, wanted)
    luns = {number: _as_wanted(number, state.backstores.get(key)) for number, key in target.luns.items() if key is not None}
    if not (wanted.exclusive and wanted.luns is not None):
        for number, key in saved.luns.items():
            if number not in target.luns and key is not None:
                luns[number] = _as_wanted(number, state.saved.backstores.get(key))
    luns = {number: lun for number, lun in luns.items() if number not in removals.luns}
    luns.update(wanted.lun_numbers)
    portals = {*target.portals, *wanted.portals} - set(removals.portals)
    return replace(
        wanted,
        luns=tuple(lun for _number, lun in sorted(luns.items()) if lun is not None),
        portals=tuple(sorted(portals)),
    )


def _as_wanted(number: int, backstore: Optional[Backstore]) -> Optional[WantedLun]:
    return WantedLun(number, backstore.plugin, backstore.name, backstore.path) if backstore else None


def saved_target(state: State, wanted: Wanted) -> Target:
    """The saved target; if none is saved, an empty and disabled target."""
    return state.saved.targets.get(wanted.iqn, Target(wanted.iqn, has_group=False))


def mapped_numbers(wanted: Wanted, acl: WantedAcl, target: Target) -> Tuple[int, ...]:
    """The numbers of the LUNs to map to an initiator: the list of its ACL, else all declared LUNs, else all LUNs of the target."""
    if acl.luns is not None:
        return acl.luns
    if wanted.luns is not None:
        return tuple(sorted(wanted.lun_numbers))
    return tuple(sorted(number for number, key in target.luns.items() if key is not None))


def is_exact(wanted: Wanted, acl: WantedAcl) -> bool:
    """Whether other mappings of an initiator are removed: its ACL lists LUNs, or the task is exclusive."""
    return wanted.exclusive or acl.luns is not None


def find_removals(state: State, wanted: Wanted) -> Removals:
    """The parts to remove from a target that stays."""
    target = current_target(state, wanted)
    luns = tuple(number for number, key in sorted(target.luns.items()) if _lun_goes(wanted, number, key))
    return Removals(
        portals=tuple(sorted(portal for portal in target.portals if portal not in wanted.portals)) if wanted.exclusive else (),
        luns=luns,
        acls=tuple(name for name in sorted(target.acls) if acl_goes(wanted, name)),
        mappings=tuple(
            (acl.initiator, mapped.index)
            for acl in wanted.acls or ()
            if acl.initiator in target.acls
            for mapped in target.acls[acl.initiator].mapped
            if mapped.lun not in luns and _mapping_goes(wanted, acl, mapped, mapped_numbers(wanted, acl, target))
        ),
        backstores=_backstores_to_remove(state, wanted, luns),
    )


def acl_goes(wanted: Wanted, initiator: str) -> bool:
    """Whether an existing ACL is removed: its initiator is lost, or the task is exclusive and does not declare it."""
    if initiator in wanted.lost_initiators:
        return True
    return wanted.exclusive and wanted.acls is not None and initiator not in [acl.initiator for acl in wanted.acls]


def _lun_goes(wanted: Wanted, number: int, key: object) -> bool:
    declared = wanted.lun_numbers.get(number)
    if declared is not None:
        # An interrupted run leaves a LUN without a backstore.
        return key != declared.key
    return wanted.exclusive and wanted.luns is not None


def _mapping_goes(wanted: Wanted, acl: WantedAcl, mapped: MappedLun, numbers: Tuple[int, ...]) -> bool:
    if mapped.index in numbers:
        return mapped.lun != mapped.index
    return is_exact(wanted, acl)


def _backstores_to_remove(state: State, wanted: Wanted, luns: Tuple[int, ...]) -> Tuple[Key, ...]:
    target, saved = current_target(state, wanted), saved_target(state, wanted)
    declared = [lun.key for lun in wanted.luns or ()]
    gone = [key for number, key in sorted(target.luns.items()) if number in luns and key is not None]
    if wanted.exclusive and wanted.luns is not None:
        # The saved entry still names the backstores whose LUNs an interrupted run removed.
        gone += [key for _number, key in sorted(saved.luns.items()) if key is not None and key not in target.luns.values()]
    unfinished = [key for key in declared if key in state.backstores and not state.backstores[key].configured]
    return unique([key for key in gone if key not in declared and is_only_ours(state, wanted.iqn, key)] + unfinished)


def unique(keys: Iterable[Key]) -> Tuple[Key, ...]:
    """Without repetition, in order."""
    return tuple(dict.fromkeys(keys))


def is_only_ours(state: State, iqn: str, key: Key) -> bool:
    """Whether a backstore exists, and no other target, running or saved, needs it."""
    others = [name for name in state.exporters(key) if name != iqn]
    return key in state.backstores and not others and not state.saved.exported_elsewhere(iqn, key)


def usable(state: State, key: Key) -> Optional[Backstore]:
    """The running backstore if its creation was completed, else None."""
    backstore = state.backstores.get(key)
    return backstore if backstore is not None and backstore.configured else None


def serial_for(state: State, wanted: Wanted, lun: WantedLun) -> str:
    """The wanted serial of a LUN. A former serial for this name and path is kept, because initiators know the disk by it."""
    if lun.serial is not None:
        return lun.serial
    running, saved = usable(state, lun.key), state.saved.backstores.get(lun.key)
    if running is not None and running.serial:
        return running.serial
    if saved is not None and saved.path == lun.path and saved.serial:
        return saved.serial
    return derived_serial(wanted.iqn, lun.name)


def lun_attributes(state: State, lun: WantedLun) -> Dict[str, str]:
    """The wanted attributes of a LUN: the declared attributes, and whether the disk rotates, because md has to know that."""
    rotational = state.paths[lun.path].rotational
    honest = {} if rotational is None else {"is_nonrot": "0" if rotational else "1"}
    return {**honest, **lun.attributes}


def remaining_mappings(acl: Acl, removals: Removals) -> Mapping[int, MappedLun]:
    """The mappings of an initiator that stay."""
    return {
        mapped.index: mapped
        for mapped in acl.mapped
        if mapped.lun not in removals.luns and (acl.initiator, mapped.index) not in removals.mappings
    }
