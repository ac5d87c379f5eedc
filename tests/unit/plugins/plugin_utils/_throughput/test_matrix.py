# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A matrix of hosts: the turns of each, the data of fleetlab.linux.throughput_report, and its forms."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.filter import throughput as filters
from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.account import account
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.thresholds import make_thresholds
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.matrix import make_matrix, progress_line
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.report import RENDERERS
from ansible_collections.fleetlab.linux.plugins.plugin_utils._throughput.schedule import check_speed, plan_rounds, turns_of
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._throughput.test_account import halves

HOSTS = ["a", "b", "c", "d"]
HOSTVARS: dict[str, dict[str, Any]] = {name: {"ansible_host": f"192.0.2.{place}"} for place, name in enumerate(HOSTS, 1)}

CHECKED: dict[str, Any] = {"plan": [], "results": []}


@given(st.integers(2, 20))
def test_both_hosts_of_a_pair_know_its_number_and_only_one_connects(count: int) -> None:
    hosts = [f"h{number}" for number in range(count)]
    hostvars = {host: {"ansible_host": f"192.0.2.{place + 1}"} for place, host in enumerate(hosts)}
    rounds = plan_rounds(hosts)
    turns = {host: turns_of(host, rounds, hostvars, 5300) for host in hosts}
    for host, own in turns.items():
        assert len({turn["number"] for turn in own}) == len(own) == count - 1
        for turn in own:
            other = next(one for one in turns[turn["peer"]] if one["number"] == turn["number"])
            assert other["peer"] == host
            assert {turn["act"], other["act"]} == {"connect", "listen"}
            assert turn["address"] == other["address"] == hostvars[host if turn["act"] == "listen" else turn["peer"]]["ansible_host"]


def test_the_address_of_the_role_comes_before_that_of_ansible() -> None:
    hostvars = {**HOSTVARS, "b": {"ansible_host": "192.0.2.2", "throughput_own_address": "198.51.100.2"}}
    assert turns_of("a", plan_rounds(["a", "b"]), hostvars, 1)[0]["address"] == "198.51.100.2"


def test_pairs_of_a_host_that_cannot_take_part_are_left_out() -> None:
    hostvars = {name: {**HOSTVARS[name], "throughput_checked": {"plan": []}} for name in HOSTS}
    hostvars["d"]["throughput_checked"] = {"failed": True, "msg": "no"}
    peers = [turn["peer"] for turn in turns_of("a", plan_rounds(HOSTS), hostvars, 1, checked=True)]
    assert sorted(peers) == ["b", "c"]


@pytest.mark.parametrize(
    ("hosts", "one", "words"),
    [([], "", "no host"), (["a"], "", "two hosts or more"), (["a", "a"], "", "each once"), (["a", "b"], "x", "x is none of")],
)
def test_hosts_that_make_no_pair_are_refused(hosts: list[str], one: str, words: str) -> None:
    with pytest.raises(FleetlabError, match=words):
        plan_rounds(hosts, one)


def test_more_than_eight_hosts_at_full_speed_are_asked_for_by_name() -> None:
    many = [str(number) for number in range(9)]
    with pytest.raises(FleetlabError, match="throughput_full_speed"):
        check_speed(many, "", "", False)
    check_speed(many[:8], "", "", False)
    check_speed(many, "", "200M", False)
    check_speed(many, "", "", True)
    check_speed(many, "1", "", False)


def result(turn: int, peer: str, factor: float = 1.0, directions: tuple[str, ...] = ("to",)) -> dict[str, Any]:
    sent, received = halves(segments=int(2_000_000 * factor))
    return {"turn": turn, "peer": peer, "path": {"mtu": 1500}, "measured": {one: account(sent, received, False) for one in directions}}


def matrix(**changes: Any) -> dict[str, Any]:
    """Three hosts: one pair measured both ways, one failed at its end, one whose host failed the check."""
    results: dict[str, dict[str, Any]] = {
        "a": {"throughput_checked": CHECKED, "throughput_collected": {"results": [result(0, "b", directions=("to", "from"))]}},
        "b": {
            "throughput_checked": {"plan": []},
            "throughput_collected": {"results": [{"turn": 1, "peer": "c", "failure": "c: black hole"}]},
        },
        "c": {"throughput_checked": CHECKED, **changes},
    }
    return make_matrix(["a", "b", "c"], [[("a", "b")], [("b", "c")], [("c", "a")]], results, make_thresholds("99G", None))


def test_a_matrix_has_directions_failures_and_missed_thresholds() -> None:
    found = matrix(throughput_collected={"failed": False, "msg": "0 results came within 120 s"})
    assert [(cell["from"], cell["to"]) for cell in found["cells"]] == [("a", "b"), ("b", "a")]
    assert [(one["from"], one["to"], one["reason"]) for one in found["failed"]] == [
        ("b", "c", "c: black hole"),
        ("c", "a", "0 results came within 120 s"),
    ]
    assert len(found["missed"]) == 2


def test_a_host_that_failed_the_check_is_the_reason_of_all_its_pairs() -> None:
    found = matrix(throughput_checked={"unreachable": True, "msg": "Connection refused"})
    assert {one["reason"] for one in found["failed"]} == {"c: Connection refused"}


@pytest.mark.parametrize("form", sorted(RENDERERS))
def test_every_form_has_every_pair(form: str) -> None:
    text = filters.throughput_report(matrix(), form)
    assert "black hole" in text or form == "textfile"
    if form == "json":
        assert len(json.loads(text)["cells"]) == 2
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["from"], row["to"], bool(row["error"])) for row in rows] == [
            ("a", "b", 0),
            ("b", "a", 0),
            ("b", "c", 1),
            ("c", "a", 1),
        ]
    if form == "html":
        assert text.count("<td") == 9
        assert text.count('href="#a--b"') == text.count('id="a--b"') == 1
        assert "of payload in segments of 1448 bytes (MTU 1500, with timestamps)" in text
    if form == "textfile":
        assert 'throughput_up{from="b",to="c"} 0' in text


def test_names_cannot_become_markup_or_formulas() -> None:
    found = make_matrix(
        ["<b>", "=1"], [[("<b>", "=1")]], {"<b>": {"throughput_collected": {"results": [result(0, "=1")]}}}, make_thresholds(None, None)
    )
    assert "<b>" not in RENDERERS["html"](found)
    assert "'=1" in RENDERERS["csv"](found)


def test_a_line_tells_who_waits_what_was_measured() -> None:
    assert progress_line("a", result(0, "b", directions=("to", "from"))).count("limited by network") == 2
    assert progress_line("a", {"turn": 0, "peer": "b", "failure": "b: black hole"}) == "a -> b: b: black hole"


def test_filters_convert_between_layers() -> None:
    assert filters.payload_rate(10e9, mtu=1500, timestamps=False) == pytest.approx(9.493e9, rel=1e-4)
    assert filters.payload_rate("200e6", layer="frame") == pytest.approx(191.28e6, rel=1e-4)
    assert filters.wire_rate(filters.payload_rate(1e9, mtu=9000), mtu=9000) == pytest.approx(1e9)
    # The measurement of the posts: iperf 10.07 Gbit/s, and iftop showed what is 7.37 % less and counts 0.6 % more.
    assert filters.as_iftop(10.07e9, mtu=9001) == "9.43Gb"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: filters.payload_rate("fast"), "'fast' is not a rate"),
        (lambda: filters.wire_rate(1, mtu=20), "20 is not the MTU"),
        (lambda: filters.as_iftop(1, layer="l4"), "'l4' is unknown; use one of payload"),
        (lambda: filters.throughput_rounds("ab"), "put it in brackets"),
        (lambda: filters.throughput_rounds(["a"]), "two hosts"),
        (lambda: filters.throughput_rounds([str(one) for one in range(9)], full_speed=False), "full_speed"),
        (lambda: filters.throughput_turns([[["a", "b"]]], {"a": {}, "b": {}}, "a", 1), "no IP address"),
        (lambda: filters.throughput_report({}, "pdf"), "'pdf' is unknown"),
    ],
)
def test_filters_refuse_with_a_reason(call: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        call()
