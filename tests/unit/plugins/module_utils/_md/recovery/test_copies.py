# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where copies lie on the members of mirrors that have everything on each."""

from __future__ import annotations

from typing import List, Set, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.survivor import Range
from ansible_collections.fleetlab.linux.plugins.module_utils._md.recovery.copies import Copies, everywhere, without

CHUNK = 64 * 1024
SECTORS = CHUNK // 512
MIB = 1 << 20


def copies(layout: int, devices: int = 3, level: str = "raid10") -> Copies:
    return Copies(level, layout, devices, CHUNK, 6 * MIB)


# As md has it: "sd[abc], chunk 1 of each" and so on, from the tables in md(4).
@pytest.mark.parametrize(
    ("layout", "chunk", "rows"),
    [
        (0x103, 5, (5, 5, 5)),
        (0x10301, 0, (0, 1, 2)),
        (0x10301, 1, (2, 0, 1)),
        (0x10301, 2, (1, 2, 0)),
        (0x10301, 4, (5, 3, 4)),
        (0x301, 0, (0, 32, 64)),
        (0x301, 1, (64, 0, 32)),
        (0x301, 5, (33, 65, 1)),
    ],
)
def test_each_member_has_a_copy_in_its_own_row(layout: int, chunk: int, rows: Tuple[int, ...]) -> None:
    places = copies(layout)
    for slot, row in enumerate(rows):
        assert places.on_member(slot, [(chunk * SECTORS + 3, 5)]) == [(row * SECTORS + 3, 5)]
        assert places.in_array(slot, [(row * SECTORS + 3, 5)]) == [(chunk * SECTORS + 3, 5)]


@given(
    st.sampled_from([0x102, 0x103, 0x104, 0x201, 0x301, 0x401, 0x10201, 0x10301, 0x10401]),
    st.integers(0, 3),
    st.lists(st.tuples(st.integers(0, 30 * SECTORS), st.integers(1, 3 * SECTORS)), max_size=3),
)
def test_what_lies_in_the_array_lies_on_the_member(layout: int, slot: int, ranges: List[Range]) -> None:
    devices = max(layout & 0xFF, layout >> 8 & 0xFF)
    places = copies(layout, devices)
    on_member = places.on_member(slot % devices, ranges)
    assert sum(size for _first, size in on_member) == sum(size for _first, size in ranges)
    assert sectors(places.in_array(slot % devices, on_member)) == sectors(ranges)


def sectors(ranges: List[Range]) -> Set[int]:
    return {sector for first, size in ranges for sector in range(first, first + size)}


def test_a_raid1_has_all_in_the_same_place() -> None:
    assert copies(0, level="raid1").on_member(1, [(12345, 4096)]) == [(12345, 4096)]


@pytest.mark.parametrize(
    ("level", "layout", "devices", "known"),
    [
        ("raid1", 0, 2, True),
        ("raid10", 0x10301, 3, True),
        ("raid10", 0x103, 3, True),
        ("raid10", 0x301, 3, True),
        ("raid10", 0x102, 3, False),
        ("raid10", 0x202, 4, False),
        ("raid10", 0x20301, 3, False),
        ("raid5", 2, 3, False),
        ("raid0", 0, 2, False),
    ],
)
def test_arrays_whose_members_all_have_everything(level: str, layout: int, devices: int, known: bool) -> None:
    assert everywhere(level, layout, devices) == known


ranges_of = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=6).map(sorted)


@given(ranges_of, ranges_of)
def test_ranges_without_others(ranges: List[Range], others: List[Range]) -> None:
    assert sectors(without(ranges, others)) == sectors(ranges) - sectors(others)
