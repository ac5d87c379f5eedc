# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block devices, and what is written on them that makes them members of arrays. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ..._host.block import node_of

Uuid = str
"""An array's UUID: 32 hexadecimal digits in lower case; L(shown_uuid) is how mdadm writes it."""


def plain_uuid(text: str) -> Uuid:
    """A UUID from any of its spellings (mdadm's colons, sysfs' dashes)."""
    return "".join(character for character in text.lower() if character in "0123456789abcdef")


def shown_uuid(uuid: Uuid) -> str:
    """As mdadm prints it and reads it back: four groups of eight digits."""
    return ":".join(uuid[start : start + 8] for start in range(0, 32, 8))


@dataclass(frozen=True)
class Superblock:
    """A version-1 superblock of one member. C(role) is its slot, C(None) for a spare; C(chunk), C(data_offset), C(data_size) and
    C(bitmap_place), where the bitmap begins on the device, are in bytes, and so is C(component_size), which the array uses of
    every member (0 for a level that uses all of each).

    C(active) are the slots that had a member when it was written, C(updated) is when that was, in seconds since 1970.
    C(recovering) tells that the member holds only part of its data, C(marked) that its bad block log has entries.
    """

    version: str
    uuid: Uuid
    label: str
    level: str
    layout: int
    chunk: int
    raid_disks: int
    role: Optional[int]
    events: int
    bitmap: bool
    faulty: bool = False
    active: Tuple[int, ...] = ()
    recovering: bool = False
    data_offset: int = 0
    data_size: int = 0
    component_size: int = 0
    updated: int = 0
    bitmap_place: int = 0
    marked: bool = False

    @property
    def name(self) -> str:
        """The array's name without the homehost before it."""
        return self.label.rpartition(":")[2]


@dataclass(frozen=True)
class Signature:
    """Something that libblkid recognises on a device, by its type (C(ext4), C(gpt), C(LVM2_member) ...)."""

    kind: str
    uuid: str = ""
    label: str = ""


@dataclass(frozen=True)
class BlockDevice:
    """A block device and everything that may keep it from being used. C(answers) is false if reading it fails.

    C(mounts) and C(swap) are those of its partitions too; C(holders) are its own, so that planning can follow them.
    """

    kernel_name: str
    size: int
    read_only: bool = False
    identity: str = ""
    holders: Tuple[str, ...] = ()
    partitions: Tuple[str, ...] = ()
    partition_holders: Tuple[str, ...] = ()
    mounts: Tuple[str, ...] = ()
    swap: bool = False
    busy: bool = False
    users: Tuple[str, ...] = ()
    by_path: str = ""
    superblock: Optional[Superblock] = None
    signatures: Tuple[Signature, ...] = ()
    answers: bool = True

    @property
    def node(self) -> str:
        """The kernel's device node."""
        return node_of(self.kernel_name)
