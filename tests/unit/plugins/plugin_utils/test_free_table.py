# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The free replacement: the four sample outputs of the posts, and what they do not show."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.fleetlab.linux.plugins.plugin_utils._free_table import UNITS, TableError, render
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import (
    KERNELS,
    facts,
    with_counter,
    without_counter,
)

PLAIN = """\
             total       used       free  anonymous     kernel     caches     others
Mem:          2488       1228       1259        608         24        580         15
  -/+ caches              648       1840
Swap:         1565          0       1565"""

PERCENT = """\
             total       used       free  anonymous     kernel     caches     others
Mem:          2488        49%        51%        24%         1%        23%         1%
  -/+ caches              26%        74%
Swap:         1565         0%       100%"""

EXTENDED = """\
             total       used       free  anonymous     kernel     caches     others
Mem:          2488       1228       1260        608         24        580         14
  -/+ caches              647       1840
Swap:         1565          0       1565

Extended memory usage info:
  Buffers                  83
  Cached                  785
  SwapCached                0
  Shmem                   308
  AnonPages               300
  Mapped                  122
  Unevict+Mlocked           5
  Dirty+Writeback           0
  NFS+Bounce                0"""

EXTENDED_PERCENT = """\
             total       used       free  anonymous     kernel     caches     others
Mem:          2488        49%        51%        24%         1%        23%         1%
  -/+ caches              26%        74%
Swap:         1565         0%       100%

Extended memory usage info:
  Buffers                  3%
  Cached                  32%
  SwapCached               0%
  Shmem                   12%
  AnonPages               12%
  Mapped                   5%
  Unevict+Mlocked          0%
  Dirty+Writeback          0%
  NFS+Bounce               0%"""


@pytest.mark.parametrize(
    ("kernel", "percent", "extended", "expected"),
    [
        ("3.2-posts-plain", False, False, PLAIN),
        ("3.2-posts-plain", True, False, PERCENT),
        ("3.2-posts-extended", False, True, EXTENDED),
        ("3.2-posts-extended", True, True, EXTENDED_PERCENT),
    ],
)
def test_the_sample_outputs_of_the_posts(kernel: str, percent: bool, extended: bool, expected: str) -> None:
    assert render(facts(kernel), percent=percent, extended=extended) == expected


def test_the_row_of_the_memory_available() -> None:
    found = facts("3.2-posts-plain")
    rows = render(found, rows="both").splitlines()
    available = found["available"]["bytes"]
    assert rows[2].startswith("  -/+ caches")
    assert rows[3].split() == ["-/+", "avail", str((found["bytes"]["MemTotal"] - available) >> 20), str(available >> 20)]
    assert len(rows[3]) == len(rows[2])
    assert "caches " not in "".join(render(found, rows="available").splitlines()[2:])


@pytest.mark.parametrize(("unit", "total"), [("b", 2548012 * 1024), ("k", 2548012), ("m", 2488), ("g", 2)])
def test_units(unit: str, total: int) -> None:
    assert render(facts("3.2-posts-plain"), unit=unit).splitlines()[1].split()[1] == str(total)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kernel", [*KERNELS, "11-hugepages-566gib", "19-docker-2gib-on-64gib"])
def test_cells_do_not_run_together(kernel: str, unit: str) -> None:
    found = facts(kernel)
    lines = render(found, unit=unit, extended=True, rows="both").splitlines()
    assert len({len(line) for line in lines[:2]}) == 1
    assert len(lines[1].split()) == len(lines[0].split()) + 1
    for line, (label, value) in zip(lines[-9:], found["free"]["extended"].items()):
        assert line.split()[0] == label
        assert (line.split()[1] == "-") == (value is None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.0Ki"),
        (2548012 * 1024, "2.4Gi"),
        (10 * (1 << 30) - 1, "9.9Gi"),
        (10 << 30, "10Gi"),
        ((1 << 40) - 1, "1023Gi"),
        (1 << 60, "1024Pi"),
        (-1536, "-1.5Ki"),
    ],
)
def test_the_unit_that_fits(value: int, text: str) -> None:
    found = facts("6.1")
    found["free"]["swap"]["total"] = value
    assert render(found, unit="h").splitlines()[-1].split()[1] == text


LIMITED = """\
               total       used       free  anonymous     kernel     caches     others
Mem:            2048       2040          7          -          -          -          -
  -/+ avail                2031         16
Machine:       64160      44628      19531       4882        576      37597       1572
Swap:              0          0          0"""


def test_the_caches_are_shown_one_by_one() -> None:
    lines = render(facts("6.1"), unit="k", caches=True).splitlines()
    assert lines[4:6] == ["", "Caches:"]
    found = dict(line.split(maxsplit=1) for line in lines[6:9])
    assert found == {"Active(file)": "811204", "Inactive(file)": "624812", "SReclaimable": "301240"}
    assert sum(map(int, found.values())) == facts("6.1")["free"]["caches"] // 1024
    assert lines[9].split() == ["Cached-Shmem", str(1446044 - 92368)]
    assert lines[10].split() == ["ZFS", "ARC", str((511705088 - 131072000) // 1024)]


def test_the_caches_of_the_machine_are_not_those_of_a_limited_host() -> None:
    lines = render(facts("19-docker-2gib-on-64gib"), caches=True).splitlines()
    assert [line.split()[-1] for line in lines[-4:]] == ["-"] * 4


def test_a_host_with_a_limit_has_its_own_row_and_that_of_the_machine() -> None:
    assert render(facts("19-docker-2gib-on-64gib"), rows="available") == LIMITED


def test_the_example_of_the_documentation_shows_what_it_prints() -> None:
    documented = yaml.safe_load((Path(__file__).resolve().parents[4] / "plugins" / "filter" / "free_table.yml").read_text(encoding="utf-8"))
    shown = [line[2:] for line in documented["EXAMPLES"].splitlines() if line.startswith("#")]
    assert shown == render(facts("3.2-posts-extended"), extended=True, rows="both").splitlines()


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_has_a_table(kernel: str) -> None:
    found = facts(kernel)
    assert len(render(found, percent=True, extended=True, rows="both").splitlines()) == 16 + (found["machine"] is not None)


def test_what_a_kernel_does_not_tell_is_a_dash() -> None:
    found = facts("6.1", meminfo=without_counter("6.1", "Active(file)"))
    assert render(found).splitlines()[1].split()[-2:] == ["-", "-"]
    assert render(found).splitlines()[2].split() == ["-/+", "caches", "-", "-"]


def test_without_swap_there_is_no_part_of_it() -> None:
    meminfo = with_counter("6.1", "SwapTotal", "0 kB")
    found = facts("6.1", meminfo=meminfo.replace("SwapFree:        1999868 kB", "SwapFree: 0 kB"))
    assert render(found, percent=True).splitlines()[-1].split() == ["Swap:", "0", "-", "-"]


@pytest.mark.parametrize(("options", "reason"), [({"unit": "t"}, "unit: 't'"), ({"rows": "no"}, "rows: 'no'")])
def test_wrong_options_are_named(options: dict[str, str], reason: str) -> None:
    with pytest.raises(TableError, match=reason):
        render(facts("6.1"), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [{}, {"free": None}, {"free": {}}])
def test_other_facts_are_refused(value: dict[str, None]) -> None:
    with pytest.raises(TableError, match="not facts of"):
        render(value)
