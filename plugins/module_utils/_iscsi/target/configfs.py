# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LIO in configfs, read without its Python library, so that a run without changes is fast."""

from __future__ import annotations

import re
from typing import Dict, FrozenSet, Iterator, List, Optional, Set, Tuple

from ..._host.block import SECTOR
from ..._host.files import Host
from ..names import Portal, lenient_portal, stored_chap
from .state import TPG, Acl, Backstore, Key, MappedLun, Session, Target

CONFIGFS = "/sys/kernel/config/target"

_PLUGINS = {"iblock": "block", "rd_mcp": "ramdisk"}
_NOT_FABRICS = ("core", "alua")
_CHAP_FILES = ("userid", "password", "userid_mutual", "password_mutual")


def _text(host: Host, path: str) -> str:
    """A kernel file's text, without the final newline and the NUL of some files; empty if there is no file."""
    return (host.read(path) or "").strip("\0\n")


def _folders(host: Host, path: str) -> List[str]:
    return [name for name in host.names(path) if host.is_folder(f"{path}/{name}")]


def _link_target(host: Host, folder: str) -> Optional[str]:
    """The target of the only link in a folder."""
    return next((host.resolve(f"{folder}/{name}") for name in host.names(folder) if host.link(f"{folder}/{name}")), None)


def read_backstores(host: Host) -> Dict[Key, Backstore]:
    """Every storage object of this host."""
    core = f"{CONFIGFS}/core"
    hbas = [name for name in host.names(core) if "_" in name]
    found = [_read_backstore(host, f"{core}/{hba}/{name}", hba, name) for hba in hbas for name in _folders(host, f"{core}/{hba}")]
    return {backstore.key: backstore for backstore in found}


def _plugin(hba: str) -> str:
    kind = hba.rsplit("_", 1)[0]
    return _PLUGINS.get(kind, kind)


def _read_backstore(host: Host, folder: str, hba: str, name: str) -> Backstore:
    info = _text(host, f"{folder}/info")
    size = re.search(r"\bSize: (\d+)", info)
    file = re.search(r"File: (\S+)", info)
    path = _text(host, f"{folder}/udev_path") or (file.group(1) if file else "")
    device = _device(host, info, path)
    sectors = host.number(f"/sys/dev/block/{device}/size")
    return Backstore(
        plugin=_plugin(hba),
        name=name,
        path=path,
        serial=_text(host, f"{folder}/wwn/vpd_unit_serial").partition(":")[2].strip(),
        size=sectors * SECTOR if sectors is not None else int(size.group(1)) if size else None,
        device=device,
        configured=_text(host, f"{folder}/enable") != "0",
        attributes=_values(host, f"{folder}/attrib"),
        company_id=(_text(host, f"{folder}/wwn/company_id") or "0x001405").strip()[2:],
    )


def _device(host: Host, info: str, path: str) -> Optional[str]:
    numbers = re.search(r"Major: (\d+)\s+Minor: (\d+)", info)
    return f"{numbers.group(1)}:{numbers.group(2)}" if numbers else device_of(host, path)


def device_of(host: Host, path: str) -> Optional[str]:
    """The identity of the disk at a path: major:minor of a block device, the real path of a file, None if it does not exist."""
    return host.device_number(path)[0] or (host.resolve(path) if path and host.exists(path) else None)


def _values(host: Host, folder: str) -> Dict[str, str]:
    return {name: _text(host, f"{folder}/{name}") for name in host.names(folder)}


def read_exports(host: Host) -> Dict[Key, FrozenSet[str]]:
    """The targets, of all fabrics, that export each backstore."""
    found: Dict[Key, Set[str]] = {}
    for fabric in _folders(host, CONFIGFS):
        for wwn in _folders(host, f"{CONFIGFS}/{fabric}") if fabric not in _NOT_FABRICS else ():
            for key in _exported_by(host, f"{CONFIGFS}/{fabric}/{wwn}"):
                found.setdefault(key, set()).add(wwn)
    return {key: frozenset(wwns) for key, wwns in found.items()}


def _exported_by(host: Host, folder: str) -> Iterator[Key]:
    for group in _folders(host, folder):
        for lun in host.names(f"{folder}/{group}/lun"):
            key = _linked_backstore(host, f"{folder}/{group}/lun/{lun}")
            if key is not None:
                yield key


def _linked_backstore(host: Host, folder: str) -> Optional[Key]:
    target = _link_target(host, folder)
    if target is None:
        return None
    hba, name = target.split("/")[-2:]
    return (_plugin(hba), name)


def read_targets(host: Host) -> Dict[str, Target]:
    """Every iSCSI target of this host."""
    top = f"{CONFIGFS}/iscsi"
    return {iqn: _read_target(host, f"{top}/{iqn}", iqn) for iqn in host.names(top) if "." in iqn}


def _numbered(host: Host, folder: str, prefix: str) -> Dict[int, str]:
    """The paths of folders such as C(lun_0) and C(tpgt_1), by their numbers."""
    return {int(name[len(prefix) :]): f"{folder}/{name}" for name in host.names(folder) if name.startswith(prefix)}


def _read_target(host: Host, folder: str, iqn: str) -> Target:
    groups = _numbered(host, folder, "tpgt_")
    group = f"{folder}/tpgt_{TPG}"
    return Target(
        iqn=iqn,
        enabled=_text(host, f"{group}/enable") == "1",
        attributes={**_values(host, f"{group}/attrib"), **_values(host, f"{group}/param")},
        portals=_read_portals(host, f"{group}/np"),
        luns={number: _linked_backstore(host, lun) for number, lun in _numbered(host, f"{group}/lun", "lun_").items()},
        acls={name: _read_acl(host, f"{group}/acls/{name}", name) for name in host.names(f"{group}/acls")},
        has_group=TPG in groups,
        other_groups=tuple(sorted(number for number in groups if number != TPG)),
        dynamic_sessions=tuple(_text(host, f"{group}/dynamic_sessions").replace("\0", "\n").split()),
    )


def _read_portals(host: Host, folder: str) -> Dict[Portal, str]:
    found = {}
    for name in host.names(folder):
        address, _colon, port = name.rpartition(":")
        found[lenient_portal(address, int(port))] = name
    return found


def _read_acl(host: Host, folder: str, initiator: str) -> Acl:
    attributes = _values(host, f"{folder}/attrib")
    return Acl(
        initiator=initiator,
        chap=stored_chap(*(_credential(host, f"{folder}/auth/{name}") for name in _CHAP_FILES)),
        mapped=tuple(_read_mapped(host, mapped, index) for index, mapped in _numbered(host, folder, "lun_").items()),
        authentication=attributes.pop("authentication", "") or None,
        session=parse_session(initiator, _text(host, f"{folder}/info")),
        attributes=attributes,
    )


def _credential(host: Host, path: str) -> str:
    value = _text(host, path)
    return "" if value == "NULL" else value


def _read_mapped(host: Host, folder: str, index: int) -> MappedLun:
    target = _link_target(host, folder)
    return MappedLun(
        index=index,
        lun=int(target.rpartition("/lun_")[2]) if target is not None else None,
        write_protect=_text(host, f"{folder}/write_protect") == "1",
    )


def parse_session(initiator: str, info: str) -> Optional[Session]:
    """The session in an ACL's C(info) file."""
    state = re.search(r"TARG_SESS_STATE_(\S+)", info)
    if state is None:
        return None
    addresses: Tuple[str, ...] = tuple(re.findall(r"Address (\S+)", info))
    return Session(initiator, state.group(1), addresses)
