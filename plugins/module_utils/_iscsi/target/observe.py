# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only reader of the target wing: LIO, the saved file, the boot service, the paths to export, and the addresses of portals."""

from __future__ import annotations

import errno
import os
import socket
from typing import Dict, Iterable, Optional

from ..._host.block import BLOCK, disk_of, file_uses, kernel_name, open_error, size_of, uses_of
from ..._host.files import Host
from ..._host.mounts import MountTable, read_mount_table
from ..names import Portal
from .boot import find_family, find_saved_file, read_boot
from .configfs import CONFIGFS, read_backstores, read_exports, read_targets
from .saved import read_saved
from .state import Boot, PathFacts, State, Wanted, reservation_folder

# Names that are unique to one disk; other names (t10. of emulated disks) may be shared by several disks.
_UNIQUE_WWID = ("naa.", "eui.", "nvme.", "uuid.")


def observe(wanted: Wanted, host: Host) -> State:
    """The state of this host, as far as it concerns one target.

    :raises ObservationError: the saved file or the boot service is unusable.
    """
    family = find_family(host)
    targets = read_targets(host)
    present = wanted.state == "present"
    listening = {portal for target in targets.values() for portal in target.portals}
    table = read_mount_table(host)
    return State(
        saved=read_saved(host, family.target_file),
        boot=read_boot(host, family.target_unit, wanted.iqn),
        kernel_ready=host.is_folder(f"{CONFIGFS}/core") and host.is_folder(f"{CONFIGFS}/iscsi"),
        keeps_reservations=host.is_folder(reservation_folder(host.value(f"{CONFIGFS}/dbroot"))),
        targets=targets,
        backstores=read_backstores(host),
        exports=read_exports(host),
        paths={lun.path: look_at(host, lun.path, table) for lun in wanted.luns or ()} if present else {},
        portal_problems=portal_problems([portal for portal in wanted.portals if portal not in listening]) if present else {},
    )


def observe_all(host: Host) -> State:
    """The state of all targets of this host, as far as L(info) shows it."""
    return State(
        saved=read_saved(host, find_saved_file(host)),
        boot=Boot(""),
        targets=read_targets(host),
        backstores=read_backstores(host),
        exports=read_exports(host),
    )


def look_at(host: Host, path: str, table: MountTable) -> PathFacts:
    """The object at C(path), and its other users."""
    number, kind = host.device_number(path)
    if number is not None:
        return device_facts(host, path, number, table)
    if not kind:
        return PathFacts(path, "missing", folder_exists=host.is_folder(os.path.dirname(path)))
    size = host.size(path)
    if size is None:
        return PathFacts(path, "other")
    real = host.resolve(path)
    return PathFacts(path, "file", device=real, size=size, uses=tuple(file_uses(host, real, table)))


def device_facts(host: Host, path: str, number: str, table: MountTable) -> PathFacts:
    """The facts about the block device with the major:minor C(number), from sysfs, /proc and an exclusive open."""
    name = kernel_name(host, number)
    folder, disk = f"{BLOCK}/{name}", disk_of(host, name)
    rotational = host.value(f"{BLOCK}/{disk}/queue/rotational")
    # A partition gets no identity, because it would share the disk's identity with the other partitions.
    wwid = (host.value(f"{folder}/wwid") or host.value(f"{folder}/device/wwid") or "") if disk == name else ""
    error = open_error(host, path)
    return PathFacts(
        path=path,
        kind="block",
        device=number,
        size=size_of(host, name) or 0,
        read_only=host.value(f"{folder}/ro") == "1",
        rotational=rotational == "1" if rotational else None,
        wwid=wwid if wwid.startswith(_UNIQUE_WWID) else None,
        uses=tuple(str(use) for use in uses_of(host, name, table)),
        claimed=error == errno.EBUSY,
        open_problem=os.strerror(error) if error not in (0, errno.EBUSY) else "",
    )


def portal_problem(portal: Portal) -> Optional[str]:
    """Why the kernel cannot listen at the portal, None if it can; LIO itself would only say "Invalid argument"."""
    family = socket.AF_INET6 if portal.is_ipv6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # LIO sets this option too: lingering former connections are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((portal.host, portal.port))
    except OSError as error:
        return error.strerror or str(error)
    return None


def portal_problems(portals: Iterable[Portal]) -> Dict[Portal, str]:
    """The portals that cannot be opened, with the reason."""
    found = {portal: portal_problem(portal) for portal in portals}
    return {portal: problem for portal, problem in found.items() if problem is not None}
