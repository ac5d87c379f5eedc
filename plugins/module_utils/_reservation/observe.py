# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the disks of the declared targets, their reservations, and the files on this host. The only reader; it changes nothing."""

from __future__ import annotations

import hashlib
import re
from typing import Iterator, Optional, Tuple

from .._core.errors import ObservationError
from .._core.python import interpreter
from .._host.block import node_of
from .._host.files import Host
from .._programs.hold_disk.hold import read_status
from .._programs.hold_disk.scsi import Disk, Failed, Refused
from .options import Wanted
from .program import file_mode, files
from .state import HeldDisk, State

_SESSIONS = "/sys/class/iscsi_session"
_NAME_FILE = "/etc/iscsi/initiatorname.iscsi"
_MACHINE = "/etc/machine-id"


def observe(wanted: Wanted, host: Host) -> State:
    """The disks of the declared targets that answer, and the files.

    :raises ObservationError: this host has no identity of which its key can be made.
    """
    program = files(interpreter())
    contents = {path: host.content(path) for path in (*program, wanted.path)}
    return State(
        key=wanted.key or key_of(host, wanted.initiator),
        disks=tuple(sorted(_disks(host, wanted), key=lambda disk: (disk.target, disk.lun))),
        files={path: found[0] for path, found in contents.items() if found},
        program=program,
        modes={
            path: found[1] & 0o777 for path, found in contents.items() if found and path in program and found[1] & 0o777 != file_mode(path)
        },
    )


def key_of(host: Host, initiator: Optional[str] = None) -> int:
    """The key of this host, which no other host has: made of its initiator name and its machine id.

    :raises ObservationError: it has no machine id.
    """
    found = re.search(r"^[ \t]*InitiatorName[ \t]*=[ \t]*(\S+)", host.read(_NAME_FILE) or "", re.MULTILINE)
    name = initiator or (found.group(1) if found else "")
    machine = (host.read(_MACHINE) or "").strip()
    if not machine:
        raise ObservationError(f"{_MACHINE} is missing or empty, so this host has no key of its own: make it with systemd-machine-id-setup")
    return int.from_bytes(hashlib.sha256(f"{name} {machine}".encode()).digest()[:8], "big") | 1 << 63


def _disks(host: Host, wanted: Wanted) -> Iterator[HeldDisk]:
    for name in host.names(_SESSIONS):
        target = host.value(f"{_SESSIONS}/{name}/targetname") or ""
        if target not in wanted.targets:
            continue
        for lun, folder in _units(host, f"{_SESSIONS}/{name}/device"):
            if wanted.luns is not None and lun not in wanted.luns:
                continue
            for disk in host.names(f"{folder}/block"):
                # A disk that does not answer is skipped: udev holds it when it appears again.
                if host.value(f"{folder}/state") == "running":
                    yield _look_at(HeldDisk(node_of(disk), target, lun))


def _units(host: Host, device: str) -> Iterator[Tuple[int, str]]:
    for folder in host.names(device):
        for unit in host.names(f"{device}/{folder}") if folder.startswith("target") else ():
            match = re.fullmatch(r"[0-9]+:[0-9]+:[0-9]+:([0-9]+)", unit)
            if match:
                yield int(match.group(1)), f"{device}/{folder}/{unit}"


def _look_at(disk: HeldDisk) -> HeldDisk:
    try:
        return HeldDisk(disk.node, disk.target, disk.lun, read_status(Disk(disk.node)))
    except Failed as error:
        return HeldDisk(disk.node, disk.target, disk.lun, problem=str(error), is_away=error.is_away)
    except Refused:
        return HeldDisk(disk.node, disk.target, disk.lun, problem=f"{disk.node} is reserved by another host in the way of SCSI-2")
