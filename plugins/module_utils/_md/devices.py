# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read one block device from sysfs: its size, what holds it, and the md superblock on it."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

from .block_device import BlockDevice, Superblock
from .host import Host
from .superblock import BLOCK, parse, places

_CLASS = "/sys/class/block"
_SECTOR = 512


class Mounts:
    """Which devices are mounted or swapped to, read once for a whole observation."""

    def __init__(self, host: Host) -> None:
        self.by_number: Dict[str, List[str]] = {}
        self.by_source: Dict[str, List[str]] = {}
        for line in (host.text("/proc/self/mountinfo") or "").splitlines():
            self._add(line.split(" "))
        swaps = (host.text("/proc/swaps") or "").splitlines()[1:]
        self.swaps = {host.target(_unescaped(line.split()[0])) for line in swaps if line.strip()}

    def _add(self, fields: List[str]) -> None:
        point = _unescaped(fields[4])
        self.by_number.setdefault(fields[2], []).append(point)
        # btrfs shows a number of its own, but the source names the first device.
        source = fields[fields.index("-") + 2]
        self.by_source.setdefault(source, []).append(point)

    def of(self, number: str, node: str) -> Tuple[str, ...]:
        """Mount points of a device."""
        return tuple(sorted({*self.by_number.get(number, []), *self.by_source.get(node, [])}))


def _unescaped(text: str) -> str:
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, character)
    return text


def kernel_name(host: Host, number: str) -> str:
    """The kernel's name of the device C(major:minor)."""
    return host.target(f"/sys/dev/block/{number}").rpartition("/")[2]


def all_kernel_names(host: Host) -> List[str]:
    """Every block device of the host that has a size."""
    return [name for name in host.names(_CLASS) if host.text(f"{_CLASS}/{name}/size") not in (None, "0")]


def read_device(host: Host, name: str, mounts: Mounts, links: Mapping[str, str]) -> Optional[BlockDevice]:
    """What sysfs says of a block device; C(None) if there is no such device."""
    folder = f"{_CLASS}/{name}"
    size = host.text(f"{folder}/size")
    if size is None:
        return None
    number = host.text(f"{folder}/dev") or ""
    inside = [entry for entry in host.names(folder) if entry.startswith(name)]
    partitions = tuple(entry for entry in inside if host.text(f"{folder}/{entry}/partition") is not None)
    node = "/dev/" + name.replace("!", "/")
    points = set(mounts.of(number, node))
    for partition in partitions:
        points |= set(mounts.of(host.text(f"{folder}/{partition}/dev") or "", f"/dev/{partition}"))
    return BlockDevice(
        kernel_name=name,
        size=int(size) * _SECTOR,
        read_only=host.text(f"{folder}/ro") == "1",
        identity=_identity(host, folder),
        holders=tuple(_holder(host, holder) for holder in host.names(f"{folder}/holders")),
        partitions=partitions,
        mounts=tuple(sorted(points)),
        swap=node in mounts.swaps,
        by_path=links.get(name, ""),
    )


def _holder(host: Host, name: str) -> str:
    """Device-mapper devices by the name their owner gave them, others by the kernel's."""
    label = host.text(f"{_CLASS}/{name}/dm/name") if name.startswith("dm-") else None
    return f"{label} ({name})" if label else name


def _identity(host: Host, folder: str) -> str:
    """What stays the same whatever path leads to the device: its WWN, its device-mapper UUID, or the file behind a loop.

    Two partitions of one disk are two devices, so the partition's number belongs to it.
    """
    partition = host.text(f"{folder}/partition")
    disk = f"{folder}/.." if partition is not None else folder
    for entry in ("device/wwid", "wwid", "dm/uuid"):
        text = host.text(f"{disk}/{entry}")
        if text:
            return f"{text} {partition}" if partition is not None else text
    backing = host.text(f"{disk}/loop/backing_file")
    if backing:
        return f"file {backing} at {host.text(f'{disk}/loop/offset')} {partition or ''}".strip()
    return ""


def by_path_links(host: Host) -> Dict[str, str]:
    """Kernel names and the /dev/disk/by-path link to each."""
    folder = "/dev/disk/by-path"
    return {host.target(f"{folder}/{link}").rpartition("/")[2]: f"{folder}/{link}" for link in reversed(host.names(folder))}


def read_superblock(host: Host, node: str, size: int) -> Optional[Superblock]:
    """The version-1 superblock on a device, at the first place that has a sound one."""
    for version, offset in places(size):
        data = host.read(node, offset, BLOCK)
        found = parse(version, offset, data) if data else None
        if found:
            return found
    return None
