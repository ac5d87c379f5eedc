# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of control groups, versions 1 and 2."""

from __future__ import annotations

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.cgroup import describe, files_to_read, version_and_path

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


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", "", "-1", "nonsense"])
def test_no_limit_is_null_and_says_so(limit: str) -> None:
    found = describe("0::/", v2("", limit, "5"), 8 * GIB)
    assert found["limit"] is None
    assert found["reason"] == "no limit below MemTotal"


def test_nothing_to_read_says_so() -> None:
    assert describe(None, {}, GIB)["reason"] == "no control group accounts this process's memory"
    assert describe("0::/", {}, GIB)["reason"] == "no memory limits under /sys/fs/cgroup"


def test_a_limit_without_usage_leaves_the_rest_open() -> None:
    found = describe("0::/", v2("", str(GIB), "x"), 8 * GIB)
    assert (found["limit"], found["usage"], found["available"]) == (GIB, None, None)
    assert "usage" in str(found["reason"])


def test_a_group_over_its_limit_has_nothing_left() -> None:
    assert describe("0::/", v2("", "4096", "8192"), GIB)["available"] == 0
