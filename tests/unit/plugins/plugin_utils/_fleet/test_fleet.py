# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of 649 hosts: its figures, and what is written about it."""

from __future__ import annotations

import csv
import io
import json
import re
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import FleetError, make_fleet, percentiles
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.page import render_page
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.report import (
    render_csv,
    render_json,
    render_summary,
    render_textfile,
    size,
)
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import KERNELS, facts, without_counter

EVIL = '<script>"$x$'


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
    assert fleet_of(3)["failed"] == [{"host": "dead", "reason": "no <route>"}, {"host": "new", "reason": "not gathered"}]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"fleet_memory_reading": {"failed": True, "msg": "cut short"}}, "cut short"),
        ({"fleet_memory_reading": {"failed": False, "failed_when_result": False, "msg": "cut short"}}, "cut short"),
        ({"meminfo_error": "timed out"}, "timed out"),
        ({}, "not gathered"),
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
    assert lines[0].split() == ["host", "available", "total", "tmpfs", "unexplained", "source", "kernel"]
    assert "21 hosts, 2 without a reading" in "\n".join(lines)
    assert "No reading: dead: no <route>" in lines


def test_csv_has_all_hosts_and_no_formula_for_a_spreadsheet() -> None:
    found = make_fleet({"=cmd()": facts("6.1"), "b,c": {}})
    first, second = csv.DictReader(io.StringIO(render_csv(found)))
    assert (first["host"], first["total"], first["error"]) == ("'=cmd()", str(facts("6.1")["bytes"]["MemTotal"]), "")
    assert (second["host"], second["error"]) == ("b,c", "not gathered")


def test_json_is_the_fleet() -> None:
    found = fleet_of(5)
    assert json.loads(render_json(found)) == found


def test_metrics_have_one_line_for_each_host() -> None:
    lines = render_textfile(make_fleet({'a"b\\': facts("6.1"), "dead": {}})).splitlines()
    assert f'fleet_memory_total_bytes{{host="a\\"b\\\\"}} {facts("6.1")["bytes"]["MemTotal"]}' in lines
    assert 'fleet_memory_up{host="dead"} 0' in lines
    assert next(line for line in lines if line.startswith("fleet_memory_available_bytes")).count("source=") == 1
    assert sum(line.startswith("# TYPE") for line in lines) == 5


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    found = fleet_of(30)
    text = render_page(found)
    page = _Page()
    page.feed(text)
    assert page.tags.count("svg") == 2
    assert page.tags.count("tr") == 1 + len(found["hosts"])
    assert "script" not in page.tags
    assert all(link.startswith("#") for link in page.links)
    assert "no &lt;route&gt;" in text
    # Not even the names of dialects, which nobody would fetch.
    assert "http" not in text
    assert render_page(found) == text


def test_the_page_says_what_the_table_says() -> None:
    found = fleet_of(30)
    text = render_page(found)
    for line in render_summary(found).splitlines():
        assert line.startswith(("host", "-", EVIL, "No reading: ")) or escape(line.replace("Outlier: ", "")) in text, line
    for row in found["hosts"]:
        assert f"<td>{escape(row['host'])}</td>" in text


def test_long_names_leave_room_for_the_bars() -> None:
    [svg] = re.findall(r"<svg[^>]*Bars.*?</svg>", render_page(make_fleet({"n" * 300: facts("6.1")})), re.DOTALL)
    assert "n" * 41 not in svg
    assert "…" in svg


def test_a_page_of_649_hosts_stays_small() -> None:
    assert len(render_page(fleet_of(649))) < 2_000_000


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (2048, "2 KiB"), (3 << 20, "3.0 MiB"), (5 << 30, "5.0 GiB"), (3 << 39, "1.5 TiB")]
)
def test_sizes_for_people(value: int | None, text: str) -> None:
    assert size(value) == text
