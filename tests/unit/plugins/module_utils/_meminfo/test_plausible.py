# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Combinations of counters that cannot be, and similar ones that can."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.meminfo import parse_meminfo
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.plausible import believe
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import CONTAINERS, KERNELS, facts, with_counter

COUNTERS = {
    "MemTotal": 1000000,
    "MemFree": 100000,
    "Buffers": 10000,
    "Cached": 300000,
    "SwapCached": 0,
    "Active(anon)": 200000,
    "Inactive(anon)": 150000,
    "Active(file)": 100000,
    "Inactive(file)": 160000,
    "AnonPages": 300000,
    "Shmem": 50000,
    "SwapTotal": 5000,
    "SwapFree": 5000,
}


def problems(**changes: int) -> dict[str, str]:
    """The problems of a host with other values for some counters, of whose names only the letters are given."""
    values = {**COUNTERS, **{name.replace("_file", "(file)").replace("_anon", "(anon)"): value for name, value in changes.items()}}
    info = parse_meminfo("".join(f"{name}: {value} kB\n" for name, value in values.items()))
    return dict(believe(info, None)[0].problems)


@pytest.mark.parametrize("kernel", [kernel for kernel in KERNELS if kernel not in CONTAINERS])
def test_every_recorded_kernel_is_believed(kernel: str) -> None:
    assert facts(kernel)["problems"] == {}


def test_swap() -> None:
    assert problems() == {}
    assert problems(SwapFree=5001).keys() == {"SwapTotal", "SwapFree"}
    assert problems(SwapTotal=1 << 40, SwapFree=1 << 40).keys() == {"SwapTotal", "SwapFree"}
    # 256 TiB
    assert problems(SwapTotal=1 << 38, SwapFree=1 << 38) == {}


def test_tmpfs_is_part_of_the_cache() -> None:
    assert problems(Shmem=300000, Active_file=0, Inactive_file=0) == {}
    assert "which contains it" in problems(Shmem=320000, Active_file=0, Inactive_file=0)["Shmem"]


def test_file_pages_are_in_the_page_cache_or_given_back_by_programs() -> None:
    # Ten thousand for counters that move while the kernel prints them.
    assert problems(Inactive_file=170000) == {}
    assert problems(Inactive_file=170001).keys() == {"Active(file)", "Inactive(file)"}
    # MADV_FREE: pages of programs that leave their own lists.
    assert problems(Inactive_file=270000, Inactive_anon=50000) == {}


def test_a_part_is_not_above_the_whole() -> None:
    assert "more than MemTotal" in problems(AnonPages=1000001)["AnonPages"]
    meminfo = with_counter("6.1", "AnonPages", "4013285 kB")
    found = facts("6.1", meminfo=meminfo)
    assert found["accounting"]["extended"]["reason"].startswith("AnonPages is 4109603840 bytes, more than MemTotal")
    assert (found["available"]["source"], found["available"]["reason"]) == ("kernel", None)


def test_a_sum_above_the_whole_is_not_believed() -> None:
    active = 1213316 + 400000
    found = facts("6.1", meminfo=with_counter("6.1", "Active", f"{active} kB"))["accounting"]
    assert found["b"] == {"terms": {}, "unexplained": None, "percent": None, "reason": found["b"]["reason"]}
    assert "add up to" in found["b"]["reason"]
    assert found["a"]["unexplained"] is not None


def test_what_fuse_writes_is_memory() -> None:
    found = facts("6.1", meminfo=with_counter("6.1", "WritebackTmp", "512 kB"))["accounting"]
    assert found["extended"]["terms"]["WritebackTmp"] == 512 * 1024
    assert "WritebackTmp" not in found["statistical_only"]


def test_the_cache_of_zfs_is_at_most_what_nothing_else_explains() -> None:
    rest = facts("5.10")["accounting"]["extended"]["unexplained"]
    found = facts("5.10", arcstats=f"size 4 {rest + (1 << 20)}\nc_min 4 1\n")["accounting"]["extended"]
    assert (found["terms"]["ZFS ARC"], found["unexplained"]) == (rest, 0)


def test_a_limit_without_a_usage_is_an_error_that_says_so() -> None:
    groups = {"/sys/fs/cgroup/memory.max": "1073741824"}
    with pytest.raises(ObservationError, match="limits this host to 1073741824 bytes, but the usage of / could not be read"):
        facts("6.1", self_cgroup="0::/", groups=groups)


IN_USE = [kernel for kernel in KERNELS if kernel.endswith("-in-use")]
INSIDE = "-balloon-in-use"
"""Readings with a balloon that is still part of MemTotal."""


@pytest.mark.parametrize("kernel", IN_USE)
def test_what_is_in_use_on_recorded_kernels_is_not_zero_and_is_explained(kernel: str) -> None:
    found = facts(kernel)
    sizes, account = found["bytes"], found["accounting"]
    assert account["unknown"] == []
    assert min(sizes["Mlocked"], account["tmpfs"]) >= 12 << 20
    # What FUSE is writing, one request or several; since Linux 6.16 that is counted as what every file system writes.
    assert sizes["WritebackTmp"] + sizes["Writeback"] >= 64 << 10
    assert account["extended"]["terms"]["zsmalloc - Zswap"] >= 12 << 20
    # User-mode Linux has no huge pages.
    assert account["huge_pages"]["used"] == (4 << 20 if "HugePages_Total" in found["counts"] else 0)
    if kernel.endswith(INSIDE) and "Balloon" not in sizes:
        # A quarter of 1 GiB, for which these kernels have no counter.
        assert 200 << 20 < account["extended"]["unexplained"] < 300 << 20
    else:
        # Up to 6 MiB are in no counter of any kernel here, which is 1.1 % of the smallest guest.
        assert abs(account["extended"]["unexplained"]) < max(8 << 20, sizes["MemTotal"] // 100)


def test_memory_in_use_on_a_real_kernel_is_explained() -> None:
    found = facts("6.18-in-use")
    accounting = found["accounting"]
    assert accounting["huge_pages"] == {"total": 10 << 20, "used": 4 << 20, "free": 6 << 20, "reason": None}
    assert accounting["extended"]["terms"]["Hugetlb"] == 10 << 20
    assert found["bytes"]["Mlocked"] >= 12 << 20
    # Random data cannot be compressed, so zram needs a page for each page, and a few for itself.
    assert 12 << 20 <= accounting["extended"]["terms"]["zsmalloc - Zswap"] < 13 << 20
    assert accounting["tmpfs"] >= 12 << 20
    assert abs(accounting["extended"]["percent"]) < 0.1
    assert accounting["unknown"] == []


def test_a_real_container_with_version_1_has_its_limit_and_tmpfs() -> None:
    found = facts("6.18-container")
    assert (found["available"]["total"], found["available"]["bytes"]) == (64 << 20, (64 << 20) - 4399104)
    assert (found["cgroup"]["version"], found["cgroup"]["tmpfs"]) == (1, 3002368)
    free = found["free"]
    assert free["free"] + free["anonymous"] + free["caches"] + free["others"] == free["total"]
    assert "column others" in free["reason"]
    assert found["machine"]["available"]["source"] == "kernel"
