# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what is and what shall be into steps. Pure.

A new target is built while it is disabled and enabled last, so that it never serves without its access control; a
running one is never disabled. Saving for boot comes at the end.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

from .._core.plan import Command, Operation, Plan, RemoveFile, Step, WriteFile
from .names import Chap
from .target_boot import drop_in_content, drop_in_folder, drop_in_path
from .target_changes import (
    Removals,
    current_target,
    find_removals,
    is_exact,
    is_only_ours,
    lun_attributes,
    mapped_numbers,
    remaining_mappings,
    saved_target,
    serial_for,
    unique,
    usable,
)
from .target_refuse import refuse, refuse_removal
from .target_state import Acl, System, Target, Wanted, WantedAcl, WantedLun
from .target_view import absent_view, current_view, wanted_view

_FOLLOW = "-1"
"""The value of an ACL's authentication attribute that leaves the decision to the target's."""


def plan(system: System, wanted: Wanted) -> Plan:
    """The steps from one to the other.

    :raises RefusedError: see L(target_refuse).
    :raises InputError: likewise.
    """
    refuse(system, wanted)
    if wanted.state == "absent":
        before = {**current_view(system, wanted), "saved": wanted.iqn in system.saved.targets}
        return Plan(wanted.iqn, before, absent_view(), tuple(_absent_steps(system, wanted)), wanted.secrets)
    removals = find_removals(system, wanted)
    target = current_target(system, wanted)
    refuse_removal(target, wanted, removals.luns, removals.acls, removals.mappings)
    steps = [*_running_steps(system, wanted, target, removals)]
    steps += _boot_steps(system, wanted, removals, bool(steps))
    before = {**current_view(system, wanted), "saved": is_saved(system, wanted)}
    return Plan(wanted.iqn, before, wanted_view(system, wanted, removals), tuple(steps), wanted.secrets)


def _running_steps(system: System, wanted: Wanted, target: Target, removals: Removals) -> Iterator[Step]:
    yield from _target_steps(system, wanted, target)
    yield from _removal_steps(wanted, removals)
    for lun in wanted.luns or ():
        yield from _backstore_steps(system, wanted, lun)
    for lun in wanted.luns or ():
        if lun.number not in target.luns or lun.number in removals.luns:
            yield Operation("add_lun", {"iqn": wanted.iqn, "lun": lun.number, "plugin": lun.plugin, "name": lun.name})
    for portal in wanted.portals:
        if portal not in target.portals:
            yield Operation("add_portal", {"iqn": wanted.iqn, "portal": str(portal)})
    for acl in wanted.acls or ():
        yield from _acl_steps(wanted, acl, target, removals)
    if not target.enabled:
        yield Operation("enable_target", {"iqn": wanted.iqn})


def _target_steps(system: System, wanted: Wanted, target: Target) -> Iterator[Step]:
    if not system.kernel_ready:
        yield Command(("modprobe", "--all", "target_core_mod", "iscsi_target_mod"))
    if not target.has_group:
        yield Operation("create_target", {"iqn": wanted.iqn})
    for name, value in sorted(wanted.attributes.items()):
        if target.attributes.get(name) != value:
            yield Operation("set_target_attribute", {"iqn": wanted.iqn, "attribute": name, "value": value})


def _removal_steps(wanted: Wanted, removals: Removals) -> Iterator[Step]:
    iqn = wanted.iqn
    for portal in removals.portals:
        yield Operation("remove_portal", {"iqn": iqn, "portal": str(portal)})
    for initiator, index in removals.mappings:
        yield Operation("unmap_lun", {"iqn": iqn, "initiator": initiator, "lun": index})
    for initiator in removals.acls:
        yield Operation("remove_acl", {"iqn": iqn, "initiator": initiator})
    for number in removals.luns:
        yield Operation("remove_lun", {"iqn": iqn, "lun": number})
    for plugin, name in removals.backstores:
        yield Operation("remove_backstore", {"plugin": plugin, "name": name})


def _backstore_steps(system: System, wanted: Wanted, lun: WantedLun) -> Iterator[Step]:
    running, serial = usable(system, lun.key), serial_for(system, wanted, lun)
    which = {"plugin": lun.plugin, "name": lun.name}
    if running is None:
        facts = system.paths[lun.path]
        if facts.kind == "missing":
            yield Operation("create_file", {"path": lun.path, "size": lun.size})
        made: Dict[str, Any] = {**which, "path": lun.path, "serial": serial}
        if lun.plugin == "fileio":
            made.update(size=lun.size or facts.size, write_back=lun.write_back)
        yield Operation("create_backstore", made)
    else:
        if running.path != lun.path:
            yield Operation("set_backstore_path", {**which, "path": lun.path})
        if running.serial != serial:
            yield Operation("set_backstore_serial", {**which, "serial": serial})
    values = running.attributes if running is not None else {}
    for attribute, value in sorted(lun_attributes(system, lun).items()):
        if values.get(attribute) != value:
            yield Operation("set_backstore_attribute", {**which, "attribute": attribute, "value": value})


def _acl_steps(wanted: Wanted, acl: WantedAcl, target: Target, removals: Removals) -> Iterator[Step]:
    which = {"iqn": wanted.iqn, "initiator": acl.initiator}
    running = target.acls.get(acl.initiator)
    if running is None:
        yield Operation("add_acl", which)
        running = Acl(acl.initiator)
    if acl.chap != running.chap:
        yield Operation("set_chap", {**which, **_credentials(acl.chap)})
    if running.authentication not in (None, _FOLLOW):
        yield Operation("set_acl_attribute", {**which, "attribute": "authentication", "value": _FOLLOW})
    for attribute, value in sorted(acl.attributes.items()):
        if running.attributes.get(attribute) != value:
            yield Operation("set_acl_attribute", {**which, "attribute": attribute, "value": value})
    mapped = remaining_mappings(running, removals)
    for number in mapped_numbers(wanted, acl, target):
        if number not in mapped:
            yield Operation("map_lun", {**which, "lun": number})
        elif mapped[number].write_protect:
            yield Operation("allow_writes", {**which, "lun": number})


def _credentials(chap: Optional[Chap]) -> Dict[str, Optional[str]]:
    if chap is None:
        return {"username": None, "password": None, "mutual_username": None, "mutual_password": None}
    return {
        "username": chap.username,
        "password": chap.password,
        "mutual_username": chap.mutual_username,
        "mutual_password": chap.mutual_password,
    }


def _absent_steps(system: System, wanted: Wanted) -> List[Step]:
    target, saved = current_target(system, wanted), saved_target(system, wanted)
    steps: List[Step] = []
    if wanted.iqn in system.targets:
        steps.append(Operation("remove_target", {"iqn": wanted.iqn}))
    keys = unique([key for key in [*target.luns.values(), *saved.luns.values()] if key is not None])
    ours = [key for key in keys if is_only_ours(system, wanted.iqn, key)]
    steps += [Operation("remove_backstore", {"plugin": plugin, "name": name}) for plugin, name in ours]
    forget = [key for key in keys if key in ours or (key not in system.backstores and _is_saved_for_us(system, wanted, key))]
    if wanted.iqn in system.saved.targets:
        steps.append(Operation("save", _save_arguments(system, wanted, forget=[f"{plugin}/{name}" for plugin, name in forget])))
    if system.boot.drop_in is not None:
        steps.append(RemoveFile(drop_in_path(system.boot.unit, wanted.iqn)))
    return steps


def _is_saved_for_us(system: System, wanted: Wanted, key: Tuple[str, str]) -> bool:
    return not any(key in target.luns.values() for iqn, target in system.saved.targets.items() if iqn != wanted.iqn)


def _boot_steps(system: System, wanted: Wanted, removals: Removals, changes: bool) -> Iterator[Step]:
    if changes or not is_saved(system, wanted):
        yield Operation("save", _kept(system, wanted, removals))
    content = drop_in_content(wanted, system.boot.clear_fails)
    if wanted.luns is not None and content != system.boot.drop_in:
        yield from _drop_in_steps(system, wanted, content)
    if not system.boot.enabled:
        yield Command(("systemctl", "enable", system.boot.unit))


def _drop_in_steps(system: System, wanted: Wanted, content: Optional[str]) -> Iterator[Step]:
    # No daemon-reload, which takes seconds on a small machine, for what is of use at a boot only, and read there.
    path = drop_in_path(system.boot.unit, wanted.iqn)
    if content is None:
        yield RemoveFile(path)
    else:
        if not system.boot.folder_exists:
            yield Command(("mkdir", "--parents", drop_in_folder(system.boot.unit)))
        yield WriteFile(path, content)
        if system.boot.clear_fails:
            yield Command(("systemctl", "daemon-reload"))


def _save_arguments(system: System, wanted: Wanted, **more: Any) -> Dict[str, Any]:
    return {"path": system.saved.path, "iqn": wanted.iqn, **{name: value for name, value in more.items() if value}}


def _kept(system: System, wanted: Wanted, removals: Removals) -> Dict[str, Any]:
    """What the saved entry keeps although it does not run now: others' objects whose disk, say, is missing today."""
    target, saved = current_target(system, wanted), saved_target(system, wanted)
    declared = [acl.initiator for acl in wanted.acls or ()]
    keep_luns: List[int] = []
    keep_acls: List[str] = []
    if not (wanted.exclusive and wanted.luns is not None):
        keep_luns = [number for number in saved.luns if number not in target.luns and number not in wanted.lun_numbers]
    if not (wanted.exclusive and wanted.acls is not None):
        keep_acls = [name for name in saved.acls if name not in target.acls and name not in declared]
    unwanted = [portal for portal in saved.portals if portal not in target.portals and portal not in wanted.portals]
    forget = [key for key in saved.luns.values() if key is not None and not keep_luns and _is_forgotten(system, wanted, removals, key)]
    return _save_arguments(
        system,
        wanted,
        keep_luns=keep_luns,
        keep_acls=keep_acls,
        keep_portals=[] if wanted.exclusive else [saved.portals[portal] for portal in unwanted],
        exact_acls=[acl.initiator for acl in wanted.acls or () if is_exact(wanted, acl)],
        forget=[f"{plugin}/{name}" for plugin, name in unique([*forget, *_removed_for_good(wanted, removals)])],
    )


def _removed_for_good(wanted: Wanted, removals: Removals) -> List[Tuple[str, str]]:
    declared = [lun.key for lun in wanted.luns or ()]
    return [key for key in removals.backstores if key not in declared]


def _is_forgotten(system: System, wanted: Wanted, removals: Removals, key: Tuple[str, str]) -> bool:
    declared = [lun.key for lun in wanted.luns or ()]
    gone = wanted.exclusive and wanted.luns is not None and (key not in system.backstores or key in removals.backstores)
    return gone and key not in declared and _is_saved_for_us(system, wanted, key)


def is_saved(system: System, wanted: Wanted) -> bool:
    """Whether the saved file brings back what is declared, and with C(exclusive) no more."""
    saved = system.saved.targets.get(wanted.iqn)
    return (
        saved is not None
        and system.saved.private
        and saved.enabled
        and all(saved.attributes.get(name) == value for name, value in wanted.attributes.items())
        and _portals_are_saved(wanted, saved)
        and all(_lun_is_saved(system, wanted, saved, lun) for lun in wanted.luns or ())
        and all(_acl_is_saved(system, wanted, saved, acl) for acl in wanted.acls or ())
        and _nothing_else_is_saved(wanted, saved)
    )


def _portals_are_saved(wanted: Wanted, saved: Target) -> bool:
    return set(wanted.portals) == set(saved.portals) if wanted.exclusive else set(wanted.portals) <= set(saved.portals)


def _lun_is_saved(system: System, wanted: Wanted, saved: Target, lun: WantedLun) -> bool:
    backstore = system.saved.backstores.get(lun.key)
    return (
        saved.luns.get(lun.number) == lun.key
        and backstore is not None
        and (backstore.path, backstore.serial) == (lun.path, serial_for(system, wanted, lun))
        and all(backstore.attributes.get(name) == value for name, value in lun_attributes(system, lun).items())
    )


def _acl_is_saved(system: System, wanted: Wanted, saved: Target, acl: WantedAcl) -> bool:
    stored, numbers = saved.acls.get(acl.initiator), mapped_numbers(wanted, acl, current_target(system, wanted))
    if stored is None or stored.chap != acl.chap or stored.authentication not in (None, _FOLLOW):
        return False
    mapped = {entry.index: entry for entry in stored.mapped}
    right = all(number in mapped and mapped[number].lun == number and not mapped[number].write_protect for number in numbers)
    right = right and all(stored.attributes.get(name) == value for name, value in acl.attributes.items())
    return right and (not is_exact(wanted, acl) or set(mapped) == set(numbers))


def _nothing_else_is_saved(wanted: Wanted, saved: Target) -> bool:
    if not wanted.exclusive:
        return True
    luns = wanted.luns is None or set(saved.luns) == set(wanted.lun_numbers)
    return luns and (wanted.acls is None or set(saved.acls) == {acl.initiator for acl in wanted.acls})
