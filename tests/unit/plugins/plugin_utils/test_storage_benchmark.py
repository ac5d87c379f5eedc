# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the storage benchmark, from what fio 3.33 printed."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest

from ansible_collections.fleetlab.linux.plugins.plugin_utils.storage_benchmark import (
    BenchmarkError,
    make_results,
    parse_fio,
    render_table,
)


def fio(bytes_per_s: float, iops: float, error: int = 0) -> str:
    """fio's report in the parts that count, after a warning as it prints them."""
    read = {"bw_bytes": bytes_per_s, "iops": iops, "clat_ns": {"mean": 2_500_000.0}}
    return "fio: this is a warning\n" + json.dumps({"fio version": "fio-3.33", "jobs": [{"jobname": "x", "error": error, "read": read}]})


def run(name: str, legs: int, pattern: str, throttled: bool, output: str) -> Dict[str, Any]:
    """One run as the role hands it over."""
    return {"name": name, "legs": legs, "pattern": pattern, "throttled": throttled, "output": output}


def test_the_ideal_of_held_volumes_is_their_speed_times_their_number() -> None:
    runs = [run("md99", 15, "seq", True, fio(73.7e6, 70.3)), run("md99", 15, "rand", True, fio(8.98e6, 2192.0))]
    sequential, random = make_results(runs, mb_per_s=5, iops=150)
    assert (sequential["ideal_mb_per_s"], sequential["ideal_iops"], sequential["ratio_to_ideal"]) == (75.0, None, 0.983)
    assert (random["ideal_mb_per_s"], random["ideal_iops"], random["ratio_to_ideal"]) == (None, 2250.0, 0.974)
    assert (sequential["mb_per_s"], random["iops"], random["latency_ms"]) == (73.7, 2192.0, 2.5)


def test_the_ideal_of_free_volumes_is_one_lun_times_their_number() -> None:
    runs = [run("one_lun", 1, "seq", False, fio(250e6, 238.0)), run("md1", 3, "seq", False, fio(375e6, 357.0))]
    one, mirror = make_results(runs, mb_per_s=5, iops=150)
    assert one["ratio_to_ideal"] == 1.0
    assert (mirror["ideal_mb_per_s"], mirror["ratio_to_ideal"]) == (750.0, 0.5)


def test_without_the_single_lun_there_is_no_ideal() -> None:
    (result,) = make_results([run("md1", 3, "rand", False, fio(1e6, 10.0))], 0, 0)
    assert result["ratio_to_ideal"] is None


@pytest.mark.parametrize("text", ["", "fio: file not found", "{}", '{"jobs": []}', '{"jobs": [{"read": {}}]}', "{"])
def test_what_is_no_report_is_an_error_that_names_the_run(text: str) -> None:
    with pytest.raises(BenchmarkError, match="md99"):
        parse_fio("md99", text)


def test_a_run_that_failed_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="error 5"):
        parse_fio("md99", fio(1e6, 1.0, error=5))


def test_the_table_has_a_row_for_each_result() -> None:
    runs = [run("one_lun", 1, "seq", True, fio(5e6, 4.8)), run("md99", 15, "rand", True, fio(9e6, 2200.0))]
    lines = render_table(make_results(runs, 5, 150)).splitlines()
    assert lines[0].split() == ["device", "legs", "reads", "volumes", "MB/s", "IOPS", "latency", "ideal", "ratio"]
    assert lines[2].split() == ["one_lun", "1", "sequential", "held", "5.0", "5", "2.5", "ms", "5", "MB/s", "1.00"]
    assert lines[3].split()[-1] == "0.98"
