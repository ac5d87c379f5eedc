# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layout words, copies and mirror sets."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.layout import (
    check_layout,
    decode,
    encode,
    redundancy_groups,
    survives,
    usable_size,
)


@pytest.mark.parametrize(("name", "word"), [("n2", 0x102), ("n3", 0x103), ("f2", 0x201), ("f3", 0x301), ("o2", 0x10201), ("o3", 66305)])
def test_raid10_words_go_both_ways(name: str, word: int) -> None:
    assert encode("raid10", name) == word
    assert decode("raid10", word) == name


def test_a_word_with_near_and_far_copies_is_named_in_full() -> None:
    assert decode("raid10", 0x202) == "n2f2"


def test_parity_layouts() -> None:
    assert encode("raid5", "left-symmetric") == 2
    assert decode("raid5", 2) == "left-symmetric"
    assert decode("raid6", 99) == "word-99"
    assert decode("raid0", -1) is None
    assert encode("raid10", None) is None


def test_raid1e_has_as_many_offset_copies_as_devices() -> None:
    assert check_layout("layout", "raid1e", None, 3) == "o3"
    assert check_layout("layout", "raid1e", "o2", 3) == "o2"
    assert check_layout("layout", "raid10", None, 3) is None


@pytest.mark.parametrize(
    ("level", "layout", "devices"),
    [
        ("raid10", "o4", 3),
        ("raid10", "x9", 3),
        ("raid10", "", 3),
        ("raid10", "o", 3),
        ("raid10", "n1", 3),
        ("raid10", "o03", 3),
        ("raid10", "n2f2", 4),
        ("raid1e", "o4", 3),
        ("raid5", "o3", 3),
        ("raid1", "n2", 2),
        ("raid0", "n2", 2),
        ("raid5", None, 2),
        ("raid6", None, 3),
        ("raid0", None, 1),
    ],
)
def test_layouts_that_do_not_exist_are_refused(level: str, layout: str, devices: int) -> None:
    with pytest.raises(InputError, match=r"^layout: "):
        check_layout("layout", level, layout, devices)


def test_mirror_sets() -> None:
    assert [group for group, _most in redundancy_groups("raid10", 0x10301, 3)] == [(0, 1, 2)]
    assert [group for group, _most in redundancy_groups("raid10", 0x102, 4)] == [(0, 1), (2, 3)]
    assert [group for group, _most in redundancy_groups("raid10", 0x102, 3)] == [(0, 1), (0, 2), (1, 2)]
    assert [group for group, _most in redundancy_groups("raid10", 0x10201, 4)] == [(0, 1), (0, 3), (1, 2), (2, 3)]
    assert redundancy_groups("raid6", None, 4) == [((0, 1, 2, 3), 2)]
    assert redundancy_groups("raid0", None, 4) == []


def test_which_losses_a_level_survives() -> None:
    assert survives("raid10", 0x10301, 3, [0, 1])
    assert not survives("raid10", 0x10301, 3, [0, 1, 2])
    assert survives("raid10", 0x102, 4, [0, 2])
    assert not survives("raid10", 0x102, 4, [0, 1])
    assert survives("raid1", 0, 2, [1])
    assert survives("raid5", 2, 3, [1])
    assert not survives("raid5", 2, 3, [1, 2])
    assert survives("raid6", 2, 4, [1, 2])
    assert not survives("raid0", 0, 2, [0])


def test_usable_size() -> None:
    assert usable_size("raid10", 0x10301, [100, 110, 120]) == 100
    assert usable_size("raid10", None, [100] * 4) == 200
    assert usable_size("raid0", None, [100, 110]) == 210
    assert usable_size("raid1", None, [100, 110]) == 100
    assert usable_size("raid5", None, [100] * 3) == 200
    assert usable_size("raid6", None, [100] * 4) == 200
