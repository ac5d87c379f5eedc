# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the disks that can be EBS volumes, and find the disks that the machine runs from."""

from __future__ import annotations

import re
import time
from typing import Dict, Iterator, List, Optional, Sequence, Set

from .._host.block import BLOCK, kernel_name, links_to, size_of, whole_disks_below
from .._host.files import Host
from .._host.mounts import read_mounts
from .identify import all_volumes, ready
from .options import Volume
from .state import Disk

_DISK = re.compile(r"nvme[0-9]+n[0-9]+|xvd[a-z]+")
_SYSTEM_MOUNTS = ("/", "/boot", "/boot/efi", "/usr", "/var")


def observe(host: Host) -> List[Disk]:
    """All NVMe and Xen disks."""
    system = system_disks(host)
    links: Dict[str, List[str]] = {}
    for name, link in links_to(host, "/dev/disk/by-id"):
        links.setdefault(name, []).append(link)
    names = [name for name in host.names("/sys/block") if _DISK.fullmatch(name)]
    return [
        Disk(
            name=name,
            size=size_of(host, name) or 0,
            serial=host.value(f"{BLOCK}/{name}/device/serial") or None,
            links=tuple(links.get(name, ())),
            system=name in system,
        )
        for name in names
    ]


def system_disks(host: Host) -> Set[str]:
    """The whole disks under the file systems that the machine runs from, through partitions, RAID and logical volumes."""
    return {disk for name in _system_devices(host) for disk in whole_disks_below(host, name)}


def _system_devices(host: Host) -> Iterator[str]:
    for mount in read_mounts(host):
        if mount.point in _SYSTEM_MOUNTS:
            name = kernel_name(host, mount.device)
            # A file system on several devices has its own device number; its source is the name of one device.
            yield name if host.is_folder(f"{BLOCK}/{name}") else host.base_name(mount.source)


def wait_for(volumes: Optional[Sequence[Volume]], seconds: float, host: Host) -> List[Disk]:
    """The disks, as soon as they identify all volumes, or after C(seconds). With C(None) it waits for the machine's own volumes."""
    deadline = time.monotonic() + seconds
    disks = observe(host)
    while not ready(disks, all_volumes(disks) if volumes is None else volumes) and time.monotonic() < deadline:
        time.sleep(1)
        disks = observe(host)
    return disks
