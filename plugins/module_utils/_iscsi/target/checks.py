# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals before anything changes: of invalid declarations, and of changes to objects that the task does not name. Pure."""

from __future__ import annotations

import posixpath
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from ..._core.errors import InputError, RefusedError
from ..names import Portal, shadows
from .attributes import is_fixed
from .changes import Removals, current_target
from .options import check_credentials
from .state import Acl, Backstore, Key, PathFacts, State, Target, Wanted, WantedLun


def check(state: State, wanted: Wanted) -> None:
    """Refuse changes that are impossible or would do harm.

    :raises RefusedError: an object of the task is in use by others, or initiators would lose a disk that they use.
    :raises InputError: an option names an object that does not exist.
    """
    target = state.targets.get(wanted.iqn)
    _refuse_other_groups(wanted, target)
    if wanted.state == "absent":
        if target is not None and not wanted.force:
            _refuse_sessions(wanted, [session.initiator for session in target.sessions], "removing the target")
        return
    if state.boot.masked:
        raise RefusedError(wanted.iqn, f"{state.boot.unit}, which restores targets at boot, is masked", "Unmask it first.")
    _check_same_disk(state, wanted)
    for lun in wanted.luns or ():
        _check_lun(state, wanted, lun)
    _check_serials(state, wanted)
    for portal in wanted.portals:
        _check_portal(state, wanted, portal)
    _check_mapped(wanted, target)
    running = target.attributes if target is not None else {}
    authentication = wanted.attributes.get("authentication", running.get("authentication"))
    if authentication is not None:
        check_credentials(wanted, authentication == "1")


def _refuse_other_groups(wanted: Wanted, target: Optional[Target]) -> None:
    if target is not None and target.other_groups:
        groups = ", ".join(str(number) for number in target.other_groups)
        raise RefusedError(wanted.iqn, f"it has the target portal groups {groups}", "Only targets with group 1 alone are managed.")


def _refuse_sessions(wanted: Wanted, initiators: Iterable[str], what: str) -> None:
    names = sorted(set(initiators) - set(wanted.lost_initiators))
    if names:
        remedy = "Log them out. A host that was lost for good has left its session: name it in lost_initiators."
        raise RefusedError(wanted.iqn, f"{what} takes disks from {', '.join(names)}, logged in now", remedy)


def check_removals(state: State, wanted: Wanted, removals: Removals) -> None:
    """Refuse, without C(force), to remove LUNs, ACLs or mapped LUNs of initiators that are logged in and not lost.

    :raises RefusedError: with the initiators.
    """
    if wanted.force:
        return
    target = current_target(state, wanted)
    for number in removals.luns:
        users = [acl.initiator for acl in target.acls.values() if acl.session and any(mapped.lun == number for mapped in acl.mapped)]
        _refuse_sessions(wanted, [*users, *target.dynamic_sessions], f"removing LUN {number}")
    for initiator in removals.acls:
        _refuse_sessions(wanted, _in_session(target.acls[initiator]), f"removing the ACL of {initiator}")
    for initiator, index in removals.mappings:
        _refuse_sessions(wanted, _in_session(target.acls[initiator]), f"unmapping LUN {index}")


def _in_session(acl: Acl) -> List[str]:
    return [acl.initiator] if acl.session else []


def _check_lun(state: State, wanted: Wanted, lun: WantedLun) -> None:
    facts = state.paths[lun.path]
    _check_path(lun, facts)
    for other in state.backstores.values():
        if other.device is not None and other.device == facts.device and other.key != lun.key:
            raise RefusedError(
                lun.path, f"it is exported already: {_description(state, other)}", "Two backstores may not write to one disk."
            )
    own = state.backstores.get(lun.key)
    if own is not None and own.configured:
        _check_own_backstore(state, wanted, lun, own, facts)
    else:
        _check_free(lun, facts)
    _check_number(state, wanted, lun)


def _check_path(lun: WantedLun, facts: PathFacts) -> None:
    if lun.plugin == "block":
        _check_block(lun, facts)
    else:
        _check_file(lun, facts)


def _check_block(lun: WantedLun, facts: PathFacts) -> None:
    option = f"luns: path of LUN {lun.number}"
    if facts.kind == "missing":
        raise InputError(option, f"{lun.path} does not exist")
    if facts.kind != "block":
        raise InputError(option, f"{lun.path} is not a block device" + ("; for a file use file" if facts.kind == "file" else ""))
    if facts.read_only:
        raise RefusedError(lun.path, "the device is read-only", "Make it writable, or name another device.")
    if facts.size == 0:
        raise RefusedError(lun.path, "the device has no medium or a size of 0", "Name another device.")


def _check_file(lun: WantedLun, facts: PathFacts) -> None:
    option = f"luns: file of LUN {lun.number}"
    if facts.kind == "missing":
        if lun.size is None:
            raise InputError(option, f"{lun.path} does not exist, and without size it cannot be created")
        if not facts.folder_exists:
            raise InputError(option, f"the folder {posixpath.dirname(lun.path)} does not exist")
    elif facts.kind != "file":
        raise InputError(option, f"{lun.path} is not a regular file" + ("; for a block device use path" if facts.kind == "block" else ""))
    elif lun.size is not None and facts.size != lun.size:
        raise RefusedError(
            lun.path, f"the file has {facts.size} bytes, and size asks for {lun.size}", "An existing file is not resized: give its size."
        )


def _check_own_backstore(state: State, wanted: Wanted, lun: WantedLun, own: Backstore, facts: PathFacts) -> None:
    name = f"{own.plugin}/{own.name}"
    if own.device != facts.device:
        raise RefusedError(
            f"LUN {lun.number}",
            f"the backstore {name} exists and stands for {own.path}, not for {lun.path}",
            "Use another name, or remove the backstore first.",
        )
    others = [iqn for iqn in state.exporters(lun.key) if iqn != wanted.iqn]
    if others:
        raise RefusedError(lun.path, f"it is exported by {', '.join(others)} as {name}", "Two targets may not write to one disk.")
    exported = wanted.iqn in state.exporters(lun.key)
    if exported and lun.serial is not None and own.serial != lun.serial:
        raise RefusedError(
            f"LUN {lun.number}",
            f"its serial is {own.serial}, and another serial would make it another disk to its initiators",
            "Omit serial, or remove the LUN first.",
        )
    if exported:
        _check_fixed(lun, own)


def _check_fixed(lun: WantedLun, own: Backstore) -> None:
    for name, value in lun.attributes.items():
        if is_fixed(name, lun.plugin) and own.attributes.get(name) != value:
            raise RefusedError(
                f"LUN {lun.number}",
                f"its attribute {name} is {own.attributes.get(name)} and cannot be changed while it is exported",
                "Remove the LUN first.",
            )


def _check_free(lun: WantedLun, facts: PathFacts) -> None:
    if facts.uses:
        raise RefusedError(lun.path, "; ".join(facts.uses), "Free it first, or name another device.")
    if facts.claimed:
        raise RefusedError(lun.path, "the kernel grants no exclusive access: it is in use", "Free it first, or name another device.")
    if facts.open_problem:
        raise RefusedError(lun.path, f"it cannot be opened: {facts.open_problem}", "Repair it first, or name another device.")


def _description(state: State, backstore: Backstore) -> str:
    exporters = ", ".join(state.exporters(backstore.key)) or "no target"
    return f"backstore {backstore.plugin}/{backstore.name} ({backstore.path}), used by {exporters}"


def _check_number(state: State, wanted: Wanted, lun: WantedLun) -> None:
    target = state.targets.get(wanted.iqn)
    if target is None:
        return
    current = target.luns.get(lun.number)
    if current is not None and current != lun.key and not (wanted.exclusive and _undeclared(wanted, current)):
        raise RefusedError(
            f"LUN {lun.number} of {wanted.iqn}",
            f"it is {current[0]}/{current[1]}",
            "Give the new disk another number, or set exclusive to remove objects that are not declared.",
        )
    for number, key in target.luns.items():
        if key == lun.key and number != lun.number:
            raise RefusedError(
                f"{lun.plugin}/{lun.name}",
                f"it is LUN {number} of {wanted.iqn}, not {lun.number}",
                "A disk keeps its number: remove the LUN first.",
            )


def _undeclared(wanted: Wanted, key: Key) -> bool:
    return key not in [lun.key for lun in wanted.luns or ()]


def _check_same_disk(state: State, wanted: Wanted) -> None:
    seen: Dict[str, str] = {}
    for lun in wanted.luns or ():
        facts = state.paths[lun.path]
        for identity in (facts.device, facts.wwid):
            if identity is None:
                continue
            if identity in seen:
                raise InputError("luns", f"{seen[identity]} and {lun.path} are the same disk ({identity})")
            seen[identity] = lun.path


def _check_serials(state: State, wanted: Wanted) -> None:
    for lun in wanted.luns or ():
        for other in state.backstores.values():
            if lun.serial is not None and other.serial == lun.serial and other.key != lun.key:
                raise InputError("luns", f"the serial of LUN {lun.number} is that of the backstore {other.plugin}/{other.name}")


def _check_portal(state: State, wanted: Wanted, portal: Portal) -> None:
    for iqn, other in _listeners(state, wanted):
        if shadows(other, portal) or shadows(portal, other):
            remedy = "Set exclusive to replace it, or declare that portal." if iqn == wanted.iqn else "Use the same portal or another port."
            raise RefusedError(f"portal {portal}", f"{iqn} listens on {other}, and only one of these portals can be open", remedy)
    problem = state.portal_problems.get(portal)
    if problem is not None and not _makes_room(state, wanted, portal):
        raise RefusedError(f"portal {portal}", f"the kernel cannot listen there: {problem}", "Use an address of this host and a free port.")


def _listeners(state: State, wanted: Wanted) -> Iterator[Tuple[str, Portal]]:
    for iqn, target in state.targets.items():
        for portal in target.portals:
            if not (iqn == wanted.iqn and wanted.exclusive and portal not in wanted.portals):
                yield iqn, portal


def _makes_room(state: State, wanted: Wanted, portal: Portal) -> bool:
    target = state.targets.get(wanted.iqn)
    if target is None or not wanted.exclusive:
        return False
    return any(shadows(other, portal) or shadows(portal, other) for other in target.portals if other not in wanted.portals)


def _check_mapped(wanted: Wanted, target: Optional[Target]) -> None:
    if wanted.luns is not None:
        return
    for acl in wanted.acls or ():
        missing = [str(number) for number in acl.luns or () if target is None or target.luns.get(number) is None]
        if missing:
            raise InputError("acls", f"{acl.initiator}: the target has no LUN {', '.join(missing)}")
