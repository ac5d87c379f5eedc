# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the disks that can be EBS volumes from sysfs, and from which of them the machine runs. The only reader."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Set, Tuple

from .identify import Disk

_DISK = re.compile(r"nvme[0-9]+n[0-9]+|xvd[a-z]+")
_SYSTEM_MOUNTS = ("/", "/boot", "/boot/efi", "/usr", "/var")
_SECTOR = 512


@dataclass(frozen=True)
class Roots:
    """Where to look; tests have trees of their own."""

    sys: str = "/sys"
    dev: str = "/dev"
    mountinfo: str = "/proc/self/mountinfo"


SYSTEM = Roots()


def observe(roots: Roots = SYSTEM) -> List[Disk]:
    """All NVMe and Xen disks."""
    system = system_disks(roots)
    links = _links(roots)
    names = sorted(name for name in _names(f"{roots.sys}/block") if _DISK.fullmatch(name))
    return [_disk(roots, name, tuple(links.get(name, ())), name in system) for name in names]


def _disk(roots: Roots, name: str, links: Tuple[str, ...], system: bool) -> Disk:
    folder = f"{roots.sys}/block/{name}"
    size = int(_read(f"{folder}/size") or 0) * _SECTOR
    return Disk(name=name, size=size, serial=_read(f"{folder}/device/serial") or None, links=links, system=system)


def system_disks(roots: Roots = SYSTEM) -> Set[str]:
    """The whole disks under the file systems that the machine runs from, through partitions, RAID and logical volumes."""
    found: Set[str] = set()
    for number, source in _mounted(_read(roots.mountinfo) or ""):
        name = os.path.basename(os.path.realpath(f"{roots.sys}/dev/block/{number}"))
        # A file system over several devices has a number of its own: its source is the name of one of them.
        known = name if os.path.isdir(f"{roots.sys}/class/block/{name}") else os.path.basename(source)
        found.update(_whole_disks(roots, known))
    return found


def _mounted(text: str) -> Iterator[Tuple[str, str]]:
    """Device number and source of every mount that counts."""
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) > 9 and fields[4] in _SYSTEM_MOUNTS and "-" in fields:
            yield fields[2], fields[fields.index("-") + 2]


def _whole_disks(roots: Roots, name: str) -> Iterator[str]:
    folder = os.path.realpath(f"{roots.sys}/class/block/{name}")
    if os.path.exists(f"{folder}/partition"):
        yield from _whole_disks(roots, os.path.basename(os.path.dirname(folder)))
        return
    below = _names(f"{folder}/slaves")
    if not below:
        yield name
    for slave in below:
        yield from _whole_disks(roots, slave)


def _links(roots: Roots) -> Dict[str, List[str]]:
    folder = f"{roots.dev}/disk/by-id"
    found: Dict[str, List[str]] = {}
    for name in sorted(_names(folder)):
        found.setdefault(os.path.basename(os.path.realpath(f"{folder}/{name}")), []).append(f"/dev/disk/by-id/{name}")
    return found


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: str) -> Optional[str]:
    # A disk that is being taken away vanishes between two looks.
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return None
