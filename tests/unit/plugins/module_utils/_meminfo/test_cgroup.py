# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of control groups, versions 1 and 2."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.cgroup import columns, describe, files_to_read, version_and_path

GIB = 1 << 30
V1 = "9:name=systemd:/\n5:cpu,memory:/docker/abc\n0::/\n"
V2 = "0::/user.slice/user-0.slice\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (V1, (1, "/docker/abc")),
        (V2, (2, "/user.slice/user-0.slice")),
        ("4:memory:/a:b\n", (1, "/a:b")),
        ("1:cpu:/\n", (None, "")),
        ("", (None, "")),
        (None, (None, "")),
        ("garbage", (None, "")),
    ],
)
def test_which_group(text: str | None, expected: tuple[int | None, str]) -> None:
    assert version_and_path(text) == expected


def test_every_group_above_is_read() -> None:
    folders = [path.rpartition("/")[0] for path in files_to_read(V2)[::3]]
    assert folders == ["/sys/fs/cgroup/user.slice/user-0.slice", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"]
    assert files_to_read(V1)[:3] == [
        f"/sys/fs/cgroup/memory/docker/abc/memory.{name}" for name in ("limit_in_bytes", "usage_in_bytes", "stat")
    ]
    assert files_to_read("1:cpu:/\n") == []


def v2(folder: str, limit: str, usage: str = "", stat: str = "") -> dict[str, str]:
    """The files of a group."""
    return {f"/sys/fs/cgroup{folder}/memory.{name}": text for name, text in (("max", limit), ("current", usage), ("stat", stat))}


def test_the_tightest_limit_on_the_way_up_binds() -> None:
    files = {
        **v2("/a/b", "max", "5"),
        **v2("/a", str(GIB), str(GIB // 2), f"anon 1\ninactive_file {GIB // 4}\n"),
        **v2("", str(2 * GIB), "9"),
    }
    assert describe("0::/a/b", files, 8 * GIB) == {
        "version": 2,
        "path": "/a",
        "limit": GIB,
        "usage": GIB // 2,
        "available": GIB - GIB // 4,
        "tmpfs": None,
        "reason": None,
    }


def test_what_is_available_is_what_is_left_where_least_is_left() -> None:
    files = {**v2("/a", str(GIB), str(GIB // 2)), **v2("", str(2 * GIB), str(2 * GIB - 4096))}
    found = describe("0::/a", files, 8 * GIB)
    assert (found["path"], found["limit"], found["usage"], found["available"]) == ("/a", GIB, GIB // 2, 4096)
    found = describe("0::/a", {**files, **v2("", str(2 * GIB), "x")}, 8 * GIB)
    assert (found["limit"], found["available"], found["reason"]) == (GIB, None, "the usage of / could not be read")


def test_a_container_sees_its_own_group_as_the_root() -> None:
    assert describe("0::/", v2("", str(GIB), "0"), 8 * GIB)["path"] == "/"


def test_version_1() -> None:
    folder = "/sys/fs/cgroup/memory"
    files = {
        f"{folder}/memory.limit_in_bytes": str(GIB),
        f"{folder}/memory.usage_in_bytes": str(GIB // 2),
        f"{folder}/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB // 8}\n",
    }
    found = describe(V1, files, 8 * GIB)
    assert (found["version"], found["path"], found["limit"], found["available"]) == (1, "/", GIB, GIB - GIB // 2 + GIB // 8)


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", "", "-1", "nonsense", "0"])
def test_no_limit_is_null_and_says_so(limit: str) -> None:
    found = describe("0::/", v2("", limit, "5"), 8 * GIB)
    assert found["limit"] is None
    assert found["reason"] == "no limit up to MemTotal"


def test_nothing_to_read_says_so() -> None:
    assert describe(None, {}, GIB)["reason"] == "no control group accounts this process's memory"
    assert describe("0::/", {}, GIB)["reason"] == "no memory limits under /sys/fs/cgroup"


def test_a_limit_without_usage_leaves_the_rest_open() -> None:
    found = describe("0::/", v2("", str(GIB), "x"), 8 * GIB)
    assert (found["limit"], found["usage"], found["available"]) == (GIB, None, None)
    assert "usage" in str(found["reason"])


def test_a_group_over_its_limit_has_nothing_left() -> None:
    assert describe("0::/", v2("", "4096", "8192"), GIB)["available"] == 0


def test_a_limit_that_equals_memtotal_is_the_normal_case_under_lxcfs() -> None:
    assert describe("0::/", v2("", str(GIB), "5"), GIB)["limit"] == GIB
    assert describe("0::/", v2("", str(GIB + 4096), "5"), GIB)["limit"] is None


def test_reclaimable_slab_is_available() -> None:
    stat = "inactive_file 4096\nslab_reclaimable 8192\nshmem 77\n"
    found = describe("0::/", v2("", str(GIB), str(GIB), stat), 8 * GIB)
    assert (found["available"], found["tmpfs"]) == (4096 + 8192, 77)


@pytest.mark.parametrize(
    ("init", "limit"),
    [
        ("0::/init.scope", None),
        ("0::/user.slice/user-0.slice/a.scope", GIB),
        ("0::/user.slice/user-01.slice", None),
        (V2, GIB),
        # Nobody may look at process 1 (hidepid): a limit counts, as in a container.
        (None, GIB),
        ("", GIB),
    ],
)
def test_a_limit_on_the_session_that_reads_does_not_limit_the_host(init: str | None, limit: int | None) -> None:
    found = describe(V2, v2("/user.slice/user-0.slice", str(GIB), "5"), 8 * GIB, init)
    assert found["limit"] == limit
    assert str(found["reason"] or "").endswith("" if limit else f"/user.slice/user-0.slice to {GIB} bytes")


@pytest.mark.parametrize("init", ["0::/init.scope", "0::/../../init.scope", None])
def test_a_limit_on_the_root_that_is_seen_limits_the_host(init: str | None) -> None:
    found = describe(V2, {**v2("", str(2 * GIB), "5"), **v2("/user.slice", str(GIB), "5")}, 8 * GIB, init)
    assert (found["path"], found["limit"]) == (("/user.slice", GIB) if init is None else ("/", 2 * GIB))


def test_version_1_tells_limits_of_groups_above_what_a_container_sees() -> None:
    folder = "/sys/fs/cgroup/memory"
    files = {
        f"{folder}/memory.limit_in_bytes": "9223372036854771712",
        f"{folder}/memory.usage_in_bytes": "4096",
        f"{folder}/memory.stat": f"hierarchical_memory_limit {GIB}\n",
    }
    assert describe(V1, files, 8 * GIB)["limit"] == GIB


STAT_2 = "anon 100\nfile 70\nkernel 40\nshmem 20\ninactive_file 30\nslab_reclaimable 8\nslab_unreclaimable 3\n"
STAT_1 = "cache 1\nrss 2\ntotal_cache 70\ntotal_rss 100\ntotal_shmem 20\ntotal_inactive_file 30\n"


@pytest.mark.parametrize(
    ("stat", "anonymous", "kernel", "caches"),
    [
        (STAT_2, 120, 32, 58),
        (STAT_2.replace("kernel 40\n", "kernel_stack 5\npercpu 6\n"), 120, 3 + 5 + 6, 58),
        (STAT_1, 120, None, 50),
        ("inactive_file 30\n", None, None, None),
    ],
)
def test_the_columns_of_a_group(stat: str, anonymous: int | None, kernel: int | None, caches: int | None) -> None:
    version, files = (1, {}) if stat == STAT_1 else (2, v2("", "1000", "250", stat))
    if version == 1:
        names = {"limit_in_bytes": "1000", "usage_in_bytes": "250", "stat": stat}
        files = {f"/sys/fs/cgroup/memory/memory.{name}": text for name, text in names.items()}
    found = columns(files, {"version": version, "path": "/"})
    assert (found["total"], found["free"]) == (1000, 750)
    assert (found["anonymous"], found["kernel"], found["caches"]) == (anonymous, kernel, caches)
