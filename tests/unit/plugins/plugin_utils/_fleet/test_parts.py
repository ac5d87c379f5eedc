# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a host's memory: they do not overlap, and add up to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.parts import parts
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import CASES, KERNELS, facts

COUNTERS = (
    "Active(anon)", "Inactive(anon)", "Active(file)", "Inactive(file)", "Unevictable", "Shmem", "SReclaimable", "Cached", "Buffers",
)  # fmt: skip
TERMS = (
    "MemFree",
    "Cached",
    "AnonPages",
    "Active",
    "Inactive",
    "Unevictable",
    "Slab",
    "PageTables",
    "Hugetlb",
    "Zswap",
    "ZFS ARC",
    "NewCounter",
)
PUBLIC = sorted(case.name for case in CASES.iterdir() if case.is_dir())
SIZES = st.integers(0, 1 << 30)


@pytest.mark.parametrize("kernel", [*KERNELS, *PUBLIC])
def test_the_parts_of_every_kernel_add_up(kernel: str) -> None:
    found = facts(kernel)
    divided = parts(found)
    assert sum(divided.values()) == found["free"]["total"]
    assert all(value >= 0 for name, value in divided.items() if name != "unexplained")


@given(st.dictionaries(st.sampled_from(COUNTERS), SIZES), st.dictionaries(st.sampled_from(TERMS), SIZES, min_size=1), SIZES)
def test_counters_that_contradict_each_other_still_add_up(sizes: dict[str, int], terms: dict[str, int], free: int) -> None:
    found = facts("6.1")
    found["bytes"] = {"MemTotal": found["free"]["total"], **sizes}
    found["accounting"]["huge_pages"] = {"free": free}
    found["accounting"]["extended"] = {"terms": terms}
    divided = parts(found)
    assert sum(value for name, value in divided.items() if name != "unexplained") == sum(terms.values())
    assert all(value >= 0 for name, value in divided.items() if name != "unexplained")


def test_the_unexplained_part_is_the_figure_of_the_table() -> None:
    for kernel in [*KERNELS, *PUBLIC]:
        found = facts(kernel)
        expected = (found["accounting"]["extended"]["unexplained"] or 0) if found["machine"] is None else 0
        assert parts(found)["unexplained"] == expected, kernel


def of(**changes: Any) -> dict[str, int]:
    """The parts of a host with some other counters and terms."""
    found = facts("6.1")
    found["bytes"].update(changes.get("sizes", {}))
    found["accounting"]["extended"]["terms"].update(changes.get("terms", {}))
    return parts(found)


def test_locked_tmpfs_is_tmpfs() -> None:
    found = facts("6.1")
    anonymous = found["bytes"]["Active(anon)"] + found["bytes"]["Inactive(anon)"]
    divided = of(sizes={"Shmem": anonymous + 4096}, terms={"Unevictable": 12288})
    assert (divided["programs"], divided["tmpfs"], divided["locked"]) == (0, anonymous + 4096, 8192)


def test_an_account_by_the_use_of_pages_has_the_same_parts() -> None:
    found = facts("6.1")
    found["accounting"]["extended"] = {"terms": dict(found["accounting"]["a"]["terms"])}
    divided, sizes = parts(found), found["bytes"]
    assert divided["tmpfs"] == sizes["Shmem"]
    assert divided["programs"] == sizes["AnonPages"] + sizes["SwapCached"]
    assert divided["unexplained"] == found["accounting"]["a"]["unexplained"]


def test_huge_pages_are_told_apart_by_use() -> None:
    found = facts("6.1")
    found["accounting"]["extended"]["terms"]["Hugetlb"] = 3 << 30
    found["accounting"]["huge_pages"] = {"total": 3 << 30, "used": 1 << 30, "free": 2 << 30, "reason": None}
    assert (parts(found)["huge_used"], parts(found)["huge_free"]) == (1 << 30, 2 << 30)


def test_a_counter_that_nobody_knows_has_a_part() -> None:
    assert of(terms={"NewCounter": 4096})["other"] == 4096 + of()["other"]


def test_without_an_account_only_the_free_memory_is_known() -> None:
    found = facts("6.1")
    found["accounting"]["extended"] = {"terms": {}, "unexplained": None, "percent": None, "reason": "another machine"}
    divided = parts(found)
    assert {name: value for name, value in divided.items() if value} == {
        "free": found["free"]["free"],
        "unknown": found["free"]["total"] - found["free"]["free"],
    }


def test_the_parts_of_a_limited_host_are_those_of_its_group() -> None:
    found = facts("6.1")
    found["free"].update(total=1000, free=100, anonymous=500, kernel=50, caches=300, others=50)
    found["cgroup"].update(limit=1000, tmpfs=200)
    found["machine"] = {"available": found["available"], "free": found["free"]}
    divided = parts(found)
    assert {name: value for name, value in divided.items() if value} == {
        "programs": 300, "tmpfs": 200, "kernel": 50, "caches": 300, "free": 100, "unknown": 50
    }  # fmt: skip


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("11-hugepages-566gib", {"huge_used": 91.5, "huge_free": 2.1, "unexplained": 0.0}),
        ("26-mlocked-elasticsearch", {"locked": 47.3, "unexplained": 0.6}),
        ("12-zfs-252gib", {"arc": 61.8, "unexplained": 0.6}),
        ("21-gpuactive", {"other": 56.8, "unexplained": 0.3}),
        ("06-lxcfs-host-counters", {"unknown": 35.2, "free": 64.8}),
    ],
)
def test_the_bars_of_public_reports(case: str, expected: dict[str, float]) -> None:
    found = facts(case)
    divided = parts(found)
    assert {name: round(100 * divided[name] / found["free"]["total"], 1) for name in expected} == expected
