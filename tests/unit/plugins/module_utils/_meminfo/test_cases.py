# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of public reports, on which tools give wrong figures: the right figures, by both methods."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._host import files
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import parse_output
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import read_host
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import CASES, reading, text
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.test_collect import Host

KIB = 1024
GIB = 1 << 30


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that reads a case by the command in a shell and by the module, and gives the facts, which are the same."""

    def read(case: str, **options: bool) -> dict[str, Any]:
        host = Host(tmp_path, case)
        monkeypatch.setattr(os, "sysconf", lambda _name: int(text(case, "pagesize") or 4096))
        by_command = make_facts(parse_output(host.run(["sh"])), **options)
        by_module = make_facts(read_host(files.Host(str(tmp_path))), **options)
        assert by_command == by_module
        return by_command

    return read


def test_every_case_has_a_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [case.name for case in CASES.iterdir() if case.is_dir() and f'"{case.name}"' not in source] == []


def test_01_the_counters_are_below_a_header_of_linux_2_4(both: Any) -> None:
    found = both("01-ddwrt-header")
    # By hand: 121588 free, low 500 pages, 90660 of files, 5100 of slab.
    assert found["available"]["bytes"] == (121588 - 2000 + 90660 - 2000 + 5100 - 2000) * KIB
    assert (found["available"]["source"], found["problems"]) == ("linux_3_14", {})


def test_05_a_swap_of_8_eib_is_not_believed(both: Any) -> None:
    found = both("05-lxcfs-swaptotal-8eib")
    swap = found["free"]["swap"]
    assert (swap["total"], swap["used"], swap["free"]) == (None, None, None)
    assert "not plausible" in swap["reason"]
    assert found["problems"].keys() == {"SwapTotal", "SwapFree", "Shmem"}
    assert found["available"]["percent"] == 99.88


@pytest.mark.parametrize(
    ("case", "available", "total"),
    [
        ("06-lxcfs-host-counters", 4294967296 - 1512787968 + 700000000, 4 * GIB),
        ("25-proxmox-kreclaimable-of-host", 2147483648 - 918683648 + 286720000, 2 * GIB),
    ],
)
def test_06_25_nothing_is_computed_from_counters_of_another_machine(both: Any, case: str, available: int, total: int) -> None:
    found = both(case)
    accounting, machine = found["accounting"], found["machine"]
    for formula in ("a", "b", "extended"):
        assert accounting[formula]["terms"] == {}
        assert accounting[formula]["unexplained"] is None
        assert "another machine" in accounting[formula]["reason"]
    assert (accounting["tmpfs"], accounting["cached_reclaimable"], accounting["huge_pages"]["total"]) == (None, None, None)
    assert [entry["holds"] for entry in accounting["identities"].values()] == [None] * 3
    for column in ("anonymous", "kernel", "caches", "others"):
        assert machine["free"][column] is None
        assert found["free"][column] is None
    assert "another machine" in machine["free"]["reason"]
    assert set(machine["free"]["extended"].values()) == {None}
    # Counters above MemTotal are named.
    assert "more than MemTotal" in found["problems"]["AnonPages"]
    assert (found["available"]["bytes"], found["available"]["total"], found["free"]["total"]) == (available, total, total)


def test_10b_leaked_file_pages_are_not_available(both: Any) -> None:
    found = both("10b-uek-leak-below-total")
    # Buffers and Cached without Shmem are 9950000 kB, low is 240000 kB, and the reserve 288000 kB.
    expected = 2000000 - 288000 + (9950000 - 240000) + (1000000 - 240000)
    assert (found["available"]["bytes"], found["available"]["percent"]) == (expected * KIB, 9.29)
    assert "file pages that cannot exist" in found["available"]["reason"]
    assert found["problems"].keys() == {"Active", "Inactive", "Active(file)", "Inactive(file)"}
    assert found["free"]["caches"] == (9950000 + 1000000) * KIB
    assert found["accounting"]["b"]["unexplained"] is None
    assert found["accounting"]["extended"]["percent"] == 1.833


def test_10b_on_a_server_whose_leak_is_above_memtotal(both: Any) -> None:
    larger = {"Inactive:": "Inactive:       268000000 kB", "Inactive(file):": "Inactive(file): 214000000 kB"}
    lines = [larger.get(line.split()[0], line) for line in (text("10b-uek-leak-below-total", "meminfo") or "").splitlines()]
    found = make_facts(reading("10b-uek-leak-below-total", meminfo="\n".join(lines)))
    known = both("10b-uek-leak-below-total")
    for name in ("bytes", "source", "formulas"):
        assert found["available"][name] == known["available"][name]
    assert found["problems"].keys() == known["problems"].keys()


def test_11_huge_pages_are_named(both: Any) -> None:
    found = both("11-hugepages-566gib")["accounting"]
    assert found["extended"]["percent"] == 0.028
    assert found["extended"]["terms"]["Hugetlb"] == 555000000 * KIB
    huge = found["huge_pages"]
    assert (huge["total"], huge["free"]) == (555000000 * KIB, 6144 * 2048 * KIB)
    assert huge["used"] == huge["total"] - huge["free"]
    assert "count as used" in huge["reason"]


def test_12_the_cache_of_zfs_is_explained_and_named_without_the_option(both: Any) -> None:
    found = both("12-zfs-252gib")
    assert found["accounting"]["extended"]["terms"]["ZFS ARC"] == 167000000000
    assert found["accounting"]["extended"]["percent"] == 0.631
    assert found["zfs_arc"] == {"size": 167000000000, "minimum": 8447893888, "reclaimable": 158552106112, "reason": None}
    assert (found["available"]["percent"], found["available"]["source"]) == (8.47, "kernel")


def test_12_the_cache_of_zfs_is_available_with_the_option(both: Any) -> None:
    available = both("12-zfs-252gib", zfs_arc=True)["available"]
    assert (available["bytes"], available["percent"], available["source"]) == (181445641344, 67.12, "kernel+zfs_arc")


def test_13_pages_of_a_balloon_have_left_memtotal(both: Any) -> None:
    found = both("13-virtio-balloon")["accounting"]["extended"]
    assert (found["percent"], found["terms"]["Balloon"]) == (0.892, 0)


def test_13_pages_of_a_balloon_that_deflates_have_not() -> None:
    zoneinfo = (text("13-virtio-balloon", "zoneinfo") or "").replace("1820024", "5317896")
    meminfo = (text("13-virtio-balloon", "meminfo") or "").replace(" 7280096", f" {5317896 * 4}")
    found = make_facts(reading("13-virtio-balloon", meminfo=meminfo, zoneinfo=zoneinfo))["accounting"]["extended"]
    assert found["terms"]["Balloon"] == 13631488 * KIB


def test_14_unaccepted_memory_is_free(both: Any) -> None:
    found = both("14-tdx-unaccepted")["accounting"]
    assert found["extended"]["percent"] == 3.694
    assert "Unaccepted" in found["statistical_only"]


def test_15_a_line_with_a_blank_in_its_name_costs_nothing(both: Any) -> None:
    found = both("15-mediatek-normal-fallback")
    assert (found["available"]["bytes"], found["available"]["source"]) == (900000 * KIB, "kernel")
    assert found["accounting"]["unknown"] == ["Normal Fallback"]


def test_16_memfree_is_called_memfree(both: Any) -> None:
    available = both("16-openwrt-rt5350-2.6.21")["available"]
    assert (available["bytes"], available["percent"], available["source"]) == (4104 * KIB, 14.34, "memfree")
    assert "on kernels before 2.6.27 procps answers with MemFree" in available["reason"]


def test_19_the_limit_of_a_container_is_its_memory(both: Any) -> None:
    found = both("19-docker-2gib-on-64gib")
    available, machine = found["available"], found["machine"]
    assert (available["bytes"], available["total"], available["percent"]) == (2147483648 - 2140000000 + 10000000, 2 * GIB, 0.81)
    assert (available["source"], found["free"]["total"], found["free"]["free"]) == ("cgroup", 2 * GIB, 2147483648 - 2140000000)
    assert found["free"]["minus_available"] == {"used": 2 * GIB - available["bytes"], "free": available["bytes"]}
    assert (machine["available"]["percent"], machine["available"]["source"]) == (88.28, "kernel")
    assert machine["free"]["total"] == 65700000 * KIB


def test_21_memory_of_a_gpu_is_explained(both: Any) -> None:
    found = both("21-gpuactive")["accounting"]
    assert (found["extended"]["percent"], found["unknown"]) == (0.289, [])


def test_21_a_counter_that_no_formula_knows_is_named_as_such() -> None:
    meminfo = (text("21-gpuactive", "meminfo") or "").replace("GPUActive", "NPUActive")
    found = make_facts(reading("21-gpuactive", meminfo=meminfo))["accounting"]
    assert found["unknown"] == ["NPUActive"]
    assert found["extended"]["unexplained"] > 33000000 * KIB


def test_26_locked_memory_of_programs_is_named(both: Any) -> None:
    found = both("26-mlocked-elasticsearch")["accounting"]["extended"]
    assert (found["terms"]["Unevictable"], found["percent"]) == (62000000 * KIB, 0.634)


def test_27a_a_limit_that_equals_memtotal_is_the_limit(both: Any) -> None:
    found = both("27a-lxd-mariadb")
    assert (found["cgroup"]["limit"], found["available"]["total"]) == (128 * GIB, 128 * GIB)
    assert found["available"]["bytes"] == 137438953472 - 122288455680 + 96635904 + 27412628480
    assert found["available"]["percent"] == 31.04
