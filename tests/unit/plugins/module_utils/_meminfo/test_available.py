# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MemAvailable by kernel: who says how much, and why."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import Reading
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import (
    KERNELS,
    facts,
    reading,
    text,
    with_counter,
    without_counter,
)

# Formulas worked out by hand on round figures: page 4 kB, so one page is 4 kB.
MEMINFO = """MemTotal: 400000 kB
MemFree: 80000 kB
Active(file): 30000 kB
Inactive(file): 10000 kB
SReclaimable: 8000 kB
KReclaimable: 12000 kB
"""
ZONEINFO = """Node 0, zone      DMA
        low      50
        high     60
        managed  400
        protection: (0, 900)
Node 0, zone   Normal
        low      1950
        high     2340
        managed  99600
        protection: (0, 0)
"""
# Low: 2000 pages = 8000 kB. Reserve: min(400, 60 + 900) + 2340 = 2740 pages = 10960 kB.
BY_HAND = {
    "linux_3_14": 80000 - 8000 + (40000 - 8000) + (8000 - 4000),
    "linux_4_5": 80000 - 10960 + (40000 - 8000) + (8000 - 4000),
    "linux_4_20": 80000 - 10960 + (40000 - 8000) + (12000 - 6000),
    # 6000 * 5 / 4 = 7500
    "procps_3_3_10": 80000 - 7500 + (40000 - 7500) + (8000 - 4000),
    "memfree": 80000,
}


def small(**changes: Any) -> dict[str, Any]:
    """The facts of the machine above."""
    files: dict[str, Any] = {
        "meminfo": MEMINFO,
        "zoneinfo": ZONEINFO,
        "min_free_kbytes": "6000",
        "osrelease": "6.1.0",
        "page_size": "4096",
    }
    found: dict[str, Any] = make_facts(Reading(**{**files, **changes}))["available"]
    return found


def test_every_formula_by_hand() -> None:
    formulas = small()["formulas"]
    assert formulas == {"kernel": None, **{name: value * 1024 for name, value in BY_HAND.items()}}


@pytest.mark.parametrize(
    ("release", "source"),
    [
        ("2.6.32", "linux_3_14"),
        ("3.2.59", "linux_3_14"),
        ("3.14.0", "linux_3_14"),
        ("4.4.302", "linux_3_14"),
        ("4.5.0", "linux_4_5"),
        ("4.19.99", "linux_4_5"),
        ("4.20.0", "linux_4_20"),
        ("6.18.1", "linux_4_20"),
        ("", "linux_3_14"),
    ],
)
def test_the_formula_of_the_running_kernel_stands_in(release: str, source: str) -> None:
    found = small(osrelease=release)
    assert found["source"] == source
    assert found["bytes"] == BY_HAND[source] * 1024
    assert "no MemAvailable: MemAvailable: not in /proc/meminfo" in found["reason"]


def test_below_2_6_27_procps_says_free() -> None:
    found = small(osrelease="2.6.26", zoneinfo=None)
    assert (found["source"], found["bytes"]) == ("memfree", 80000 * 1024)
    assert "procps answers with MemFree" in found["missing"]["procps_3_3_10"]
    assert "procps answers with MemFree" in found["reason"]


@pytest.mark.parametrize("kernel", [kernel for kernel in KERNELS if kernel != "6.18-container"])
def test_a_kernel_that_tells_is_believed(kernel: str) -> None:
    found = facts(kernel)
    native = found["bytes"].get("MemAvailable")
    if native is not None and native <= found["bytes"]["MemTotal"]:
        assert (found["available"]["source"], found["available"]["bytes"], found["available"]["reason"]) == ("kernel", native, None)
    else:
        assert found["available"]["source"] != "kernel"
        assert found["available"]["reason"]


@pytest.mark.parametrize(
    ("kernel", "formula"),
    [
        ("3.16", "linux_3_14"),
        ("4.4", "linux_3_14"),
        ("4.19", "linux_4_5"),
        ("5.10", "linux_4_20"),
        ("5.10-numa", "linux_4_20"),
        ("6.1", "linux_4_20"),
        ("6.1-arm64-16k", "linux_4_20"),
        ("6.1-arm64-64k", "linux_4_20"),
        ("6.18", "linux_4_20"),
    ],
)
def test_the_formula_of_a_kernel_gives_its_own_value(kernel: str, formula: str) -> None:
    formulas = facts(kernel)["available"]["formulas"]
    # The recorded kernel was running: its counters move while it prints them.
    assert formulas[formula] == pytest.approx(formulas["kernel"], rel=0.001 if kernel == "6.18" else 0)


@pytest.mark.parametrize("kernel", ["2.6.32", "3.2", "3.2-highmem", "3.10", "3.13"])
def test_old_kernels_get_the_oldest_formula(kernel: str) -> None:
    assert facts(kernel)["available"]["source"] == "linux_3_14"


@pytest.mark.parametrize("kernel", ["2.6.32", "3.2", "3.2-highmem"])
def test_without_managed_pages_the_reserve_is_unknown_and_says_so(kernel: str) -> None:
    found = facts(kernel)["available"]
    assert found["formulas"]["linux_4_5"] is None
    assert "managed" in found["missing"]["linux_4_5"]


def test_without_zoneinfo_procps_stands_in_and_says_why() -> None:
    found = facts("3.2", zoneinfo=None)["available"]
    assert found["source"] == "procps_3_3_10"
    assert "no /proc/zoneinfo" in found["reason"]


def test_with_nothing_else_it_is_what_is_free() -> None:
    found = facts("3.2", zoneinfo="", min_free_kbytes=None)["available"]
    assert (found["source"], found["bytes"]) == ("memfree", facts("3.2")["bytes"]["MemFree"])
    assert "min_free_kbytes could not be read" in found["reason"]


def test_a_container_is_not_measured_by_the_watermarks_of_its_host() -> None:
    found = facts("5.15-lxc")
    assert found["available"]["source"] == "memfree"
    assert "not plausible" in found["available"]["reason"]
    assert "another machine" in found["available"]["missing"]["linux_4_20"]
    assert found["available"]["bytes"] <= found["bytes"]["MemTotal"]


def test_more_than_there_is_can_not_be_available() -> None:
    total = facts("6.1")["bytes"]["MemTotal"]
    found = facts("6.1", meminfo=with_counter("6.1", "MemAvailable", f"{total // 1024 + 1} kB"))["available"]
    assert (found["formulas"]["kernel"], found["source"]) == (None, "linux_4_20")
    assert "more than MemTotal" in found["reason"]


def test_a_sum_above_memtotal_is_held_to_it_and_not_used() -> None:
    found = small(meminfo=MEMINFO.replace("Inactive(file): 10000", "Inactive(file): 399000"))
    assert found["formulas"]["linux_4_20"] == 400000 * 1024
    assert (found["source"], found["bytes"]) == ("memfree", 80000 * 1024)
    assert "not linux_4_20: its sum is above MemTotal" in found["reason"]


def test_a_sum_below_zero_is_zero() -> None:
    found = small(meminfo=MEMINFO.replace("MemFree: 80000", "MemFree: 8"), zoneinfo=ZONEINFO.replace("high     2340", "high     90000"))
    assert found["formulas"]["linux_4_20"] == 0
    assert found["bytes"] == 0


@pytest.mark.parametrize("name", ["Active(file)", "Inactive(file)", "SReclaimable"])
def test_a_missing_counter_makes_its_formulas_null(name: str) -> None:
    found = facts("6.1", meminfo=without_counter("6.1", name))["available"]
    assert found["formulas"]["procps_3_3_10"] is None
    assert name in found["missing"]["procps_3_3_10"]


def test_the_page_size_can_be_missing() -> None:
    assert facts("6.1-arm64-64k", page_size=None) == facts("6.1-arm64-64k")
    found = facts("5.15-lxc", page_size="")["available"]
    assert found["missing"]["linux_4_20"] == "the page size is unknown"


def test_the_zfs_cache_counts_where_asked() -> None:
    plain, counted = facts("6.1"), make_facts(reading("6.1"), zfs_arc=True)
    assert plain["zfs_arc"] == counted["zfs_arc"]
    assert plain["available"]["source"] == "kernel"
    assert counted["zfs_arc"]["reclaimable"] == 511705088 - 131072000
    assert counted["available"]["bytes"] == plain["available"]["bytes"] + counted["zfs_arc"]["reclaimable"]
    assert counted["available"]["source"] == "kernel+zfs_arc"
    assert counted["available"]["formulas"] == plain["available"]["formulas"]
    assert counted["free"]["minus_available"]["free"] == counted["available"]["bytes"]


@pytest.mark.parametrize(("arcstats", "reason"), [(None, "no ZFS"), ("size 4 x\n", "without size"), ("", "without size")])
def test_no_zfs_changes_nothing(arcstats: str | None, reason: str) -> None:
    found = make_facts(reading("6.1", arcstats=arcstats), zfs_arc=True)
    assert found["available"] == facts("6.1")["available"]
    assert reason in found["zfs_arc"]["reason"]


def test_the_zfs_cache_of_its_host_is_not_had_by_a_container() -> None:
    found = make_facts(reading("5.15-lxc", arcstats=text("6.1", "arcstats")), zfs_arc=True)
    assert found["available"] == facts("5.15-lxc")["available"]
    assert (found["zfs_arc"]["size"], found["zfs_arc"]["minimum"], found["zfs_arc"]["reclaimable"]) == (511705088, 131072000, None)
    assert "another machine's" in found["zfs_arc"]["reason"]


@pytest.mark.parametrize(("size", "counts"), [(320000 * 1024, True), (320000 * 1024 + 1, False), (400001 * 1024, False)])
def test_a_cache_beside_which_there_is_no_room_for_what_is_free_is_another_machines(size: int, counts: bool) -> None:
    found = make_facts(Reading(meminfo=MEMINFO, arcstats=f"size 4 {size}\nc_min 4 1024\n"), zfs_arc=True)
    assert found["available"]["source"] == ("memfree+zfs_arc" if counts else "memfree")
    assert found["zfs_arc"]["reclaimable"] == (size - 1024 if counts else None)
    assert counts or "more than MemTotal" in found["zfs_arc"]["reason"]


def test_small_files_from_nowhere_do_no_harm() -> None:
    assert text("2.6.32", "arcstats") is None
    found = make_facts(Reading(meminfo=MEMINFO))
    assert found["kernel"] == {"release": None, "version": None, "page_size": None}
    assert found["available"]["source"] == "memfree"
