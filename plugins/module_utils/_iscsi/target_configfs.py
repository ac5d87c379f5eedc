# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads LIO from configfs, without its Python library: a run that finds nothing to do is quick."""

from __future__ import annotations

import os
import re
import stat
from typing import Dict, FrozenSet, Iterator, List, Optional, Set, Tuple

from .._core.errors import InputError
from .names import Chap, Portal, parse_portal
from .target_state import TPG, Acl, Backstore, Key, MappedLun, Session, Target

CONFIGFS = "/sys/kernel/config/target"

_PLUGINS = {"iblock": "block", "rd_mcp": "ramdisk"}
_NOT_FABRICS = ("core", "alua")
_CHAP_FILES = ("userid", "password", "userid_mutual", "password_mutual")


def read(path: str) -> str:
    """A kernel file's text without the final newline; empty when there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            # Some files end with a NUL.
            return stream.read().strip("\0\n")
    except OSError:
        return ""


def folders(path: str) -> List[str]:
    """The names of the folders at C(path), sorted; none when there is no such path."""
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def link_target(path: str) -> Optional[str]:
    """What the one link in a folder points at, as a real path."""
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_symlink():
                    return os.path.realpath(entry.path)
    except OSError:
        pass
    return None


def read_backstores(root: str = "") -> Dict[Key, Backstore]:
    """Every storage object of this machine."""
    found, top = {}, f"{root}{CONFIGFS}"
    for hba in folders(f"{top}/core"):
        for name in folders(f"{top}/core/{hba}"):
            if "_" in hba and hba != "alua":
                backstore = _read_backstore(f"{top}/core/{hba}/{name}", hba, name, root)
                found[backstore.key] = backstore
    return found


def _plugin(hba: str) -> str:
    kind = hba.rsplit("_", 1)[0]
    return _PLUGINS.get(kind, kind)


def _read_backstore(folder: str, hba: str, name: str, root: str) -> Backstore:
    info = read(f"{folder}/info")
    size = re.search(r"\bSize: (\d+)", info)
    file = re.search(r"File: (\S+)", info)
    path = read(f"{folder}/udev_path") or (file.group(1) if file else "")
    device = _device(info, path)
    sectors = read(f"{root}/sys/dev/block/{device}/size")
    return Backstore(
        plugin=_plugin(hba),
        name=name,
        path=path,
        serial=read(f"{folder}/wwn/vpd_unit_serial").partition(":")[2].strip(),
        size=int(sectors) * 512 if sectors else int(size.group(1)) if size else None,
        device=device,
        configured=read(f"{folder}/enable") != "0",
        attributes=_read_values(f"{folder}/attrib"),
        company_id=(read(f"{folder}/wwn/company_id") or "0x001405").strip()[2:],
    )


def _device(info: str, path: str) -> Optional[str]:
    numbers = re.search(r"Major: (\d+)\s+Minor: (\d+)", info)
    if numbers:
        return f"{numbers.group(1)}:{numbers.group(2)}"
    return device_of(path) if path else None


def device_of(path: str) -> Optional[str]:
    """What identifies the disk at a path: major:minor of a block device, the real path of a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if stat.S_ISBLK(status.st_mode):
        return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return os.path.realpath(path)


def _read_values(folder: str) -> Dict[str, str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    return {name: read(f"{folder}/{name}") for name in names}


def read_exports(root: str = "") -> Dict[Key, FrozenSet[str]]:
    """Which targets, of all fabrics, export each backstore."""
    top = f"{root}{CONFIGFS}"
    found: Dict[Key, Set[str]] = {}
    for fabric in folders(top):
        if fabric in _NOT_FABRICS:
            continue
        for wwn in folders(f"{top}/{fabric}"):
            for key in _exported_by(f"{top}/{fabric}/{wwn}"):
                found.setdefault(key, set()).add(wwn)
    return {key: frozenset(wwns) for key, wwns in found.items()}


def _exported_by(folder: str) -> Iterator[Key]:
    for group in folders(folder):
        for lun in folders(f"{folder}/{group}/lun"):
            key = _linked_backstore(f"{folder}/{group}/lun/{lun}")
            if key is not None:
                yield key


def _linked_backstore(folder: str) -> Optional[Key]:
    target = link_target(folder)
    if target is None:
        return None
    hba, name = target.split("/")[-2:]
    return (_plugin(hba), name)


def read_targets(root: str = "") -> Dict[str, Target]:
    """Every iSCSI target of this machine."""
    top = f"{root}{CONFIGFS}"
    return {iqn: _read_target(f"{top}/iscsi/{iqn}", iqn) for iqn in folders(f"{top}/iscsi") if "." in iqn}


def _read_target(folder: str, iqn: str) -> Target:
    groups = [int(name[5:]) for name in folders(folder) if name.startswith("tpgt_")]
    group = f"{folder}/tpgt_{TPG}"
    return Target(
        iqn=iqn,
        enabled=read(f"{group}/enable") == "1",
        attributes={**_read_values(f"{group}/attrib"), **_read_values(f"{group}/param")},
        portals=_read_portals(f"{group}/np"),
        luns={int(name[4:]): _linked_backstore(f"{group}/lun/{name}") for name in folders(f"{group}/lun")},
        acls={name: _read_acl(f"{group}/acls/{name}", name) for name in folders(f"{group}/acls")},
        has_group=TPG in groups,
        other_groups=tuple(sorted(number for number in groups if number != TPG)),
        dynamic_sessions=tuple(name for name in read(f"{group}/dynamic_sessions").replace("\0", "\n").split() if name),
    )


def _read_portals(folder: str) -> Dict[Portal, str]:
    found = {}
    for name in folders(folder):
        try:
            found[parse_portal("np", name)] = name
        except InputError:
            # A spelling only the kernel knows; shown as it is.
            host, port = name.rsplit(":", 1)
            found[Portal(host, int(port))] = name
    return found


def _read_acl(folder: str, initiator: str) -> Acl:
    attributes = _read_values(f"{folder}/attrib")
    return Acl(
        initiator=initiator,
        chap=make_stored_chap(*(_credential(f"{folder}/auth/{name}") for name in _CHAP_FILES)),
        mapped=tuple(_read_mapped(f"{folder}/{name}", int(name[4:])) for name in folders(folder) if name.startswith("lun_")),
        authentication=attributes.pop("authentication", "") or None,
        session=parse_session(initiator, read(f"{folder}/info")),
        attributes=attributes,
    )


def _credential(path: str) -> str:
    value = read(path)
    return "" if value == "NULL" else value


def make_stored_chap(username: str, password: str, mutual_username: str, mutual_password: str) -> Optional[Chap]:
    """Credentials as they are stored, perhaps half; None where there are none at all."""
    if not (username or password or mutual_username or mutual_password):
        return None
    return Chap(username, password, mutual_username or None, mutual_password or None)


def _read_mapped(folder: str, index: int) -> MappedLun:
    target = link_target(folder)
    return MappedLun(
        index=index,
        lun=int(os.path.basename(target)[4:]) if target is not None else None,
        write_protect=read(f"{folder}/write_protect") == "1",
    )


def parse_session(initiator: str, info: str) -> Optional[Session]:
    """The session in an ACL's C(info) file."""
    state = re.search(r"TARG_SESS_STATE_(\S+)", info)
    if state is None:
        return None
    addresses: Tuple[str, ...] = tuple(re.findall(r"Address (\S+)", info))
    return Session(initiator, state.group(1), addresses)
