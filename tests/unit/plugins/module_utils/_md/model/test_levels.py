# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of the levels says all that is asked of a level, and rows of one kernel level agree."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.layout import check_layout, redundancy_groups, survives, usable_size
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.levels import LEVELS, Level, level_name, level_of

ROWS = pytest.mark.parametrize("level", list(LEVELS.values()), ids=list(LEVELS))


@ROWS
def test_numbers_and_names_go_both_ways(level: Level) -> None:
    assert level_name(level.number) == level.kernel
    assert (level_of(level.kernel).number, level_of(level.kernel).redundant) == (level.number, level.redundant)


@ROWS
def test_the_fewest_devices_make_an_array_that_survives_what_it_should(level: Level) -> None:
    layout = check_layout("layout", level.name, None, level.fewest)
    assert (layout is None) or level.copied
    assert survives(level.kernel, 0x102, level.fewest, [])
    assert survives(level.kernel, 0x102, level.fewest, [0]) == level.redundant
    assert not survives(level.kernel, 0x102, level.fewest, list(range(level.fewest)))
    assert bool(redundancy_groups(level.kernel, None, level.fewest)) == level.redundant
    assert (usable_size(level.kernel, None, [100] * level.fewest) < 100 * level.fewest) == level.redundant


def test_levels_that_no_task_declares_have_a_name_and_no_redundancy() -> None:
    assert level_name(-1) == "linear"
    assert level_name(-4) == "level -4"
    assert not level_of("linear").redundant
    assert not level_of("linear").reshaped
    assert not survives("linear", 0, 2, [1])
