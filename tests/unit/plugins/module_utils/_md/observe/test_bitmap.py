# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a write-intent bitmap says has to be copied."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.bitmap import BitmapHeader, dirty_bytes, parse_header, read_dirty
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.superblock import parse
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import RecordedHost

MIB = 1 << 20


def bitmap(size: int, chunk: int, bits: int, magic: int = 0x6D746962, version: int = 4) -> bytes:
    header = struct.pack("<II16sQQQII", magic, version, b"u" * 16, 8, 0, size // 512, 0, chunk)
    return (header.ljust(256, b"\0") + bits.to_bytes(512, "little")).ljust(4096, b"\xff")


@pytest.mark.parametrize(
    ("bits", "expected"),
    # As mdadm -X showed it: 510 MiB in chunks of 64 MiB, the last of which is only 62 MiB.
    [(0, 0), (1, 64 * MIB), (0b11, 128 * MIB), (0xFF, 510 * MIB), (0xFF00, 0)],
)
def test_set_bits_are_chunks_of_the_array(bits: int, expected: int) -> None:
    data = bitmap(510 * MIB, 64 * MIB, bits)
    header = parse_header(data)
    assert header == BitmapHeader(510 * MIB, 64 * MIB)
    assert header.bits == 8
    assert dirty_bytes(header, data) == expected


@pytest.mark.parametrize(
    "data",
    [
        bitmap(510 * MIB, 64 * MIB, 0, magic=1),
        bitmap(510 * MIB, 0, 0),
        bitmap(1 << 50, 4096, 0),
        bytes(4096),
        # A lockless bitmap has a byte for each chunk.
        bitmap(510 * MIB, 64 * MIB, 0xFF, version=6),
    ],
)
def test_what_is_no_bitmap(data: bytes) -> None:
    assert parse_header(data) is None


@given(st.integers(0, (1 << 200) - 1))
def test_never_more_than_there_is(bits: int) -> None:
    header = BitmapHeader(200 * MIB - 512, MIB)
    assert 0 <= dirty_bytes(header, bitmap(header.size, header.chunk, bits)) <= header.size


def test_a_recorded_member_says_where_its_bitmap_is(folder: Path) -> None:
    host = RecordedHost.load(folder / "stripe.json")
    block = parse("1.2", 4096, host.read("/dev/ubdb", 4096, 4096) or b"")
    assert block
    assert block.bitmap
    assert block.bitmap_place == 4096 + 8 * 512
    assert (block.active, block.recovering, block.faulty) == ((0, 1, 2), False, False)
    assert block.data_offset % (1 << 20) == 0
    assert block.updated > 1_700_000_000
    # Where the bitmap itself was recorded, it is of the whole array; blocks of zeros are none.
    dirty = read_dirty(host, "/dev/ubdb", block)
    assert (dirty is not None) == (f"read /dev/ubdb {block.bitmap_place}" in host.answers)
    assert 0 <= (dirty or 0) <= block.component_size
