# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where all the memory goes, and the columns of free."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import (
    CONTAINERS,
    KERNELS,
    facts,
    with_counter,
    without_counter,
)

MODERN = ["5.10", "5.10-numa", "6.1", "6.1-arm64-16k", "6.1-arm64-64k", "6.18"]
OWN = [kernel for kernel in KERNELS if kernel not in CONTAINERS]


@pytest.mark.parametrize("kernel", OWN)
@pytest.mark.parametrize("formula", ["a", "b", "extended"])
def test_a_sum_and_what_it_leaves_unexplained_are_memtotal(kernel: str, formula: str) -> None:
    found = facts(kernel)
    account = found["accounting"][formula]
    assert sum(account["terms"].values()) + account["unexplained"] == found["bytes"]["MemTotal"]
    assert account["percent"] == pytest.approx(100 * account["unexplained"] / found["bytes"]["MemTotal"], abs=0.001)


@pytest.mark.parametrize("kernel", MODERN)
def test_the_extended_sum_leaves_next_to_nothing_on_todays_kernels(kernel: str) -> None:
    accounting = facts(kernel)["accounting"]
    assert abs(accounting["extended"]["percent"]) < 0.2
    assert abs(accounting["extended"]["percent"]) <= abs(accounting["b"]["percent"])


@pytest.mark.parametrize("kernel", ["3.2", "3.2-highmem", "3.2-posts-plain", "3.2-posts-extended"])
def test_the_sums_of_the_posts_hold_on_their_kernel(kernel: str) -> None:
    accounting = facts(kernel)["accounting"]
    assert abs(accounting["a"]["percent"]) < 1.5
    assert abs(accounting["b"]["percent"]) < 1.5


@pytest.mark.parametrize("kernel", OWN)
def test_the_identities_hold(kernel: str) -> None:
    assert [entry["holds"] for entry in facts(kernel)["accounting"]["identities"].values()] == [True] * 3


def test_an_identity_that_does_not_hold_says_by_how_much() -> None:
    total = facts("6.1")["bytes"]["Slab"] // 1024
    identity = facts("6.1", meminfo=with_counter("6.1", "Slab", f"{total + 5} kB"))["accounting"]["identities"]["Slab"]
    assert identity == {"holds": False, "difference": 5120, "reason": None}


def test_an_identity_without_its_counters_says_so() -> None:
    identity = facts("6.1", meminfo=without_counter("6.1", "SUnreclaim"))["accounting"]["identities"]["Slab"]
    assert identity == {"holds": None, "difference": None, "reason": "SUnreclaim: not in /proc/meminfo"}


def test_tmpfs_is_part_of_the_cache_and_not_reclaimable() -> None:
    before = facts("3.2")
    more = 800 * 1024
    grown = {"Cached": more, "Shmem": more, "Active(anon)": more, "Active": more, "MemFree": -more}
    meminfo = "".join(f"{name}: {size // 1024 + grown.get(name, 0)} kB\n" for name, size in before["bytes"].items())
    after = facts("3.2", meminfo=meminfo)
    size = more * 1024
    assert after["accounting"]["tmpfs"] - before["accounting"]["tmpfs"] == size
    assert after["accounting"]["cached_reclaimable"] == before["accounting"]["cached_reclaimable"]
    assert before["available"]["bytes"] - after["available"]["bytes"] == size
    assert after["free"]["anonymous"] - before["free"]["anonymous"] == size
    # What the classic line of free calls free does not move: the mistake to expose.
    classic = [sum(found["bytes"][name] for name in ("MemFree", "Buffers", "Cached")) for found in (before, after)]
    assert classic[0] == classic[1]


def test_statistical_counters_are_named_and_never_added() -> None:
    accounting = facts("6.18")["accounting"]
    assert {"Mapped", "Dirty", "Writeback", "Mlocked", "AnonHugePages", "Committed_AS", "Shmem", "Zswapped", "DirectMap4k"} <= set(
        accounting["statistical_only"]
    )
    assert not set(accounting["statistical_only"]) & set(accounting["extended"]["terms"])


def test_vmalloc_counts_only_where_it_is_memory() -> None:
    name = "VmallocUsed - KernelStack"
    assert facts("5.10")["accounting"]["extended"]["terms"][name] == (18932 - 2712) * 1024
    for kernel in ("3.2", "4.4", "4.19"):
        assert name not in facts(kernel)["accounting"]["extended"]["terms"]
    assert name not in facts("5.10", osrelease="")["accounting"]["extended"]["terms"]


def test_huge_pages_of_old_kernels_count_by_their_number() -> None:
    meminfo = with_counter("3.2", "HugePages_Total", "7")
    assert facts("3.2", meminfo=meminfo)["accounting"]["extended"]["terms"]["Hugetlb"] == 7 * 2048 * 1024


@pytest.mark.parametrize(("pages", "zswap", "counted"), [(2000, 0, 2000 * 4096), (2000, 4096, 2000 * 4096 - (4096 << 10)), (10, 4096, 0)])
def test_compressed_swap_counts_once(pages: int, zswap: int, counted: int) -> None:
    """Btop #812, htop #104: zswap has a counter in /proc/meminfo, and zram, which has its pages from the same allocator, has none."""
    found = facts("6.18", meminfo=with_counter("6.18", "Zswap", f"{zswap} kB"), vmstat=f"nr_zspages {pages}\n")
    assert found["accounting"]["extended"]["terms"]["zsmalloc - Zswap"] == counted
    assert "zsmalloc - Zswap" not in facts("6.18", vmstat=None)["accounting"]["extended"]["terms"]


def test_memory_of_the_kernel_that_can_be_had_is_added_to_the_slab() -> None:
    terms = facts("6.1")["accounting"]["extended"]["terms"]
    assert terms["KReclaimable - SReclaimable"] == (304208 - 301240) * 1024


@pytest.mark.parametrize(("name", "formulas"), [("AnonPages", "a"), ("Active", "b"), ("KernelStack", "ab"), ("MemAvailable", "")])
def test_a_missing_counter_makes_its_sums_null(name: str, formulas: str) -> None:
    accounting = facts("6.1", meminfo=without_counter("6.1", name))["accounting"]
    for formula in "ab":
        missing = formula in formulas
        assert (accounting[formula]["unexplained"] is None) is missing
        assert (accounting[formula]["reason"] or "").startswith(name if missing else "")


def test_a_file_that_ends_early_has_no_extended_sum() -> None:
    meminfo = without_counter("6.1", "VmallocTotal")
    account = facts("6.1", meminfo=meminfo)["accounting"]["extended"]
    assert account["unexplained"] is None
    assert "ends before VmallocTotal" in account["reason"]


def test_a_damaged_counter_is_not_taken_for_zero() -> None:
    found = facts("6.1", meminfo=with_counter("6.1", "Percpu", "-3 kB"))
    assert "Percpu" in found["accounting"]["extended"]["reason"]
    writeback = facts("6.1", meminfo=with_counter("6.1", "WritebackTmp", "-3 kB"))
    assert writeback["free"]["extended"]["Dirty+Writeback"] is None


@pytest.mark.parametrize("kernel", OWN)
def test_the_columns_of_free_are_all_of_the_memory(kernel: str) -> None:
    free = facts(kernel)["free"]
    assert sum(free[name] for name in ("free", "anonymous", "kernel", "caches", "others")) == free["total"]
    assert free["used"] + free["free"] == free["total"]
    for row in ("minus_caches", "minus_available"):
        assert free[row]["used"] + free[row]["free"] == free["total"]


def test_columns_without_their_counters_are_null() -> None:
    free = facts("6.1", meminfo=without_counter("6.1", "KernelStack", "Active(file)", "SwapTotal"))["free"]
    assert (free["kernel"], free["caches"], free["others"]) == (None, None, None)
    assert free["minus_caches"] == {"used": None, "free": None}
    assert free["swap"]["used"] is None
    assert free["anonymous"] is not None
