# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the saved file have the wanted target? And the arguments of the operation that saves it. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from .changes import (
    Removals,
    acl_goes,
    current_target,
    is_exact,
    is_only_ours,
    lun_attributes,
    mapped_numbers,
    saved_target,
    serial_for,
    unique,
)
from .state import Key, State, Target, Wanted, WantedAcl, WantedLun

FOLLOW = "-1"
"""The value of an ACL's authentication attribute that leaves the decision to the target's attribute."""


def own_backstores(state: State, wanted: Wanted) -> Tuple[Key, ...]:
    """The running backstores that only this target uses."""
    return tuple(key for key in _all_backstores(state, wanted) if is_only_ours(state, wanted.iqn, key))


def _all_backstores(state: State, wanted: Wanted) -> Tuple[Key, ...]:
    luns = [*current_target(state, wanted).luns.values(), *saved_target(state, wanted).luns.values()]
    return unique(key for key in luns if key is not None)


def forget_arguments(state: State, wanted: Wanted) -> Dict[str, Any]:
    """The arguments that remove a target from the saved file, with the backstores that only this target used."""
    iqn = wanted.iqn
    forget = [
        key
        for key in _all_backstores(state, wanted)
        if is_only_ours(state, iqn, key) or (key not in state.backstores and not state.saved.exported_elsewhere(iqn, key))
    ]
    return _arguments(state, wanted, forget=[f"{plugin}/{name}" for plugin, name in forget])


def _arguments(state: State, wanted: Wanted, **more: Any) -> Dict[str, Any]:
    return {"path": state.saved.path, "iqn": wanted.iqn, **{name: value for name, value in more.items() if value}}


def save_arguments(state: State, wanted: Wanted, removals: Removals) -> Dict[str, Any]:
    """The arguments that save a target; its entry keeps objects that do not run now, such as a LUN whose disk is missing."""
    target, saved = current_target(state, wanted), saved_target(state, wanted)
    declared = [acl.initiator for acl in wanted.acls or ()]
    keep_luns: List[int] = []
    if not (wanted.exclusive and wanted.luns is not None):
        keep_luns = [number for number in saved.luns if number not in target.luns and number not in wanted.lun_numbers]
    unwanted = [portal for portal in saved.portals if portal not in target.portals and portal not in wanted.portals]
    forget = [key for key in saved.luns.values() if key is not None and not keep_luns and _is_forgotten(state, wanted, removals, key)]
    return _arguments(
        state,
        wanted,
        keep_luns=keep_luns,
        keep_acls=[name for name in saved.acls if name not in target.acls and name not in declared and not acl_goes(wanted, name)],
        keep_portals=[] if wanted.exclusive else [saved.portals[portal] for portal in unwanted],
        exact_acls=[acl.initiator for acl in wanted.acls or () if is_exact(wanted, acl)],
        forget=[f"{plugin}/{name}" for plugin, name in unique([*forget, *_removed_for_good(wanted, removals)])],
    )


def _removed_for_good(wanted: Wanted, removals: Removals) -> List[Key]:
    declared = [lun.key for lun in wanted.luns or ()]
    return [key for key in removals.backstores if key not in declared]


def _is_forgotten(state: State, wanted: Wanted, removals: Removals, key: Key) -> bool:
    declared = [lun.key for lun in wanted.luns or ()]
    gone = wanted.exclusive and wanted.luns is not None and (key not in state.backstores or key in removals.backstores)
    return gone and key not in declared and not state.saved.exported_elsewhere(wanted.iqn, key)


def is_saved(state: State, wanted: Wanted) -> bool:
    """Whether the saved file has all declared objects, with C(exclusive) no others, and no ACL of an initiator that is lost."""
    saved = state.saved.targets.get(wanted.iqn)
    return (
        saved is not None
        and state.saved.private
        and saved.enabled
        and all(saved.attributes.get(name) == value for name, value in wanted.attributes.items())
        and _portals_are_saved(wanted, saved)
        and all(_lun_is_saved(state, wanted, saved, lun) for lun in wanted.luns or ())
        and all(_acl_is_saved(state, wanted, saved, acl) for acl in wanted.acls or ())
        and _nothing_else_is_saved(wanted, saved)
    )


def _portals_are_saved(wanted: Wanted, saved: Target) -> bool:
    return set(wanted.portals) == set(saved.portals) if wanted.exclusive else set(wanted.portals) <= set(saved.portals)


def _lun_is_saved(state: State, wanted: Wanted, saved: Target, lun: WantedLun) -> bool:
    backstore = state.saved.backstores.get(lun.key)
    return (
        saved.luns.get(lun.number) == lun.key
        and backstore is not None
        and (backstore.path, backstore.serial) == (lun.path, serial_for(state, wanted, lun))
        and all(backstore.attributes.get(name) == value for name, value in lun_attributes(state, lun).items())
    )


def _acl_is_saved(state: State, wanted: Wanted, saved: Target, acl: WantedAcl) -> bool:
    stored, numbers = saved.acls.get(acl.initiator), mapped_numbers(wanted, acl, current_target(state, wanted))
    if stored is None or stored.chap != acl.chap or stored.authentication not in (None, FOLLOW):
        return False
    mapped = {entry.index: entry for entry in stored.mapped}
    right = all(number in mapped and mapped[number].lun == number and not mapped[number].write_protect for number in numbers)
    right = right and all(stored.attributes.get(name) == value for name, value in acl.attributes.items())
    return right and (not is_exact(wanted, acl) or set(mapped) == set(numbers))


def _nothing_else_is_saved(wanted: Wanted, saved: Target) -> bool:
    luns = not wanted.exclusive or wanted.luns is None or set(saved.luns) == set(wanted.lun_numbers)
    return luns and not any(acl_goes(wanted, name) for name in saved.acls)
