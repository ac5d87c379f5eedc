# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write-intent bitmaps inside arrays, read from a member: the number of bytes that may differ on a member that was away.

The fields are defined by C(struct bitmap_super_s) in the kernel's C(drivers/md/md-bitmap.h); a bit stands for one chunk.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Optional

from ..model.block_device import Superblock
from .probe import Probe

_BLOCK = 4096
_MAGIC = 0x6D746962
_VERSIONS = (3, 4, 5)
"""The versions with a bit for each chunk; a lockless bitmap, version 6, has a byte."""

_HEADER = struct.Struct("<II16sQQQII")
_BITS_AFTER = 256
_SECTOR = 512
_MOST_BYTES = 1 << 20
"""The length in bytes up to which a bitmap is taken for md's."""


@dataclass(frozen=True)
class BitmapHeader:
    """The header of a bitmap: the bytes that the bitmap covers, and the bytes of one bit."""

    size: int
    chunk: int

    @property
    def bits(self) -> int:
        """Number of chunks."""
        return -(-self.size // self.chunk)

    @property
    def length(self) -> int:
        """The bitmap's length on the device in bytes, in whole blocks."""
        return -(-(_BITS_AFTER + -(-self.bits // 8)) // _BLOCK) * _BLOCK


def parse_header(data: bytes) -> Optional[BitmapHeader]:
    """The header at the beginning of C(data), C(None) if there is none."""
    magic, version, _uuid, _events, _cleared, sectors, _state, chunk = _HEADER.unpack_from(data)
    header = BitmapHeader(sectors * _SECTOR, chunk) if magic == _MAGIC and version in _VERSIONS and chunk and sectors else None
    return header if header and header.length <= _MOST_BYTES else None


def dirty_bytes(header: BitmapHeader, data: bytes) -> int:
    """The bytes of a member that the set bits stand for; C(data) is the whole bitmap with its header."""
    bits = int.from_bytes(data[_BITS_AFTER : _BITS_AFTER + -(-header.bits // 8)], "little") & (1 << header.bits) - 1
    return min(bin(bits).count("1") * header.chunk, header.size)


def read_dirty(probe: Probe, node: str, superblock: Superblock) -> Optional[int]:
    """The bytes that may differ by the bitmap of a member, C(None) if the member has no bitmap or cannot be read."""
    if not superblock.bitmap_place:
        return None
    first = probe.read(node, superblock.bitmap_place, _BLOCK)
    header = parse_header(first) if first and len(first) == _BLOCK else None
    data = probe.read(node, superblock.bitmap_place, header.length) if header else None
    return dirty_bytes(header, data) if header and data and len(data) == header.length else None
