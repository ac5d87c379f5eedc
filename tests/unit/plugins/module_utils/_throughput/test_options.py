# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and refusals: everything that is wrong is said before a byte is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.checks import check
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.options import (
    MEASURE_SPEC,
    Wanted,
    make_wanted,
    parse_rate,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.plan import most_bytes, plan
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.state import Link, Route, State
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.thresholds import check_speed, make_thresholds, problems

CONNECT = {"number": 0, "peer": "b", "act": "connect", "address": "192.0.2.2", "port": 5300}
LISTEN = {**CONNECT, "act": "listen", "peer": "a"}
STATE = State(
    addresses={"192.0.2.1": "eth0"},
    routes={"192.0.2.2": Route("eth0", "192.0.2.1")},
    links={"eth0": Link("eth0", 9000, speed=10_000_000_000)},
)


def wanted(*turns: dict[str, Any], **options: Any) -> Wanted:
    defaults = {name: option.get("default") for name, option in MEASURE_SPEC.items()}
    return make_wanted({**defaults, "turns": list(turns), "token": "t", **options})


@pytest.mark.parametrize(("text", "rate"), [("900M", 900_000_000), ("9.4G", 9_400_000_000), ("64k", 64_000)])
def test_rates_are_decimal(text: str, rate: int) -> None:
    assert parse_rate("fail_below", text) == rate


@pytest.mark.parametrize("text", ["9Gi", "9GiB", "9GB", "900", "9 G", "9.4", "0G", "-1G", "G", "9g"])
def test_rates_in_other_units_or_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^fail_below: .*decimal"):
        parse_rate("fail_below", text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seconds": 61}, "seconds: 61 is outside 1 to 60"),
        ({"seconds": 0.5}, "seconds"),
        ({"streams": 17}, "streams: 17 is outside 1 to 16"),
        ({"streams": 0}, "streams"),
        ({"omit": 11}, "omit"),
        ({"rate": "200Mi"}, "rate"),
        ({"max_bytes": "10"}, "max_bytes"),
    ],
)
def test_bounds(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        wanted(CONNECT, **options)


def test_a_name_is_no_address_and_one_host_takes_one_turn_at_a_time() -> None:
    with pytest.raises(InputError, match="'server2' of b is not an IP address"):
        wanted({**CONNECT, "address": "server2"})
    for address in ("fe80::1", "fe80::1%eth0"):
        with pytest.raises(InputError, match="of b is a link-local address"):
            wanted({**CONNECT, "address": address})
    assert wanted({**CONNECT, "address": "169.254.0.2"}).turns[0].address == "169.254.0.2"
    with pytest.raises(InputError, match="one measurement at a time"):
        wanted(CONNECT, LISTEN)


def refusal(state: State, asked: Wanted) -> str:
    with pytest.raises(FleetlabError) as refused:
        check(state, asked)
    return str(refused.value)


def test_a_sound_measurement_is_not_refused() -> None:
    check(STATE, wanted(CONNECT, {**LISTEN, "number": 1, "address": "192.0.2.1"}))


@pytest.mark.parametrize(
    ("changes", "asked", "words"),
    [
        ({"measuring": "process 7, python3"}, wanted(CONNECT), "another measurement (process 7, python3)"),
        ({"routes": {"192.0.2.2": None}}, wanted(CONNECT), "no route to 192.0.2.2"),
        ({"routes": {"192.0.2.2": Route("lo", "192.0.2.2", local=True)}}, wanted(CONNECT), "an address of this host itself"),
        ({}, wanted(CONNECT, interface="eth1"), "leave by eth0 and not by eth1"),
        ({"links": {"eth0": Link("eth0", 1500, up=False)}}, wanted(CONNECT), "eth0, by which 192.0.2.2 is reached, is not up"),
        ({}, wanted(LISTEN), "192.0.2.2 is no address of a's peer, which has 192.0.2.1"),
        ({"addresses": {"192.0.2.2": "eth0"}, "taken": ("5300",)}, wanted(LISTEN), "port 5300: refused: another program listens"),
        ({}, wanted(CONNECT, tool="both"), "lacks it: install the package iperf3"),
    ],
)
def test_refusals_name_object_finding_and_remedy(changes: dict[str, Any], asked: Wanted, words: str) -> None:
    message = refusal(replace(STATE, **changes), asked)
    assert words in message
    assert len(message) < 300


def test_the_host_itself_may_be_measured_if_that_is_asked_for() -> None:
    local = replace(STATE, routes={"192.0.2.2": Route("lo", "", local=True)}, links={"lo": Link("lo", 65536)})
    check(local, wanted(CONNECT, loopback=True))


def test_the_plan_has_the_bounds_of_what_is_sent() -> None:
    shown = plan(STATE, wanted(CONNECT, direction="both", rate="200M"))[0]
    assert shown["bytes"] == 310_000_000
    assert shown["bounds"] == "2 x 6.2 s, 1 streams, capped at 200 Mbit/s: at most 0.31 GB"
    assert (shown["seconds"], shown["mtu"], shown["interface"]) == (12.4, 9000, "eth0")


def test_without_cap_and_speed_only_the_time_is_a_bound() -> None:
    assert most_bytes(wanted(CONNECT), Link("eth0", 1500)) is None
    assert most_bytes(wanted(CONNECT, max_bytes="3G", direction="both"), Link("eth0", 1500)) == 6_000_000_000
    assert most_bytes(wanted(CONNECT), STATE.links["eth0"]) == 7_750_000_000


def test_percentages_need_a_real_speed() -> None:
    with pytest.raises(InputError, match=r"va \(driver veth\) has no real speed"):
        check_speed(make_thresholds(None, 90), "va", {"driver": "veth", "speed": None})
    check_speed(make_thresholds(None, 90), "eth0", {"driver": "ixgbe", "speed": 10_000_000_000})
    with pytest.raises(InputError, match="not a percentage"):
        make_thresholds(None, 101)


def test_a_missed_threshold_says_what_limited_the_rate_and_whether_to_believe_it() -> None:
    measured = {"rate": {"payload": 8e9, "wire": 8.5e9}, "limited_by": "cpu", "reason": "a process of the sender used 99% of a core"}
    found = problems("a -> b", measured, make_thresholds("9G", 90), 10_000_000_000)
    assert found[0].startswith("a -> b: 8 Gbit/s of payload is less than 9 Gbit/s; limited by cpu; not trusted: a process")
    assert found[1].startswith("a -> b: 85.0 % of 10 Gbit/s is less than 90 %")
    assert problems("a -> b", measured, make_thresholds("8G", 85), 10_000_000_000) == []
