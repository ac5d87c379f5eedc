# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disk of a machine is which EBS volume. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence

from .._core.errors import ObservationError, RefusedError
from .options import Volume
from .state import Disk, xen_name


@dataclass(frozen=True)
class Found:
    """A volume and its disk; C(by) tells what identified the disk, C(serial) or C(name)."""

    volume: Volume
    disk: Disk
    by: str


def all_volumes(disks: Sequence[Disk]) -> List[Volume]:
    """The volumes of all disks with an id in their serial number, ordered by id; disks that the machine runs from are omitted."""
    return [Volume(identity) for identity in sorted({disk.volume_id for disk in disks if disk.volume_id and not disk.system})]


def ready(disks: Sequence[Disk], volumes: Sequence[Volume]) -> bool:
    """Whether every volume is on a disk with a lasting name."""
    found = [_candidates(disks, volume) for volume in volumes]
    return all(found) and all(item.disk.path for candidates in found for item in candidates)


def identify(disks: Sequence[Disk], volumes: Sequence[Volume]) -> List[Found]:
    """The disks of the volumes, in their order.

    :raises ObservationError: a volume is on no disk, on several disks, or on a disk without a lasting name.
    :raises RefusedError: a volume is the disk that the machine runs from.
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
            raise ObservationError(f"{volume}: more than one disk claims to be this volume: {names}. Do not write to any of these disks")
        if candidates[0].disk.system:
            raise RefusedError(str(volume), f"this machine runs from it: {candidates[0].disk.name}", "Name the volumes for data only")
        if candidates[0].disk.path is None:
            raise ObservationError(
                f"{volume}: is {candidates[0].disk.name}, which has no name in /dev/disk/by-id that is the same after a reboot. "
                f"See udev's data: udevadm info /dev/{candidates[0].disk.name}; the name can take a moment to appear"
            )
        found += candidates
    return found


def _candidates(disks: Sequence[Disk], volume: Volume) -> List[Found]:
    by_serial = [Found(volume, disk, "serial") for disk in disks if disk.volume_id == volume.volume_id]
    if by_serial or volume.attached_as is None:
        return by_serial
    # A disk with the serial number of another volume is not identified by its name.
    name = xen_name(volume.attached_as)
    return [Found(volume, disk, "name") for disk in disks if disk.name == name and disk.volume_id is None]


def _seen(disks: Sequence[Disk]) -> str:
    shown = [f"{disk.name} {disk.volume_id or disk.serial or ''}".strip() for disk in disks]
    return ", ".join(shown) if shown else "no NVMe and no Xen disks"
