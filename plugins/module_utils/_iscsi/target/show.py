# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target in a diff, and in the return values; both without secrets. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from ..._core.plan import Plan
from ..names import Chap
from .changes import Removals, current_target, lun_attributes, mapped_numbers, remaining_mappings, serial_for
from .problems import problems
from .saved import same_as_saved
from .saving import is_saved
from .state import Acl, Backstore, Key, State, Target, Wanted, WantedAcl

View = Dict[str, Any]


ABSENT: View = {"state": "absent", "portals": [], "attributes": {}, "luns": {}, "acls": {}, "saved": False}
"""No target, with the keys that both sides of a diff have."""


def before(state: State, wanted: Wanted) -> View:
    """The target before the plan, as far as the task declares it."""
    saved = is_saved(state, wanted) if wanted.state == "present" else wanted.iqn in state.saved.targets
    if wanted.iqn not in state.targets:
        return {**ABSENT, "saved": saved}
    target = current_target(state, wanted)
    declared = {acl.initiator: acl for acl in wanted.acls or ()}
    return {
        "state": "present" if target.enabled else "disabled",
        "portals": [str(portal) for portal in sorted(target.portals)],
        "attributes": {name: target.attributes.get(name) for name in sorted(wanted.attributes)},
        "luns": {str(number): _lun_view(state, wanted, number, key) for number, key in sorted(target.luns.items()) if key is not None},
        "acls": {name: _acl_view(acl, declared.get(name)) for name, acl in sorted(target.acls.items())},
        "saved": saved,
    }


def after(state: State, wanted: Wanted, removals: Removals) -> View:
    """The target after the plan."""
    target, current = current_target(state, wanted), before(state, wanted)
    luns = {number: view for number, view in current["luns"].items() if int(number) not in removals.luns}
    acls = {name: view for name, view in current["acls"].items() if name not in removals.acls}
    for lun in wanted.luns or ():
        attributes = dict(sorted(lun_attributes(state, lun).items()))
        luns[str(lun.number)] = {
            "name": lun.name,
            "path": lun.path,
            "serial": serial_for(state, wanted, lun),
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


def _lun_view(state: State, wanted: Wanted, number: int, key: Key) -> View:
    backstore, declared = state.backstores.get(key), wanted.lun_numbers.get(number)
    if backstore is None:
        return {}
    attributes = lun_attributes(state, declared) if declared is not None else {}
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
    """Credentials without secrets: a diff only says whether a secret equals the declared secret."""
    if stored is None:
        return None
    wanted = declared or Chap("", "")
    view = {"username": stored.username, "password": "as declared" if stored.password == wanted.password else "another"}
    if stored.mutual_username is not None or stored.mutual_password is not None:
        same = stored.mutual_password == wanted.mutual_password
        view.update(mutual_username=stored.mutual_username or "", mutual_password="as declared" if same else "another")
    return view


def returned(state: State, wanted: Wanted, _plan: Plan) -> View:
    """The return values of iscsi_target."""
    return {"target": describe_target(state, wanted.iqn)}


def info(state: State, only: Optional[str] = None) -> View:
    """The return values of iscsi_target_info: all targets, or the target C(only)."""
    names = [iqn for iqn in sorted({*state.targets, *state.saved.targets}) if only in (None, iqn)]
    return {
        "targets": [describe_target(state, iqn) for iqn in names if iqn in state.targets],
        "saved_only": [iqn for iqn in names if iqn not in state.targets],
        "problems": problems(state, only),
    }


def describe_target(state: State, iqn: str) -> Optional[View]:
    """A running target, or None."""
    target = state.targets.get(iqn)
    if target is None:
        return None
    return {
        "iqn": iqn,
        "enabled": target.enabled,
        "authentication": target.attributes.get("authentication") == "1",
        "attributes": dict(sorted(target.attributes.items())),
        "portals": [{"host": portal.host, "port": portal.port} for portal in sorted(target.portals)],
        "luns": [_describe_lun(number, state.backstores[key]) for number, key in _complete_luns(state, target)],
        "acls": [_describe_acl(acl) for _name, acl in sorted(target.acls.items())],
        "sessions": [
            {"initiator": session.initiator, "state": session.state, "addresses": list(session.addresses)} for session in target.sessions
        ],
        "saved": same_as_saved(target, state.saved, state.backstores),
    }


def _complete_luns(state: State, target: Target) -> List[Tuple[int, Key]]:
    return [(number, key) for number, key in sorted(target.luns.items()) if key is not None and key in state.backstores]


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
