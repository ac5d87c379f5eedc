# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts from /proc/PID/mountinfo; see proc_pid_mountinfo(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from .files import Host


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo, its octal escapes resolved. C(device) is C(major:minor), C(kind) the file system's type.

    C(number) and C(parent) are the kernel's numbers of this mount and of the mount on which it is mounted.
    """

    point: str
    device: str
    root: str
    kind: str
    source: str
    options: Tuple[str, ...]
    propagation: Tuple[str, ...]
    parameters: Mapping[str, str]
    number: int = field(default=0, compare=False)
    parent: int = field(default=0, compare=False)

    @property
    def identity(self) -> Tuple[str, str]:
        """A value that is equal for mounts that show the same files."""
        return self.device, self.root


def parse_mountinfo(text: str) -> Tuple[Mount, ...]:
    """All mounts, in the kernel's order: of several mounts on one point the last is visible. A line of another form is skipped."""
    return tuple(_mounts(text))


def top_mounts(mounts: Iterable[Mount]) -> Dict[str, Mount]:
    """The mount that is visible at each mount point."""
    return {mount.point: mount for mount in mounts}


def visible_points(mounts: Sequence[Mount]) -> Iterator[str]:
    """The mount points that a process can reach.

    A mount of the host that is made later below a folder over which the process has another mount comes into its table, and is hidden.
    """
    children = {(mount.parent, mount.point): mount for mount in mounts if mount.parent != mount.number}
    numbers = {mount.number for mount in mounts}
    roots = [mount for mount in mounts if mount.point == "/" and mount.parent not in numbers - {mount.number}]
    for point in dict.fromkeys(mount.point for mount in mounts):
        found = _walk(roots[0], point, children) if roots else None
        if found is None or found.point == point:
            yield point


def _walk(root: Mount, point: str, children: Mapping[Tuple[int, str], Mount]) -> Mount:
    """The mount that is reached by a path."""
    current = root
    names = [name for name in point.split("/") if name]
    for length in range(len(names) + 1):
        place = "/" + "/".join(names[:length])
        while (current.number, place) in children:
            current = children[current.number, place]
    return current


def read_mounts(host: Host, process: str = "self", errors: str = "replace") -> Tuple[Mount, ...]:
    """The mounts that a process sees; empty if it has ended.

    :arg errors: V(surrogateescape) keeps the bytes of a mount point that are not UTF-8, for a caller that uses the path.
    """
    try:
        return parse_mountinfo(host.text(f"/proc/{process}/mountinfo", errors) or "")
    except OSError:
        return ()


def _mounts(text: str) -> Iterator[Mount]:
    # A name may have the other characters that splitlines takes for the end of a line: the kernel escapes only the usual one.
    for line in text.split("\n"):
        words = line.split(" ")
        if "-" not in words[6:] or len(words) < words.index("-", 6) + 4:
            continue
        if not words[0].isdecimal() or not words[1].isdecimal():
            continue
        split = words.index("-", 6)
        yield Mount(
            point=unescaped(words[4]),
            device=words[2],
            root=unescaped(words[3]),
            kind=words[split + 1],
            source=unescaped(words[split + 2]),
            options=tuple(words[5].split(",")),
            propagation=tuple(words[6:split]),
            parameters=dict(_parameter(word) for word in words[split + 3].split(",")),
            number=int(words[0]),
            parent=int(words[1]),
        )


def _parameter(word: str) -> Tuple[str, str]:
    name, _equals, value = word.partition("=")
    return name, value


def unescaped(text: str) -> str:
    """A word of mountinfo or swaps with its octal escapes resolved, such as C(\\040) for a blank."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)


@dataclass(frozen=True)
class MountTable:
    """Mount points by device, and swap areas; read once for a whole observation."""

    by_number: Mapping[str, List[str]]
    by_name: Mapping[str, List[str]]
    swap_files: Tuple[str, ...]
    swap_names: Tuple[str, ...]

    def points(self, number: Optional[str], name: str) -> List[str]:
        """The mount points of a device, by its C(major:minor) and its kernel name, in the kernel's order, each once."""
        return list(dict.fromkeys([*self.by_number.get(number or "", []), *self.by_name.get(name, [])]))


def read_mount_table(host: Host) -> MountTable:
    """The mounts and swap areas of the host.

    A file system on several devices, such as btrfs, has its own device number, and its source names the first device. So sources also
    count, by the kernel's name of their device, whatever their spelling is (C(/dev/mapper/NAME), C(/dev/disk/by-uuid/UUID)).
    """
    by_number: Dict[str, List[str]] = {}
    by_name: Dict[str, List[str]] = {}
    for mount in read_mounts(host):
        by_number.setdefault(mount.device, []).append(mount.point)
        if mount.device.startswith("0:") and mount.source.startswith("/dev/"):
            by_name.setdefault(host.base_name(mount.source), []).append(mount.point)
    areas = [host.resolve(unescaped(line.split()[0])) for line in (host.read("/proc/swaps") or "").splitlines()[1:] if line.strip()]
    names = tuple(area.rpartition("/")[2] for area in areas if area.startswith("/dev/"))
    return MountTable(by_number, by_name, tuple(areas), names)
