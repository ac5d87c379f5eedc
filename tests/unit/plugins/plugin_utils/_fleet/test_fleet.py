# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of 649 hosts: its figures, and what is written about it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import FleetError, Limits, make_fleet, percentiles
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.metrics import render_textfile
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.page import render_page
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.problems import short_hosts, threshold_problems
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.report import (
    render_csv,
    render_json,
    render_summary,
    size,
)
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import KERNELS, facts, without_counter

EVIL = '<script>"$x$'
NOT_GATHERED = "not gathered, or an earlier task of the play failed"


def fleet_of(count: int) -> dict[str, Any]:
    """A fleet of hosts with all kernels in turn, one of them with a hostile name, and two that failed."""
    known = {kernel: facts(kernel) for kernel in KERNELS}
    hosts: dict[str, Any] = {
        f"host{number:03}": {"ansible_facts": {"meminfo": known[KERNELS[number % len(KERNELS)]]}} for number in range(count)
    }
    hosts[EVIL] = {"meminfo": known["6.1"]}
    hosts["dead"] = {"ansible_facts": {"meminfo": known["6.1"]}, "fleet_memory_reading": {"unreachable": True, "msg": "no <route>"}}
    hosts["new"] = {"ansible_facts": {}}
    return make_fleet(hosts)


def test_the_worst_hosts_come_first() -> None:
    rows = fleet_of(649)["hosts"]
    assert len(rows) == 650
    assert [row["available_percent"] for row in rows] == sorted(row["available_percent"] for row in rows)


def test_failed_hosts_are_named_and_not_reported_by_old_facts() -> None:
    assert fleet_of(3)["failed"] == [{"host": "dead", "reason": "no <route>"}, {"host": "new", "reason": NOT_GATHERED}]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"fleet_memory_reading": {"failed": True, "msg": "cut short"}}, "cut short"),
        ({"fleet_memory_reading": {"failed": False, "failed_when_result": False, "msg": "cut short"}}, "cut short"),
        ({"meminfo_error": "timed out"}, "timed out"),
        ({}, NOT_GATHERED),
    ],
)
def test_reasons(variables: dict[str, Any], reason: str) -> None:
    assert make_fleet({"a": variables})["failed"] == [{"host": "a", "reason": reason}]


def test_a_reading_of_now_wins_over_facts_of_before() -> None:
    old, new = facts("3.2"), facts("6.1")
    hosts: dict[str, Any] = {"a": {"ansible_facts": {"meminfo": old}, "fleet_memory_reading": {"ansible_facts": {"meminfo": new}}}}
    assert make_fleet(hosts)["hosts"][0]["total"] == new["bytes"]["MemTotal"]
    hosts = {"a": {"ansible_facts": {"meminfo": old}, "fleet_memory_reading": {"skipped": True, "msg": "when"}}}
    assert make_fleet(hosts)["hosts"][0]["total"] == old["bytes"]["MemTotal"]


def test_a_registered_reading_counts_whatever_became_of_it() -> None:
    hosts: dict[str, Any] = {"a": {"fleet_memory_reading": {"changed": False, "meminfo": facts("6.1")}}}
    assert [row["host"] for row in make_fleet(hosts)["hosts"]] == ["a"]
    with pytest.raises(FleetError, match=r"a: the variable other is not a result of .*meminfo_facts"):
        make_fleet({"a": {"other": {"ansible_facts": {"distribution": "Debian"}}}}, reading="other")


def at(kernel: str, time: float) -> dict[str, Any]:
    """Facts that were read then."""
    return {**facts(kernel), "read_at": time}


@pytest.mark.parametrize("place", ["ansible_facts", "variable"])
@pytest.mark.parametrize(("time", "newer"), [(99.9, False), (100.0, False), (100.1, True), (None, False)])
def test_of_facts_and_one_pass_the_newer_counts(place: str, time: float | None, newer: bool) -> None:
    old = {"meminfo": facts("3.2") if time is None else at("3.2", time)}
    known = {"ansible_facts": old} if place == "ansible_facts" else old
    one_pass = {"meminfo_one_pass": {"read_at": 100.0, "meminfo": at("6.1", 100.0)}}
    assert make_fleet({"a": {**known, **one_pass}})["hosts"][0]["kernel"] == facts("3.2" if newer else "6.1")["kernel"]["release"]
    failed = {"meminfo_error": "refused", "meminfo_one_pass": {"read_at": 100.0, "meminfo_error": "refused"}}
    expected = [] if newer else [{"host": "a", "reason": "refused"}]
    assert make_fleet({"a": {**known, **failed}})["failed"] == expected
    # What one pass left to others.
    assert make_fleet({"a": {**known, "meminfo_error": "not gathered in one pass"}})["failed"] == []


def test_only_the_hosts_asked_for() -> None:
    hosts = {"a": facts("6.1"), "b": facts("3.2")}
    found = make_fleet(hosts, ["b", "c"])
    assert [row["host"] for row in found["hosts"]] == ["b"]
    assert found["failed"] == [{"host": "c", "reason": "not in the inventory"}]


def test_other_facts_are_refused_by_name_of_the_host() -> None:
    with pytest.raises(FleetError, match="web1: these are not facts"):
        make_fleet({"web1": {"meminfo": {"available": {}}}})


def test_residuals_are_counted_as_in_the_posts() -> None:
    hosts = {name: facts("6.1") for name in "abcd"}
    for name, value in (("a", 0.4), ("b", -1.5), ("c", 2.9), ("d", -3.1)):
        hosts[name]["accounting"]["a"]["percent"] = value
    hosts["e"] = facts("6.1", meminfo=without_counter("6.1", "KernelStack"))
    found = make_fleet(hosts)["residuals"]["a"]
    assert (found["hosts"], found["within_1_5"], found["within_3"], found["min"], found["max"]) == (4, 2, 3, -3.1, 2.9)


def test_percentiles_are_those_of_the_textbook() -> None:
    assert percentiles([4, 1, 3, 2, 5]) == {"min": 1, "p5": 1.2, "median": 3, "p95": 4.8, "max": 5}
    assert percentiles([7]) == dict.fromkeys(("min", "p5", "median", "p95", "max"), 7)
    assert percentiles([]) == dict.fromkeys(("min", "p5", "median", "p95", "max"))


@given(st.lists(st.floats(-5, 100), min_size=1))
def test_percentiles_are_in_order(values: list[float]) -> None:
    found = list(percentiles(values).values())
    assert found == sorted(found, key=lambda value: value or 0)


def test_an_outlier_is_named_with_what_is_usual() -> None:
    hosts = {f"h{number}": facts("6.1") for number in range(10)}
    for number, host in enumerate(hosts.values()):
        host["available"]["percent"] = 60.0 + number
    hosts["h4"]["available"]["percent"] = 3.0
    (outlier,) = make_fleet(hosts)["outliers"]
    assert (outlier["host"], outlier["figure"], outlier["value"]) == ("h4", "available_percent", 3.0)
    assert outlier["usual"][0] > 3


def test_hosts_that_are_alike_have_no_outliers() -> None:
    hosts = {f"h{number}": facts("6.1") for number in range(10)}
    hosts["h4"]["available"]["percent"] += 0.5
    assert make_fleet(hosts)["outliers"] == []
    assert make_fleet({name: hosts[name] for name in ("h1", "h2")})["outliers"] == []


def test_no_hosts_at_all() -> None:
    found = make_fleet({})
    assert found["available_percent"]["median"] is None
    for report in (render_summary, render_csv, render_json, render_textfile, render_page):
        assert report(found)


def test_the_table_names_every_host_and_every_failure() -> None:
    lines = render_summary(fleet_of(20)).splitlines()
    assert lines[0].split() == ["host", "available", "total", "tmpfs", "unexplained", "source", "kernel", "read"]
    assert "21 hosts, 2 without a reading" in "\n".join(lines)
    assert "No reading: dead: no <route>" in lines


def test_csv_has_all_hosts_and_no_formula_for_a_spreadsheet() -> None:
    found = make_fleet({"=cmd()": facts("6.1"), "b,c": {}})
    first, second = csv.DictReader(io.StringIO(render_csv(found)))
    assert (first["host"], first["total"], first["error"]) == ("'=cmd()", str(facts("6.1")["bytes"]["MemTotal"]), "")
    assert (second["host"], second["error"]) == ("b,c", NOT_GATHERED)


def test_json_is_the_fleet() -> None:
    found = fleet_of(5)
    assert json.loads(render_json(found)) == found


def test_json_has_a_line_for_each_host_so_that_a_diff_shows_the_hosts_that_changed() -> None:
    found = fleet_of(9)
    lines = render_json(found).splitlines()
    begin = lines.index('"hosts": [') + 1
    assert [json.loads(line.rstrip(","))["host"] for line in lines[begin : begin + 10]] == [row["host"] for row in found["hosts"]]


class _Counted(dict[str, Any]):
    """Variables of hosts, and how often each was looked up."""

    looked_up: dict[str, int]

    def __getitem__(self, host: str) -> Any:
        self.looked_up[host] = self.looked_up.get(host, 0) + 1
        return super().__getitem__(host)


def test_variables_of_a_host_which_ansible_computes_each_time_are_looked_up_once() -> None:
    hosts = _Counted({f"h{number}": {"meminfo": facts("6.1")} for number in range(9)})
    hosts.looked_up = {}
    make_fleet(hosts, [*hosts, "gone"])
    assert hosts.looked_up == dict.fromkeys(hosts, 1)


def test_metrics_have_one_sample_for_each_host() -> None:
    text = render_textfile(make_fleet({'a"b\\': at("6.18", 1764172800.5), "dead": {}}))
    samples = {
        (sample.name, sample.labels["host"]): sample.value for family in text_string_to_metric_families(text) for sample in family.samples
    }
    assert samples["fleet_memory_total_bytes", 'a"b\\'] == facts("6.18")["bytes"]["MemTotal"]
    assert samples["fleet_memory_read_timestamp_seconds", 'a"b\\'] == 1764172800.5
    assert (samples["fleet_memory_up", 'a"b\\'], samples["fleet_memory_up", "dead"]) == (1, 0)
    assert samples["fleet_memory_oom_kills", 'a"b\\'] == 1
    assert 'source="kernel"' in text


def test_columns_are_aligned_by_the_width_of_characters() -> None:
    lines = render_summary(make_fleet({"東京": facts("6.1"), "web": facts("6.1")})).splitlines()
    assert lines[2].index("%") == lines[3].index("%") + 2


def test_a_terminal_obeys_no_host() -> None:
    found = make_fleet({"a": {"meminfo_error": "\x1b]0;title\x07refused\r\n"}})
    assert "No reading: a: \\x1b]0;title\\x07refused" in render_summary(found)


def test_old_readings_are_marked() -> None:
    hosts = {"old": at("6.1", 100.0), "new": at("6.1", 199.0), "unknown": facts("6.1")}
    found = make_fleet(hosts, limits=Limits(max_age=50, now=200.0))
    assert {row["host"]: row["old"] for row in found["hosts"]} == {"old": True, "new": False, "unknown": False}
    assert found["read"] == {"first": 100.0, "last": 199.0, "old": 1, "max_age": 50}
    text = render_summary(found)
    assert "1970-01-01 00:01:40Z old" in text
    assert "Read: 1970-01-01 00:01:40Z to 1970-01-01 00:03:19Z; 1 older than 50 s" in text
    assert [row["old"] for row in make_fleet(hosts, limits=Limits(now=1e9))["hosts"]] == [False] * 3


def test_a_threshold_needs_something_to_compare() -> None:
    found = make_fleet({"a": at("6.1", 100.0), "b": {}}, limits=Limits(max_age=50, now=200.0))
    assert threshold_problems(found, 0) == []
    assert "All 1 readings are older than 50 s" in threshold_problems(found, 5)[0]
    assert threshold_problems(make_fleet({"a": facts("6.1"), "b": {}}), 5) == []
    assert "None of 1 hosts has a reading" in threshold_problems(make_fleet({"b": {}}), 5)[0]
    assert "no hosts to report" in threshold_problems(make_fleet({}), 5)[0]
    assert threshold_problems(make_fleet({"a": facts("6.1")}), 99) == ["Less than 99 % of the memory is available on a"]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (2048, "2 KiB"), (3 << 20, "3.0 MiB"), (5 << 30, "5.0 GiB"), (3 << 39, "1.5 TiB")]
)
def test_sizes_for_people(value: int | None, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(
    ("case", "percent", "total", "machine"),
    [
        ("19-docker-2gib-on-64gib", 0.81, 2 << 30, (65700000 * 1024, 88.28)),
        ("06-lxcfs-host-counters", 81.08, 4 << 30, (4 << 30, 64.78)),
        ("27a-lxd-mariadb", 31.04, 128 << 30, (128 << 30, 31.07)),
    ],
)
def test_the_limit_of_a_control_group_is_the_memory_of_its_host(case: str, percent: float, total: int, machine: tuple[int, float]) -> None:
    fleet = make_fleet({"box": {"meminfo": facts(case)}})
    (row,) = fleet["hosts"]
    assert (row["available_percent"], row["total"], row["source"], row["cgroup_limit"]) == (percent, total, "cgroup", total)
    assert (row["machine_total"], row["machine_available_percent"]) == machine
    assert (short_hosts(fleet, percent + 0.01), short_hosts(fleet, percent)) == (["box"], [])
    (line,) = csv.DictReader(io.StringIO(render_csv(fleet)))
    assert (line["available_percent"], line["total"], line["machine_total"]) == (str(percent), str(total), str(machine[0]))
    metrics = {sample.name: sample.value for family in text_string_to_metric_families(render_textfile(fleet)) for sample in family.samples}
    assert metrics["fleet_memory_total_bytes"] == total
    assert metrics["fleet_memory_available_bytes"] == row["available"]
    assert render_summary(fleet).splitlines()[2].split()[:3] == ["box", f"{percent:.1f}", "%"]
