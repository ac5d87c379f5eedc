# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's iSCSI sessions with their disks, in sysfs. No process is started."""

from __future__ import annotations

import re
from typing import Dict, Iterator, Mapping, Optional, Tuple

from ..._host.block import SECTOR, links_to, node_of
from ..._host.files import Host
from ..names import Portal, lenient_portal
from .records import Credentials
from .state import Device, Session

SESSIONS = "/sys/class/iscsi_session"

_SESSION_TIMEOUTS = {"recovery_tmo": "replacement_timeout"}
_CONNECTION_TIMEOUTS = {"recv_tmo": "noop_out_interval", "ping_tmo": "noop_out_timeout"}
_CREDENTIAL_FILES = {
    "username": "username",
    "password": "password",
    "mutual_username": "username_in",
    "mutual_password": "password_in",
}
_BY_PATH = "/dev/disk/by-path"


def read_sessions(host: Host) -> Tuple[Session, ...]:
    """All sessions of the kernel, ordered by portal and target."""
    names = host.names(SESSIONS)
    links = {disk: link for disk, link in links_to(host, _BY_PATH) if "-iscsi-" in link} if names else {}
    found = [_read_session(host, f"{SESSIONS}/{name}", links) for name in names]
    return tuple(sorted((one for one in found if one), key=lambda one: (one.portal, one.target, one.sid)))


def replacement_timeout_file(sid: int) -> str:
    """The file of a running session's replacement timeout."""
    return f"{SESSIONS}/session{sid}/recovery_tmo"


def _read_session(host: Host, folder: str, links: Mapping[str, str]) -> Optional[Session]:
    connection = _connection(host, folder)
    target = _value(host, f"{folder}/targetname")
    sid = re.search(r"([0-9]+)$", folder)
    # A session that ends while it is read gives incomplete values, and counts as ended.
    if connection is None or target is None or sid is None:
        return None
    portal = _portal(host, connection, "persistent_address", "persistent_port")
    if portal is None:
        return None
    return Session(
        sid=int(sid.group(1)),
        target=target,
        portal=portal,
        peer=_portal(host, connection, "address", "port"),
        state=_value(host, f"{folder}/state") or "unknown",
        # Kernels before 5.9 do not show this; there the wait for the devices has to suffice.
        scanned=_value(host, f"{folder}/target_state") in (None, "SCANNED"),
        tpgt=host.number(f"{folder}/tpgt"),
        timeouts={**_numbers(host, folder, _SESSION_TIMEOUTS), **_numbers(host, connection, _CONNECTION_TIMEOUTS)},
        credentials=Credentials(**{name: _value(host, f"{folder}/{file}") for name, file in _CREDENTIAL_FILES.items()}),
        devices=tuple(sorted(_devices(host, f"{folder}/device", links), key=lambda device: (device.lun, device.device))),
    )


def _connection(host: Host, folder: str) -> Optional[str]:
    names = (name for name in host.names(f"{folder}/device") if name.startswith("connection"))
    return next((f"{folder}/device/{name}/iscsi_connection/{name}" for name in names), None)


def _portal(host: Host, connection: str, address: str, port: str) -> Optional[Portal]:
    where, number = _value(host, f"{connection}/{address}"), host.number(f"{connection}/{port}")
    return lenient_portal(where, number) if where and number else None


def _devices(host: Host, folder: str, links: Mapping[str, str]) -> Iterator[Device]:
    for target in host.names(folder):
        for unit in host.names(f"{folder}/{target}") if target.startswith("target") else ():
            lun = re.fullmatch(r"[0-9]+:[0-9]+:[0-9]+:([0-9]+)", unit)
            if lun:
                yield from _disks(host, f"{folder}/{target}/{unit}", int(lun.group(1)), links)


def _disks(host: Host, unit: str, lun: int, links: Mapping[str, str]) -> Iterator[Device]:
    for name in host.names(f"{unit}/block"):
        yield Device(
            lun=lun,
            device=node_of(name),
            size=(host.number(f"{unit}/block/{name}/size") or 0) * SECTOR,
            rotational=host.number(f"{unit}/block/{name}/queue/rotational") == 1,
            wwn=_wwn(_value(host, f"{unit}/wwid")),
            by_path=links.get(name),
        )


def _wwn(wwid: Optional[str]) -> Optional[str]:
    kind, _dot, number = (wwid or "").partition(".")
    return f"0x{number}" if kind == "naa" and number else wwid


def _numbers(host: Host, folder: str, names: Mapping[str, str]) -> Dict[str, int]:
    values = {option: host.number(f"{folder}/{file}") for file, option in names.items()}
    return {option: value for option, value in values.items() if value is not None}


def _value(host: Host, path: str) -> Optional[str]:
    text = host.value(path)
    return None if text in (None, "", "(null)", "<NULL>") else text
