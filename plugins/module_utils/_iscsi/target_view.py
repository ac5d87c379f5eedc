# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a target is shown: in a diff, and as return values. No secret is in either. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from .names import Chap
from .target_changes import (
    Removals,
    current_target,
    lun_attributes,
    mapped_numbers,
    remaining_mappings,
    serial_for,
)
from .target_saved import same_as_saved
from .target_state import Acl, Backstore, Key, System, Target, Wanted, WantedAcl

View = Dict[str, Any]


def current_view(system: System, wanted: Wanted) -> View:
    """The target as it is, as far as the task declares anything about it."""
    if wanted.iqn not in system.targets:
        return absent_view()
    target = current_target(system, wanted)
    declared = {lun.number: lun for lun in wanted.luns or ()}
    acls = {acl.initiator: acl for acl in wanted.acls or ()}
    return {
        "state": "present" if target.enabled else "disabled",
        "portals": [str(portal) for portal in sorted(target.portals)],
        "attributes": {name: target.attributes.get(name) for name in sorted(wanted.attributes)},
        "luns": {
            str(number): _lun_view(system.backstores.get(key), lun_attributes(system, declared[number]) if number in declared else {})
            for number, key in sorted(target.luns.items())
            if key is not None
        },
        "acls": {name: _acl_view(acl, acls.get(name)) for name, acl in sorted(target.acls.items())},
        "saved": False,
    }


def absent_view() -> View:
    """Both sides of a diff have the same keys."""
    return {"state": "absent", "portals": [], "attributes": {}, "luns": {}, "acls": {}, "saved": False}


def wanted_view(system: System, wanted: Wanted, removals: Removals) -> View:
    """The target as it will be."""
    target, current = current_target(system, wanted), current_view(system, wanted)
    luns = {number: view for number, view in current["luns"].items() if int(number) not in removals.luns}
    acls = {name: view for name, view in current["acls"].items() if name not in removals.acls}
    for lun in wanted.luns or ():
        attributes = dict(sorted(lun_attributes(system, lun).items()))
        luns[str(lun.number)] = {
            "name": lun.name,
            "path": lun.path,
            "serial": serial_for(system, wanted, lun),
            "attributes": attributes,
        }
    for acl in wanted.acls or ():
        stays = remaining_mappings(target.acls.get(acl.initiator, Acl(acl.initiator)), removals)
        numbers = sorted({*stays, *mapped_numbers(wanted, acl, target)})
        acls[acl.initiator] = {
            "chap": _compared(acl.chap, acl.chap),
            "luns": [str(number) for number in numbers],
            "attributes": dict(sorted(acl.attributes.items())),
        }
    portals = {*target.portals, *wanted.portals} - set(removals.portals)
    return {
        "state": "present",
        "portals": [str(portal) for portal in sorted(portals)],
        "attributes": dict(sorted(wanted.attributes.items())),
        "luns": dict(sorted(luns.items(), key=lambda item: int(item[0]))),
        "acls": dict(sorted(acls.items())),
        "saved": True,
    }


def _lun_view(backstore: Optional[Backstore], attributes: Mapping[str, str]) -> View:
    if backstore is None:
        return {}
    return {
        "name": backstore.name,
        "path": backstore.path,
        "serial": backstore.serial,
        "attributes": {name: backstore.attributes.get(name) for name in sorted(attributes)},
    }


def _acl_view(acl: Acl, declared: Optional[WantedAcl]) -> View:
    return {
        "chap": _compared(acl.chap, acl.chap if declared is None else declared.chap),
        "luns": _mapped_view(acl),
        "attributes": {name: acl.attributes.get(name) for name in sorted(declared.attributes if declared is not None else ())},
    }


def _mapped_view(acl: Acl) -> List[str]:
    shown = []
    for mapped in sorted(acl.mapped, key=lambda entry: entry.index):
        origin = "" if mapped.lun == mapped.index else f" (LUN {mapped.lun})"
        shown.append(f"{mapped.index}{origin}{' write-protected' if mapped.write_protect else ''}")
    return shown


def _compared(stored: Optional[Chap], declared: Optional[Chap]) -> Optional[View]:
    """Credentials without secrets: whether a secret is the right one is all that a diff says."""
    if stored is None:
        return None
    wanted = declared or Chap("", "")
    view = {"username": stored.username, "password": "as declared" if stored.password == wanted.password else "another"}
    if stored.mutual_username is not None or stored.mutual_password is not None:
        same = stored.mutual_password == wanted.mutual_password
        view.update(mutual_username=stored.mutual_username or "", mutual_password="as declared" if same else "another")
    return view


def describe_target(system: System, iqn: str) -> Optional[View]:
    """The module's C(target) return value, and one entry of the info module's list; None where there is none."""
    target = system.targets.get(iqn)
    if target is None:
        return None
    return {
        "iqn": iqn,
        "enabled": target.enabled,
        "authentication": target.attributes.get("authentication") == "1",
        "attributes": dict(sorted(target.attributes.items())),
        "portals": [{"host": portal.host, "port": portal.port} for portal in sorted(target.portals)],
        "luns": [_describe_lun(number, system.backstores[key]) for number, key in _complete_luns(system, target)],
        "acls": [_describe_acl(acl) for _name, acl in sorted(target.acls.items())],
        "sessions": [
            {"initiator": session.initiator, "state": session.state, "addresses": list(session.addresses)} for session in target.sessions
        ],
        "saved": same_as_saved(target, system.saved, system.backstores),
    }


def _complete_luns(system: System, target: Target) -> List[Tuple[int, Key]]:
    return [(number, key) for number, key in sorted(target.luns.items()) if key is not None and key in system.backstores]


def _describe_lun(number: int, backstore: Backstore) -> View:
    return {
        "lun": number,
        "name": backstore.name,
        "type": backstore.plugin,
        "path": backstore.path,
        "size": backstore.size,
        "serial": backstore.serial,
        "wwn": backstore.wwn,
        "attributes": dict(sorted(backstore.attributes.items())),
    }


def _describe_acl(acl: Acl) -> View:
    return {
        "initiator": acl.initiator,
        "chap": acl.chap is not None,
        "mutual_chap": acl.chap is not None and acl.chap.mutual_password is not None,
        "luns": [
            {"lun": mapped.index, "target_lun": mapped.lun, "write_protect": mapped.write_protect}
            for mapped in sorted(acl.mapped, key=lambda entry: entry.index)
        ],
        "attributes": dict(sorted(acl.attributes.items())),
    }
