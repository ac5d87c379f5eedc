# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures, their ideal and their spread, and how they are shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.network import ceilings, describe_ceilings
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.report import render_report
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.results import make_results, parse_lines, tuning_ratio
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.statistics import (
    busy_between,
    imbalance,
    parse_samples,
    shares,
    spread,
)
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.subjects import BenchmarkError
from ansible_collections.fleetlab.linux.plugins.plugin_utils._benchmark.table import HEADER, render_table


def run(name: str, pattern: str, value: float, legs: dict[str, int], **facts: Any) -> dict[str, Any]:
    """A run as it is measured: value is MB/s or IOPS, legs are the bytes of each disk."""
    sequential = pattern in ("seq", "seq4", "write")
    figures = {"bytes_per_s": value * 1e6 if sequential else value * 4096, "iops": value, "mean_ms": 9.0, "p50_ms": 8.0, "p99_ms": 20.0}
    writes = pattern.endswith("write")
    return {
        "id": "x",
        "argv": ["fio", "--x"],
        "fio": {"version": "fio-3.33", "write" if writes else "read": figures},
        "start": 100.0,
        "end": 104.0,
        "cpu": [30, 400],
        "read": {} if writes else legs,
        "written": legs if writes else {},
        "facts": {
            "name": name,
            "pattern": pattern,
            "repeat": 1,
            "depth_per_volume": 4,
            "queue_depth": 4 * len(legs),
            "usual_depth": True,
            "legs": {disk: f"server{disk[-1]}/0" for disk in legs},
            "width": 1,
            "level": "raid10",
            "layout": "o3",
            "chunk_kib": 512,
            "rotational": False,
            "lost": 0,
            "volume_mb_per_s": 5.0,
            "volume_iops": 150,
            **facts,
        },
    }


THREE = {"sd1": 100, "sd2": 100, "sd3": 100}
SAMPLES = {"server1": "99.0 0 0\n100.5 10 1000\n103.5 70 1300\n105.0 900 2000\n106.0 9", "server2": ""}


def test_repeats_are_one_result_with_mean_and_spread() -> None:
    (result,) = make_results([run("md1", "seq", value, THREE) for value in (14.7, 15.0, 14.85)], SAMPLES)
    assert (result["mean"], result["mb_per_s"], result["repeats"], result["spread"]) == (14.85, 14.85, 3, 0.0202)
    assert (result["ideal"], result["ratio_to_ideal"], result["unit"]) == (15.0, 0.99, "MB/s")
    assert result["gbit_per_s"] == pytest.approx(0.1188)
    assert (result["cpu_client_percent"], result["cpu_servers_percent"]) == (7.5, {"server1": 20.0, "server2": None})
    assert (result["latency_p50_ms"], result["latency_p99_ms"]) == (8.0, 20.0)
    assert result["fio_command"] == "fio --x"


def test_random_reads_are_held_against_operations() -> None:
    (result,) = make_results([run("md1", "rand", 436.5, THREE)], {})
    assert (result["ideal"], result["ratio_to_ideal"], result["unit"]) == (450.0, 0.97, "IOPS")


def test_writes_go_to_every_leg_so_their_ideal_is_one_volume() -> None:
    (result,) = make_results([run("layout_o3", "write", 4.9, THREE)], {})
    assert (result["ideal"], result["ratio_to_ideal"], result["volumes"]) == (5.0, 0.98, 1)
    assert result["leg_bytes"] == {"server1/0": 100, "server2/0": 100, "server3/0": 100}


def test_the_ideal_of_free_volumes_is_one_of_them_times_their_number() -> None:
    free = {"volume_mb_per_s": 0, "volume_iops": 0}
    one, mirror = make_results([run("one_lun", "seq", 250.0, {"sd1": 1}, **free), run("md1", "seq", 375.0, THREE, **free)], {})
    assert (one["ratio_to_ideal"], mirror["ideal"], mirror["ratio_to_ideal"], mirror["throttled"]) == (1.0, 750.0, 0.5, False)
    (alone,) = make_results([run("md1", "seq", 375.0, THREE, **free)], {})
    assert (alone["ideal"], alone["ratio_to_ideal"]) == (None, None)


def test_what_differs_in_speed_depth_or_loss_is_another_result() -> None:
    runs = [
        run("layout_o3", "seq", 9.0, THREE, **change) for change in ({}, {"lost": 1}, {"depth_per_volume": 8}, {"rotational": True}, {})
    ]
    assert [result["repeats"] for result in make_results(runs, {})] == [2, 1, 1, 1]


def test_shares_tell_which_leg_does_the_work() -> None:
    assert shares({"a": 1, "b": 3}) == {"a": 0.25, "b": 0.75}
    assert imbalance({"a": 1, "b": 3}) == 0.5
    assert (shares({"a": 0}), imbalance({"a": 0}), imbalance({"a": 9, "b": 0, "c": 0})) == ({}, None, 2.0)


@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=9))
def test_spread_is_none_for_equal_values_and_never_negative(values: list[float]) -> None:
    assert spread(values) >= 0
    assert spread([values[0]] * 3) == 0


def test_samples_cut_short_or_outside_do_not_count() -> None:
    samples = parse_samples("1.0 5 10\n2.0 6 20\n3.0 8 30\n4.0 9")
    assert len(samples) == 3
    assert busy_between(samples, 1.5, 9.0) == 20.0
    assert busy_between(samples, 2.5, 9.0) is None


COMMANDS = [{"id": "1", "facts": {"name": "a"}, "argv": ["fio"]}, {"id": "2", "facts": {"name": "b"}, "argv": ["fio"]}]


def test_lines_belong_to_commands_in_their_order() -> None:
    lines = "\n".join(json.dumps({"id": name, "cpu": [1, 2]}) for name in ("1", "2"))
    assert [run["facts"]["name"] for run in parse_lines(COMMANDS, lines)] == ["a", "b"]


@pytest.mark.parametrize("text", ["", '{"id": "1"}', '{"id": "2"}\n{"id": "1"}', "no json"])
def test_lines_that_are_missing_or_strange_are_refused(text: str) -> None:
    with pytest.raises(BenchmarkError, match=r"measure\.py"):
        parse_lines(COMMANDS, text)


def whole() -> list[dict[str, Any]]:
    """Results of every section."""
    free = {"volume_mb_per_s": 0, "volume_iops": 0}
    return make_results(
        [
            run("one_lun", "seq", 5.0, {"sd1": 5}),
            run("scale_3", "seq", 15.0, THREE),
            run("md1", "seq", 14.9, THREE, depth_per_volume=1, usual_depth=False),
            run("layout_o3", "seq", 14.9, THREE, rotational=True, lost=1),
            run("layout_o3", "write", 5.0, THREE),
            run("md99", "seq", 250.0, THREE, **free),
            run("chain_untuned", "seq", 200.0, THREE, **free),
            run("chain_tuned", "seq", 270.0, THREE, **free),
        ],
        SAMPLES,
    )


def test_the_table_has_a_row_for_each_result() -> None:
    lines = render_table(whole()).splitlines()
    assert len(lines) == 2 + len(whole())
    assert lines[0].split("  ")[0] == HEADER[0]
    assert any(line.startswith("layout_o3, rotational, 1 lost") and " 14.9 " in line for line in lines)


def test_tuning_is_told_as_a_ratio() -> None:
    assert tuning_ratio(whole(), throttled=False) == {"seq": 1.35}
    assert tuning_ratio(whole(), throttled=True) == {}
    assert tuning_ratio([], throttled=False) == {}


NETWORK: list[dict[str, Any]] = [
    {
        "item": {"name": "server1", "host": "192.0.2.1"},
        "rate": {"payload": 3_451_600_000},
        "efficiency": {"mtu": 9000},
        "limited_by": "cpu",
        "trusted": False,
        "reason": "a process used 1.00 of a core",
    },
    {"item": {"name": "server2", "host": "192.0.2.2"}, "failed": False, "msg": "server2: nobody listens"},
]


def test_a_network_that_was_not_measured_is_not_in_the_report() -> None:
    assert describe_ceilings(ceilings([])) == []
    assert [one["mb_per_s"] for one in ceilings(NETWORK)] == [431.4, None]


def test_the_report_shows_every_result_and_picture() -> None:
    report = {
        "results": whole(),
        "finished": "2026-01-01 00:00 UTC",
        "backend": "uml",
        "machine": {
            "kernel": "7.2.7",
            "kernel_origin": "forky",
            "release": "Debian GNU/Linux 13 (trixie)",
            "cpus": 1,
            "mtu": 9000,
        },
        "network": ceilings(NETWORK),
        "engine": "libaio",
        "fio_version": "fio-3.33",
        "servers": 3,
        "volumes": 5,
        "runs": 7,
        "seconds": 6.0,
        "warm_up_seconds": 2.0,
    }
    text = render_report(report, ["scaling.svg"])
    assert "![scaling](scaling.svg)" in text
    assert "Debian GNU/Linux 13 (trixie), kernel 7.2.7 of forky, " in text
    assert "Tuned over untuned, free: 1.35 (seq)." in text
    assert "can exceed: server1 431 MB/s (MTU 9000, limited by cpu); server2 not measured (server2: nobody listens)\n" in text
    for section in (
        "Scaling",
        "From one LUN to the stripe",
        "Queue depths",
        "Layouts",
        "Writes",
        "At full speed",
        "Tuning",
        "Balance",
        "Commands",
    ):
        assert f"## {section}\n" in text, section
    assert text.count("| layout_o3") == 2
    assert "server1/0 33.3, server2/0 33.3, server3/0 33.3" in text
