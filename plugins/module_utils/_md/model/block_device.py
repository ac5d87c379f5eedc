# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block devices, and the superblocks that make them members of arrays. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ..._host.block import node_of

Uuid = str
"""An array's UUID: 32 hexadecimal digits in lower case; L(shown_uuid) gives mdadm's form."""


def plain_uuid(text: str) -> Uuid:
    """A UUID in plain form, from mdadm's form with colons or that of sysfs with dashes."""
    return "".join(character for character in text.lower() if character in "0123456789abcdef")


def shown_uuid(uuid: Uuid) -> str:
    """A UUID in the form that mdadm prints and reads: four groups of eight digits, with colons."""
    return ":".join(uuid[start : start + 8] for start in range(0, 32, 8))


@dataclass(frozen=True)
class Superblock:
    """A version-1 superblock of one member. C(role) is its slot, C(None) for a spare. In bytes: C(chunk), C(data_offset), C(data_size),
    C(bitmap_place), the beginning of the bitmap on the device, and C(component_size), the part of every member that the array uses (0
    for a level that uses all of each member).

    C(active) are the slots that had a member when the superblock was written, C(updated) is the time of that write, in seconds since 1970.
    C(recovering): the member holds only part of its data. C(marked): its bad block log has entries. C(created) is the time of the array's
    creation, in microseconds since 1970. C(journal): the device is the array's journal; C(journaled): the array has a journal.
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
    created: int = 0
    journal: bool = False
    journaled: bool = False

    @property
    def name(self) -> str:
        """The array's name without the homehost before it."""
        return self.label.rpartition(":")[2]


@dataclass(frozen=True)
class Signature:
    """A signature that libblkid recognises on a device, by its type (C(ext4), C(gpt), C(LVM2_member) ...)."""

    kind: str
    uuid: str = ""
    label: str = ""


@dataclass(frozen=True)
class BlockDevice:
    """A block device with its uses and content. C(answers) is false if reading it fails. C(block_size) is the size of its logical blocks in
    bytes, 0 if it is not known.

    C(mounts) and C(swap) include its partitions; C(holders) do not, so that planning can follow them.
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
    block_size: int = 0

    @property
    def node(self) -> str:
        """The kernel's device node."""
        return node_of(self.kernel_name)
