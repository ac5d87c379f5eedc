# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at what shall be exported and where a target shall listen: from sysfs, /proc and the kernel's own verdict."""

from __future__ import annotations

import os
import re
import socket
import stat
from dataclasses import replace
from typing import Dict, Iterator, List, Optional, Sequence

from .names import Portal
from .target_configfs import folders, read
from .target_state import PathFacts

# Names that are unique to one disk; others (t10. of emulated disks) may be shared by several.
_UNIQUE_WWID = ("naa.", "eui.", "nvme.", "uuid.")


def look_at(path: str, root: str = "") -> PathFacts:
    """What lies at C(path), and who else has it."""
    try:
        status = os.stat(path)
    except OSError:
        return PathFacts(path, "missing", folder_exists=os.path.isdir(os.path.dirname(path)))
    if stat.S_ISBLK(status.st_mode):
        facts = device_facts(path, f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}", root)
        return replace(facts, claimed=_is_claimed(path))
    if stat.S_ISREG(status.st_mode):
        real = os.path.realpath(path)
        return PathFacts(path, "file", device=real, size=status.st_size, uses=tuple(file_uses(real, root)))
    return PathFacts(path, "other")


def device_facts(path: str, device: str, root: str = "") -> PathFacts:
    """What sysfs and /proc tell about the block device with that major:minor."""
    folder = os.path.realpath(f"{root}/sys/dev/block/{device}")
    disk = os.path.dirname(folder) if os.path.exists(f"{folder}/partition") else folder
    rotational = read(f"{disk}/queue/rotational")
    # A partition is not its disk: it shares the disk's identity with its siblings.
    wwid = "" if disk != folder else read(f"{folder}/wwid") or read(f"{folder}/device/wwid")
    return PathFacts(
        path=path,
        kind="block",
        device=device,
        size=int(read(f"{folder}/size") or 0) * 512,
        read_only=read(f"{folder}/ro") == "1",
        rotational=rotational == "1" if rotational else None,
        wwid=wwid if wwid.startswith(_UNIQUE_WWID) else None,
        uses=tuple(_device_uses(folder, device, root)),
    )


def _device_uses(folder: str, device: str, root: str) -> Iterator[str]:
    partitions = [f"{folder}/{name}" for name in folders(folder) if os.path.exists(f"{folder}/{name}/partition")]
    mounts, swaps = _mounts(root), _swaps(root)
    for number, place in [(device, folder)] + [(read(f"{place}/dev"), place) for place in partitions]:
        name = os.path.basename(place)
        for holder in _listed(f"{place}/holders"):
            yield f"{name} is held by {_holder_name(holder, root)}"
        for point in mounts.get(number, []) + mounts.get(name, []):
            yield f"{name} is mounted on {point}"
        if name in swaps:
            yield f"{name} is swap space"


def _holder_name(holder: str, root: str) -> str:
    name = read(f"{root}/sys/class/block/{holder}/dm/name")
    return f"{holder} (device mapper: {name})" if name else holder


def _listed(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _mounts(root: str) -> Dict[str, List[str]]:
    """Mount points by major:minor, and by the source's kernel name (a btrfs mount has a number of its own)."""
    found: Dict[str, List[str]] = {}
    for line in read(f"{root}/proc/self/mountinfo").splitlines():
        fields, _separator, tail = line.partition(" - ")
        words, source = fields.split(), tail.split()[1]
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), words[4])
        found.setdefault(words[2], []).append(point)
        if words[2].startswith("0:") and source.startswith("/dev/"):
            found.setdefault(os.path.basename(os.path.realpath(source)), []).append(point)
    return found


def _swaps(root: str) -> List[str]:
    lines = read(f"{root}/proc/swaps").splitlines()[1:]
    return [os.path.basename(os.path.realpath(line.split()[0])) for line in lines if line]


def file_uses(real: str, root: str = "") -> Iterator[str]:
    """Who else has a regular file open as a disk."""
    for name in _listed(f"{root}/sys/block"):
        if name.startswith("loop") and read(f"{root}/sys/block/{name}/loop/backing_file") == real:
            yield f"it is attached to {name}"
    if any(line.split()[0] == real for line in read(f"{root}/proc/swaps").splitlines()[1:] if line):
        yield "it is swap space"


def _is_claimed(path: str) -> bool:
    # Without O_CREAT, O_EXCL asks the kernel for a claim of the block device; it is given back at once.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK)
    except OSError:
        return True
    os.close(descriptor)
    return False


def portal_problem(portal: Portal) -> Optional[str]:
    """Why the kernel cannot listen there; LIO itself would say no more than "Invalid argument"."""
    family = socket.AF_INET6 if portal.is_ipv6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As LIO does: connections that linger from before are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((portal.host, portal.port))
    except OSError as error:
        return error.strerror or str(error)
    return None


def portal_problems(portals: Sequence[Portal]) -> Dict[Portal, str]:
    """The portals of several that cannot be opened, with the reason."""
    found = {portal: portal_problem(portal) for portal in portals}
    return {portal: problem for portal, problem in found.items() if problem is not None}
