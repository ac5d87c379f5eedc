# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a block device? Mounts, swap areas, holders such as md and the device mapper, and programs that opened it exclusively.

sysfs shows holders and /proc shows mounts. The kernel's answer to an exclusive open covers all other uses: a mount in another mount
namespace, an export by a target, a program.
"""

from __future__ import annotations

import errno
import mmap
import os
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from .files import Host
from .mounts import MountTable

BLOCK = "/sys/class/block"
SECTOR = 512
"""Bytes of a sector, the unit of sizes in sysfs, independent of the device's own blocks."""

HELD, MOUNTED, SWAP = "is held by", "is mounted on", "is swap space in use"


@dataclass(frozen=True)
class Use:
    """One use of a block device, or of its partition; C(str) of it is a sentence such as C(sda1 is mounted on /srv)."""

    part: str
    how: str
    by: str = ""

    def __str__(self) -> str:
        return f"{self.part} {self.how} {self.by}".rstrip()


def node_of(name: str) -> str:
    """The device node of a kernel name; the C(/) of C(cciss/c0d0) is C(!) in sysfs."""
    return "/dev/" + name.replace("!", "/")


def kernel_name(host: Host, number: str) -> str:
    """The kernel's name of the device C(major:minor)."""
    return host.base_name(f"/sys/dev/block/{number}")


def size_of(host: Host, name: str) -> Optional[int]:
    """Bytes of a device; C(None) if no device has the name."""
    sectors = host.number(f"{BLOCK}/{name}/size")
    return None if sectors is None else sectors * SECTOR


def partitions_of(host: Host, name: str) -> Tuple[str, ...]:
    """The kernel names of a disk's partitions."""
    folder = f"{BLOCK}/{name}"
    return tuple(entry for entry in host.names(folder) if entry.startswith(name) and host.exists(f"{folder}/{entry}/partition"))


def disk_of(host: Host, name: str) -> str:
    """The whole disk of a partition; for a whole disk the disk itself."""
    if not host.exists(f"{BLOCK}/{name}/partition"):
        return name
    return host.resolve(f"{BLOCK}/{name}").split("/")[-2]


def holders_of(host: Host, name: str) -> Tuple[str, ...]:
    """The devices that are built on this device; devices of the device mapper are shown with their own name, as C(vg-lv (dm-0))."""
    return tuple(_shown(host, holder) for holder in host.names(f"{BLOCK}/{name}/holders"))


def _shown(host: Host, name: str) -> str:
    label = host.value(f"{BLOCK}/{name}/dm/name")
    return f"{label} ({name})" if label else name


def uses_of(host: Host, name: str, table: MountTable) -> Tuple[Use, ...]:
    """All uses of a device and of its partitions that sysfs and /proc show."""
    return tuple(use for part in (name, *partitions_of(host, name)) for use in _uses(host, part, table))


def _uses(host: Host, name: str, table: MountTable) -> Iterator[Use]:
    for holder in holders_of(host, name):
        yield Use(name, HELD, holder)
    for point in table.points(host.value(f"{BLOCK}/{name}/dev"), name):
        yield Use(name, MOUNTED, point)
    if name in table.swap_names:
        yield Use(name, SWAP)


def file_uses(host: Host, path: str, table: MountTable) -> Iterator[str]:
    """The uses of a regular file as a disk, in words; C(path) contains no links."""
    for name in host.names(BLOCK):
        if name.startswith("loop") and host.value(f"{BLOCK}/{name}/loop/backing_file") == path:
            yield f"it is attached to {name}"
    if path in table.swap_files:
        yield "it is swap space in use"


def is_claimed(host: Host, node: str) -> bool:
    """Whether the device is in exclusive use: by a mount, md, dm, swap, a target or a program."""
    return open_error(host, node) == errno.EBUSY


def open_error(host: Host, node: str) -> int:
    """The error number of an exclusive open of the device: 0 if it succeeds, EBUSY for a device in exclusive use.

    Without O_CREAT, O_EXCL claims the device; the claim is freed at once. A read-only open changes nothing.
    """
    try:
        os.close(os.open(host.root + node, os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def read_past_cache(host: Host, node: str, offset: int, length: int) -> Optional[bytes]:
    """C(length) bytes of a block device from byte C(offset), or C(None) if they cannot be read.

    The read bypasses the page cache, because md writes superblocks without it, and a cached block can be older.
    """
    try:
        descriptor = os.open(host.root + node, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # O_DIRECT needs memory that is aligned to the device's blocks, and a page is.
        with mmap.mmap(-1, length) as buffer:
            return buffer[: os.preadv(descriptor, [buffer], offset)]
    except OSError:
        return None
    finally:
        os.close(descriptor)


def links_to(host: Host, folder: str) -> Iterator[Tuple[str, str]]:
    """The links in a folder below /dev/disk, each after the kernel name of its device, in the order of the links' names."""
    for link in host.names(folder):
        yield host.base_name(f"{folder}/{link}"), f"{folder}/{link}"


def whole_disks_below(host: Host, name: str) -> List[str]:
    """The whole disks below a device, through partitions, RAID and logical volumes."""
    disk = disk_of(host, name)
    below = host.names(f"{BLOCK}/{disk}/slaves")
    return [found for slave in below for found in whole_disks_below(host, slave)] if below else [disk]
