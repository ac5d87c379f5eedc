# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watermarks of all kernels, and of machines whose zones are somebody else's."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.zoneinfo import (
    Zones,
    derived_page_size,
    of_another_machine,
    parse_zoneinfo,
    parse_zones,
)
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import text

ZONE = """Node 0, zone   Normal
  pages free     100
        boost    6
        min      10
        low      22
        high     33
        present  2000
        managed  1900
        protection: (0, 0, 40, 50)
  pagesets
    cpu: 0
              count: 7
              high:  42
    cpu: 1
              count:    5
"""


def test_a_zone() -> None:
    (zone,) = parse_zones(ZONE)
    assert tuple(zone) == (0, "Normal", 22, 33, 6, 2000, 1900, (0, 0, 40, 50), 12)
    # The kernel works its reserve out without the boost.
    assert zone.reserve == 33 - 6 + 50


def test_a_zone_withholds_no_more_than_it_has() -> None:
    assert parse_zones(ZONE.replace("1900", "60"))[0].reserve == 60


def test_kernels_before_3_8_have_no_managed_pages() -> None:
    zones = parse_zoneinfo(text("3.2", "zoneinfo"))
    assert zones is not None
    assert zones.managed is None
    assert zones.reserve is None
    assert zones.low is not None


@pytest.mark.parametrize("empty", [None, "", "\n"])
def test_no_zones(empty: str | None) -> None:
    assert parse_zoneinfo(empty) is None


def test_a_zone_without_watermarks_makes_the_sum_unknown() -> None:
    zones = parse_zoneinfo(ZONE + "Node 0, zone  Movable\n  pages free 3\n")
    assert zones == Zones(low=None, reserve=None, present=None, managed=None, pcp=12)


def test_eight_nodes() -> None:
    zones = parse_zones(text("5.10-numa", "zoneinfo") or "")
    assert {zone.node for zone in zones} == set(range(8))
    assert sum(zone.managed or 0 for zone in zones) * 4096 > 1000 << 30


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (ZONE + ZONE, "twice"),
        (ZONE.replace("low      22", "low      -22"), "low is not a whole number"),
        (ZONE.replace("(0, 0, 40, 50)", "(0, 0, 40"), "incomplete"),
        (ZONE.replace("(0, 0, 40, 50)", "(0, x)"), "protection"),
        (ZONE.replace("count: 7", "count: ?"), "count"),
        ("Node 0, zo" + ZONE, "cannot understand 'Node 0, zoNode"),
        ("        low      22\n" + ZONE, "before the first zone"),
    ],
)
def test_damage_is_an_error_that_names_the_place(damaged: str, reason: str) -> None:
    with pytest.raises(ObservationError, match="/proc/zoneinfo") as error:
        parse_zoneinfo(damaged)
    assert reason in str(error.value)


def test_zones_of_this_machine_and_of_another() -> None:
    zones = Zones(low=1, reserve=1, present=1050, managed=1000, pcp=0)
    assert of_another_machine(1000 * 4096, zones, 4096) is None
    assert "another machine" in str(of_another_machine(100 * 4096, zones, 4096))
    assert "another machine" in str(of_another_machine(1000 * 4096, zones, 65536))
    # Memory that came while the guest ran may be missing in the managed pages.
    grown = zones._replace(managed=600)
    assert of_another_machine(1000 * 4096, grown, 4096) is None
    old = zones._replace(managed=None)
    assert of_another_machine(1000 * 4096, old, 4096) is None
    assert of_another_machine(1100 * 4096, old, 4096) is not None


@pytest.mark.parametrize("size", [4096, 16384, 65536])
def test_the_page_size_follows_from_the_sum_of_pages(size: int) -> None:
    assert derived_page_size(1000 * size, Zones(low=1, reserve=1, present=1050, managed=1000, pcp=0)) == size


def test_a_page_size_is_not_guessed() -> None:
    assert derived_page_size(1000 * 4096, None) is None
    assert derived_page_size(1000 * 4096, Zones(low=1, reserve=1, present=None, managed=None, pcp=0)) is None
    assert derived_page_size(1000 * 5000, Zones(low=1, reserve=1, present=1050, managed=1000, pcp=0)) is None
