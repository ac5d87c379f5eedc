# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the initiator side of this host: sysfs, the node records and udev's links. No process is started here."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from .names import Portal
from .session_state import Credentials, Device, Initiator, Record, Session, lenient_portal

_SECTOR = 512
_SESSION_TIMEOUTS = {"recovery_tmo": "replacement_timeout"}
_CONNECTION_TIMEOUTS = {"recv_tmo": "noop_out_interval", "ping_tmo": "noop_out_timeout"}
_CREDENTIAL_FILES = {
    "username": "username",
    "password": "password",
    "mutual_username": "username_in",
    "mutual_password": "password_in",
}
# iscsiadm holds its lock for milliseconds and gives up on another's after 30 s.
_STALE_AFTER = 3.0


@dataclass(frozen=True)
class Roots:
    """Where the system is; tests give a recorded one."""

    sys: str = "/sys"
    dev: str = "/dev"
    proc: str = "/proc"
    lock: str = "/run/lock/iscsi/lock.write"
    # RHEL, Fedora, and Debian from 13 on keep the node database in /var/lib; where it exists iscsiadm was built to use it.
    databases: Tuple[str, ...] = ("/var/lib/iscsi", "/etc/iscsi")
    name_file: str = "/etc/iscsi/initiatorname.iscsi"


SYSTEM = Roots()


def observe(roots: Roots = SYSTEM) -> Initiator:
    """Records, sessions and devices as they are now."""
    text = _read(roots.name_file) or ""
    return Initiator(
        name=initiator_name(text),
        name_file=text,
        records=tuple(_records(roots)),
        sessions=read_sessions(roots),
        stale_lock=stale_lock(roots),
    )


def initiator_name(text: str) -> Optional[str]:
    """The name in initiatorname.iscsi; the first counts, as for iscsid."""
    match = re.search(r"^[ \t]*InitiatorName[ \t]*=[ \t]*(\S+)", text, re.MULTILINE)
    return match.group(1) if match else None


def read_sessions(roots: Roots = SYSTEM) -> Tuple[Session, ...]:
    """All sessions of the kernel, ordered by portal and target."""
    top = os.path.join(roots.sys, "class", "iscsi_session")
    links = _by_path_links(roots) if os.path.isdir(top) else {}
    found = [_session(os.path.join(top, name), links) for name in _names(top)]
    return tuple(sorted((one for one in found if one), key=lambda one: (one.portal, one.target, one.sid)))


def _session(folder: str, links: Mapping[str, str]) -> Optional[Session]:
    connection = _connection(folder)
    target = _value(folder, "targetname")
    sid = re.search(r"([0-9]+)$", folder)
    # A session that goes away while it is read leaves half an answer: it is as good as gone.
    if connection is None or target is None or sid is None:
        return None
    portal = _portal(connection, "persistent_address", "persistent_port")
    if portal is None:
        return None
    timeouts = _numbers(folder, _SESSION_TIMEOUTS)
    timeouts.update(_numbers(connection, _CONNECTION_TIMEOUTS))
    return Session(
        sid=int(sid.group(1)),
        target=target,
        portal=portal,
        peer=_portal(connection, "address", "port"),
        state=_value(folder, "state") or "unknown",
        # Kernels before 5.9 do not say; there the wait for the devices has to do.
        scanned=_value(folder, "target_state") in (None, "SCANNED"),
        tpgt=_number(_value(folder, "tpgt")),
        timeouts=timeouts,
        credentials=Credentials(**{name: _value(folder, file) for name, file in _CREDENTIAL_FILES.items()}),
        devices=tuple(sorted(_devices(folder, links), key=lambda device: (device.lun, device.device))),
    )


def _connection(folder: str) -> Optional[str]:
    for name in _names(os.path.join(folder, "device")):
        if name.startswith("connection"):
            return os.path.join(folder, "device", name, "iscsi_connection", name)
    return None


def _portal(connection: str, address: str, port: str) -> Optional[Portal]:
    host, number = _value(connection, address), _number(_value(connection, port))
    return lenient_portal(host, number) if host and number else None


def _devices(folder: str, links: Mapping[str, str]) -> Iterator[Device]:
    device = os.path.join(folder, "device")
    for target in _names(device):
        if not target.startswith("target"):
            continue
        for unit in _names(os.path.join(device, target)):
            lun = re.fullmatch(r"[0-9]+:[0-9]+:[0-9]+:([0-9]+)", unit)
            if lun:
                yield from _disks(os.path.join(device, target, unit), int(lun.group(1)), links)


def _disks(unit: str, lun: int, links: Mapping[str, str]) -> Iterator[Device]:
    for name in _names(os.path.join(unit, "block")):
        disk = os.path.join(unit, "block", name)
        yield Device(
            lun=lun,
            device=f"/dev/{name}",
            size=(_number(_value(disk, "size")) or 0) * _SECTOR,
            rotational=_value(disk, "queue/rotational") == "1",
            wwn=_wwn(_value(unit, "wwid")),
            by_path=links.get(name),
        )


def _wwn(wwid: Optional[str]) -> Optional[str]:
    kind, _dot, number = (wwid or "").partition(".")
    return f"0x{number}" if kind == "naa" and number else wwid


def _by_path_links(roots: Roots) -> Dict[str, str]:
    folder = os.path.join(roots.dev, "disk", "by-path")
    links = {}
    for name in _names(folder):
        if "-iscsi-" in name:
            try:
                links[os.path.basename(os.readlink(os.path.join(folder, name)))] = f"/dev/disk/by-path/{name}"
            except OSError:
                continue
    return links


def _records(roots: Roots) -> Iterator[Record]:
    for database in roots.databases:
        nodes = os.path.join(database, "nodes")
        for target in _names(nodes):
            for name in _names(os.path.join(nodes, target)):
                yield from _portal_records(os.path.join(nodes, target, name), target, name)


def _portal_records(path: str, target: str, name: str) -> Iterator[Record]:
    """The records of one portal: a file C(host,port), or a folder C(host,port,tag) with a file for each interface."""
    host, _comma, rest = name.partition(",")
    port = rest.partition(",")[0]
    if not port.isdigit():
        return
    files = [os.path.join(path, interface) for interface in _names(path)] if os.path.isdir(path) else [path]
    for file in files:
        text = _read(file)
        if text is not None:
            yield Record(path=file, target=target, portal=lenient_portal(host, int(port)), address=host, text=text)


def stale_lock(roots: Roots = SYSTEM) -> Optional[str]:
    """The lock of an iscsiadm that was killed while holding it: every later one would wait 30 s for it and fail."""
    try:
        age = time.time() - os.lstat(roots.lock).st_ctime
    except OSError:
        return None
    if age < _STALE_AFTER:
        return None
    running = (_read(os.path.join(roots.proc, pid, "comm")) for pid in _names(roots.proc) if pid.isdigit())
    return None if any((name or "").strip() == "iscsiadm" for name in running) else roots.lock


def _numbers(folder: str, names: Mapping[str, str]) -> Dict[str, int]:
    values = {option: _number(_value(folder, file)) for file, option in names.items()}
    return {option: value for option, value in values.items() if value is not None}


def _number(text: Optional[str]) -> Optional[int]:
    return int(text) if text is not None and re.fullmatch(r"-?[0-9]+", text) else None


def _value(folder: str, name: str) -> Optional[str]:
    text = _read(os.path.join(folder, name))
    return None if text is None or text.strip() in ("", "(null)", "<NULL>") else text.strip()


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return None


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
