# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Version-1 md superblocks, decoded from the bytes on a member.

The bytes are read from the device and not with mdadm: C(mdadm --examine --export) omits role, layout and chunk, its prose is no
interface, and one process for each member takes too long. The fields are defined by C(struct mdp_superblock_1) in the kernel's
user-space header C(linux/raid/md_p.h).
"""

from __future__ import annotations

import struct
from typing import List, Optional, Tuple

from ..model.block_device import Superblock, plain_uuid
from ..model.levels import level_name
from .probe import Probe

PLACE = 4096
"""Bytes to read at each place of L(places); every place is a multiple of this number."""

_MAGIC = 0xA92B4EFC
_HEADER = struct.Struct("<IIII16s32sQiIQIIi")
_SUPER_OFFSET = 144
_NEW_SHAPE = struct.Struct("<II")
_NEW_SHAPE_OFFSET = 116
_DEVICE_NUMBER = 160
_DATA_OFFSET = 128
_DATA_SIZE = 136
_UPDATED = 192
_EVENTS = 200
_CHECKSUM = 216
_MAX_DEVICES = 220
_ROLES = 256
_HAS_BITMAP = 1
_RECOVERING = 2
_RESHAPING = 4
_MARKED = 8
_JOURNALED = 512
_ROLE_SPARE = 0xFFFF
_ROLE_JOURNAL = 0xFFFD
# The upper bits are microseconds.
_SECONDS = (1 << 40) - 1
_SECTOR = 512


def places(size: int) -> List[Tuple[str, int]]:
    """Version and byte offset of each place where a device of C(size) bytes may carry a superblock.

    The place at the end is first: the data of a version-1.0 array begin at the beginning of the device, so a version-1.2 superblock there
    can belong to another array that has this array as a member.
    """
    # Version 1.0 is at least 8 KiB and less than 12 KiB before the end, on a 4 KiB boundary.
    end = (size // _SECTOR - 16) // 8 * 8 * _SECTOR
    found = [("1.0", end)] if end > PLACE else []
    found += [("1.1", 0), ("1.2", PLACE)]
    return [(version, offset) for version, offset in found if offset + PLACE <= size]


def parse(version: str, offset: int, data: bytes) -> Optional[Superblock]:
    """The superblock in C(data), which was read at C(offset); C(None) if there is no valid superblock."""
    if len(data) < _ROLES + 2:
        return None
    magic, major, features, _pad, uuid, label, ctime, level, layout, size, chunk, disks, bitmap = _HEADER.unpack_from(data)
    if (magic, major) != (_MAGIC, 1) or struct.unpack_from("<Q", data, _SUPER_OFFSET)[0] * _SECTOR != offset:
        return None
    if not _sound(data):
        return None
    if features & _RESHAPING:
        # As in sysfs, the values after a reshape count; the number of devices is the new number already.
        layout, chunk = _NEW_SHAPE.unpack_from(data, _NEW_SHAPE_OFFSET)
    role = _role(data)
    return Superblock(
        version=version,
        uuid=plain_uuid(uuid.hex()),
        label=label.rstrip(b"\0").decode("utf-8", "replace"),
        level=level_name(level),
        layout=layout,
        chunk=chunk * _SECTOR,
        raid_disks=disks,
        role=role if role < _ROLE_JOURNAL else None,
        events=struct.unpack_from("<Q", data, _EVENTS)[0],
        bitmap=bool(features & _HAS_BITMAP),
        faulty=_ROLE_JOURNAL < role < _ROLE_SPARE,
        active=_active(data),
        recovering=bool(features & _RECOVERING),
        marked=bool(features & _MARKED),
        data_offset=struct.unpack_from("<Q", data, _DATA_OFFSET)[0] * _SECTOR,
        data_size=struct.unpack_from("<Q", data, _DATA_SIZE)[0] * _SECTOR,
        component_size=size * _SECTOR,
        updated=struct.unpack_from("<Q", data, _UPDATED)[0] & _SECONDS,
        # The place is counted from the superblock, in sectors, and lies before it in version 1.0.
        bitmap_place=offset + bitmap * _SECTOR if features & _HAS_BITMAP else 0,
        created=(ctime & _SECONDS) * 1000000 + (ctime >> 40),
        journal=role == _ROLE_JOURNAL,
        journaled=bool(features & _JOURNALED),
    )


def read_superblock(probe: Probe, node: str, size: int, version: str = "") -> Optional[Superblock]:
    """The valid version-1 superblock on a device of C(size) bytes; C(None) if there is none.

    C(version) is the version that the kernel uses on the device, if it does: another superblock there is a former array's. Without it, the
    place at the end comes first, unless the superblock there was left by a former array, see L(is_left).
    """
    found: List[Tuple[int, Superblock]] = []
    for one, offset in places(size):
        data = probe.read(node, offset, PLACE) if version in ("", one) else None
        block = parse(one, offset, data) if data else None
        if block:
            found.append((offset, block))
    if len(found) > 1 and is_left(*found[0], found[1][1]):
        return found[1][1]
    return found[0][1] if found else None


def is_left(end: int, last: Superblock, first: Superblock) -> bool:
    """Whether the superblock C(last) at the offset C(end) was left on a device that C(first), at its beginning, was written to later.

    The data of an array inside a version-1.0 array end before the superblock of the latter. If they reach beyond it, both superblocks were
    written to the device itself, and the newer array counts.
    """
    return last.version == "1.0" and first.data_offset + first.data_size > end and first.created > last.created


def _sound(data: bytes) -> bool:
    """Whether the checksum is correct: the sum of all words, with its carry added, where the checksum itself counts as zero."""
    length = _ROLES + 2 * int(struct.unpack_from("<I", data, _MAX_DEVICES)[0])
    if length > len(data):
        return False
    stored = int(struct.unpack_from("<I", data, _CHECKSUM)[0])
    words = struct.unpack_from(f"<{length // 4}I", data)
    total: int = sum(words) - stored
    if length % 4:
        total += struct.unpack_from("<H", data, length - 2)[0]
    return ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF == stored


def _active(data: bytes) -> Tuple[int, ...]:
    """The slots that have a member in the table of roles."""
    count = int(struct.unpack_from("<I", data, _MAX_DEVICES)[0])
    roles = struct.unpack_from(f"<{count}H", data, _ROLES)
    return tuple(sorted({role for role in roles if role < _ROLE_JOURNAL}))


def _role(data: bytes) -> int:
    number = int(struct.unpack_from("<I", data, _DEVICE_NUMBER)[0])
    if number >= int(struct.unpack_from("<I", data, _MAX_DEVICES)[0]):
        return _ROLE_SPARE
    return int(struct.unpack_from("<H", data, _ROLES + 2 * number)[0])
