# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from the state of a target to the wanted target. Pure.

A new target is built while it is disabled, and enabled last, so that it never serves without its access control. A running target is
never disabled. The last step saves the target for the boot.
"""

from __future__ import annotations

import posixpath
from typing import Any, Dict, Iterator, List, Optional

from ..._core.plan import Command, MakeDirectory, Operation, Plan, RemoveFile, Step, WriteFile
from ..._host.systemd import RELOAD, drop_in_folder
from ..names import Chap
from . import show
from .boot import drop_in_content, drop_in_path
from .changes import (
    Removals,
    current_target,
    find_removals,
    lun_attributes,
    mapped_numbers,
    remaining_mappings,
    resolved,
    serial_for,
    usable,
    whole_target,
)
from .checks import check, check_removals
from .saving import FOLLOW, forget_arguments, is_saved, own_backstores, save_arguments
from .state import Acl, State, Target, Wanted, WantedAcl, WantedLun, reservation_folder


def plan(state: State, wanted: Wanted) -> Plan:
    """The steps from the state to the wanted target.

    :raises RefusedError: see L(check) and L(check_removals).
    :raises InputError: see L(check).
    """
    wanted = resolved(state, wanted)
    check(state, wanted)
    before = show.before(state, wanted)
    if wanted.state == "absent":
        return Plan(wanted.iqn, before, show.ABSENT, tuple(_absent_steps(state, wanted)), wanted.secrets)
    removals = find_removals(state, wanted)
    check_removals(state, wanted, removals)
    steps = [*_running_steps(state, wanted, current_target(state, wanted), removals)]
    steps += _boot_steps(state, wanted, removals, bool(steps))
    return Plan(
        wanted.iqn, before, show.after(state, wanted, removals), tuple(steps), wanted.secrets, tuple(_warnings(state, wanted, steps))
    )


def _warnings(state: State, wanted: Wanted, steps: List[Step]) -> Iterator[str]:
    others = sorted(name for name in state.targets if name != wanted.iqn)
    if steps and state.saved.document is None and others:
        yield f"{state.saved.path} names no target, and would have lost {', '.join(others)} at the next boot: all that runs is saved now"


def _running_steps(state: State, wanted: Wanted, target: Target, removals: Removals) -> Iterator[Step]:
    yield from _target_steps(state, wanted, target)
    yield from _removal_steps(wanted, removals)
    for lun in wanted.luns or ():
        yield from _backstore_steps(state, wanted, lun)
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


def _target_steps(state: State, wanted: Wanted, target: Target) -> Iterator[Step]:
    if not state.kernel_ready:
        yield Command(("modprobe", "--all", "target_core_mod", "iscsi_target_mod"))
    if not target.has_group:
        yield Operation("create_target", {"iqn": wanted.iqn})
    if not state.keeps_reservations:
        yield Operation("make_reservation_folder", {})
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


def _backstore_steps(state: State, wanted: Wanted, lun: WantedLun) -> Iterator[Step]:
    running, serial = usable(state, lun.key), serial_for(state, wanted, lun)
    which = {"plugin": lun.plugin, "name": lun.name}
    if running is None:
        facts = state.paths[lun.path]
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
    for attribute, value in sorted(lun_attributes(state, lun).items()):
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
    if running.authentication not in (None, FOLLOW):
        yield Operation("set_acl_attribute", {**which, "attribute": "authentication", "value": FOLLOW})
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


def _absent_steps(state: State, wanted: Wanted) -> Iterator[Step]:
    if wanted.iqn in state.targets:
        yield Operation("remove_target", {"iqn": wanted.iqn})
    for plugin, name in own_backstores(state, wanted):
        yield Operation("remove_backstore", {"plugin": plugin, "name": name})
    if wanted.iqn in state.saved.targets:
        yield Operation("save", forget_arguments(state, wanted))
    if state.boot.drop_in is not None:
        yield RemoveFile(drop_in_path(state.boot.unit, wanted.iqn))


def _boot_steps(state: State, wanted: Wanted, removals: Removals, changes: bool) -> Iterator[Step]:
    if changes or not is_saved(state, wanted):
        yield Operation("save", save_arguments(state, wanted, removals))
    folder = reservation_folder(posixpath.dirname(state.saved.path))
    content = drop_in_content(whole_target(state, wanted, removals), state.boot.clear_fails, folder)
    if content != state.boot.drop_in:
        yield from _drop_in_steps(state, wanted, content)
    if not state.boot.enabled:
        yield Command(("systemctl", "enable", state.boot.unit))


def _drop_in_steps(state: State, wanted: Wanted, content: Optional[str]) -> Iterator[Step]:
    # No daemon-reload: it takes seconds on a small machine, and these lines only matter at the next boot.
    path = drop_in_path(state.boot.unit, wanted.iqn)
    if content is None:
        yield RemoveFile(path)
    else:
        if not state.boot.folder_exists:
            yield MakeDirectory(drop_in_folder(state.boot.unit))
        yield WriteFile(path, content)
        if state.boot.clear_fails:
            yield RELOAD
