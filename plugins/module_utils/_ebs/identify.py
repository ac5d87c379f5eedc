# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disk of a machine is which EBS volume. Pure.

Machines of the Nitro kind have NVMe disks, whose serial number is the id of the volume without its dash; what they are called changes
from boot to boot. Older ones have Xen disks without a serial number, which are called after the name that they were attached under.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from .._core.errors import InputError, ObservationError, RefusedError

_ID = re.compile(r"vol-?([0-9a-f]{8}(?:[0-9a-f]{9})?)")
_ATTACHED = re.compile(r"(?:/dev/)?(?:sd|xvd)([a-z]{1,2})[0-9]*")


@dataclass(frozen=True)
class Disk:
    """One whole disk as the kernel shows it. C(links) are its lasting names, C(system) says that the machine runs from it."""

    name: str
    size: int
    serial: Optional[str] = None
    links: Tuple[str, ...] = ()
    system: bool = False

    @property
    def volume_id(self) -> Optional[str]:
        """The volume that its serial number names."""
        return volume_id(self.serial or "")

    @property
    def path(self) -> Optional[str]:
        """The name that lasts: the shortest of those made of the serial number, None until udev has made one.

        What a disk that does not say what it is is called comes from the name it was attached under, and lasts as long.
        """
        if self.volume_id is None:
            return f"/dev/{self.name}"
        named = [link for link in self.links if str(self.serial) in link]
        return min(named, key=lambda link: (len(link), link), default=None)


@dataclass(frozen=True)
class Volume:
    """A volume that is looked for, and the name it was attached under, without which old machines cannot tell."""

    volume_id: str
    attached_as: Optional[str] = None
    name: Optional[str] = None

    def __str__(self) -> str:
        known = [text for text in (self.name, f"attached as {self.attached_as}" if self.attached_as else None) if text]
        return f"{self.volume_id} ({', '.join(known)})" if known else self.volume_id


@dataclass(frozen=True)
class Found:
    """A volume and its disk; C(by) is C(serial) or C(name)."""

    volume: Volume
    disk: Disk
    by: str


def volume_id(text: str) -> Optional[str]:
    """The id that a serial number, or an id in either spelling, stands for."""
    match = _ID.fullmatch(text.strip())
    return f"vol-{match.group(1)}" if match else None


def xen_name(attached_as: str) -> Optional[str]:
    """What a Xen disk is called that was attached under this name: xvdf for /dev/sdf."""
    match = _ATTACHED.fullmatch(attached_as)
    return f"xvd{match.group(1)}" if match else None


def make_volume(given: str, attached_as: Optional[str] = None, name: Optional[str] = None) -> Volume:
    """A volume from what a user wrote.

    :raises InputError: for what is no id of a volume, or no name of a device.
    """
    known = volume_id(given)
    if known is None:
        raise InputError("volumes", f"{given!r} is not the id of a volume, such as vol-0123456789abcdef0")
    if attached_as is not None and xen_name(attached_as) is None:
        raise InputError("volumes", f"{attached_as!r} is not a name that a volume is attached under, such as /dev/sdf")
    return Volume(known, attached_as, name)


def check_volumes(volumes: Sequence[Volume]) -> None:
    """Refuse a list that names anything twice.

    :raises InputError: with what is named twice.
    """
    attached = [str(xen_name(volume.attached_as)) for volume in volumes if volume.attached_as]
    for names in ([volume.volume_id for volume in volumes], attached):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError("volumes", f"{', '.join(twice)}: named more than once")


def all_volumes(disks: Sequence[Disk]) -> List[Volume]:
    """Every volume that says by itself what it is, but for those the machine runs from, by their ids."""
    return [Volume(identity) for identity in sorted({disk.volume_id for disk in disks if disk.volume_id and not disk.system})]


def ready(disks: Sequence[Disk], volumes: Sequence[Volume]) -> bool:
    """Whether every volume is on a disk that has a name that lasts."""
    found = [_candidates(disks, volume) for volume in volumes]
    return all(found) and all(item.disk.path for candidates in found for item in candidates)


def identify(disks: Sequence[Disk], volumes: Sequence[Volume]) -> List[Found]:
    """The disk of every volume, in their order.

    :raises ObservationError: where a volume is on no disk, or on more than one, or on one without a name that lasts.
    :raises RefusedError: where a volume turns out to be the disk that the machine runs from.
    """
    absent = [volume for volume in volumes if not _candidates(disks, volume)]
    if absent:
        raise ObservationError(
            f"{'; '.join(str(volume) for volume in absent)}: no disk of this machine is this volume (there are {_seen(disks)}). "
            "See in EC2 whether it is attached to this instance; it can take a minute"
        )
    found = []
    for volume in volumes:
        candidates = _candidates(disks, volume)
        if len(candidates) > 1:
            names = ", ".join(item.disk.name for item in candidates)
            raise ObservationError(f"{volume}: more than one disk says that it is this volume: {names}. Nothing may be written to either")
        if candidates[0].disk.system:
            raise RefusedError(str(volume), f"this machine runs from it: {candidates[0].disk.name}", "Name the volumes for data only")
        if candidates[0].disk.path is None:
            raise ObservationError(
                f"{volume}: is {candidates[0].disk.name}, which has no name in /dev/disk/by-id that is the same after a reboot. "
                f"See what udev says of it: udevadm info /dev/{candidates[0].disk.name}; it can take a moment"
            )
        found += candidates
    return found


def _candidates(disks: Sequence[Disk], volume: Volume) -> List[Found]:
    by_serial = [Found(volume, disk, "serial") for disk in disks if disk.volume_id == volume.volume_id]
    if by_serial or volume.attached_as is None:
        return by_serial
    # A disk that says what it is, is not taken for another because of its name.
    name = xen_name(volume.attached_as)
    return [Found(volume, disk, "name") for disk in disks if disk.name == name and disk.volume_id is None]


def _seen(disks: Sequence[Disk]) -> str:
    shown = [f"{disk.name} {disk.volume_id or disk.serial or ''}".strip() for disk in disks]
    return ", ".join(shown) if shown else "no NVMe and no Xen disks"
