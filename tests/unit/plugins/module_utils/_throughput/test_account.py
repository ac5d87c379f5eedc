# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The explanation of a measurement: the identity for every shape of segments, and every doubt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.account import account
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.iperf3 import compare, parse_report
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.layers import Layers
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.samples import Sample, choose_window
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.state import (
    Counters,
    Received,
    Sent,
    received_from,
    sent_from,
    to_json,
)

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"

ETHERNET = Layers()


def halves(
    layers: Layers = ETHERNET, packets: int = 62_634, segments: int = 2_423_969, foreign: int = 0, **sent: Any
) -> tuple[Sent, Received]:
    """A measurement of full segments, which offloads join into fewer packets, beside other traffic."""
    payload = segments * layers.mss
    grown = Counters(0, 0, payload + packets * layers.counted + foreign, packets)
    values: dict[str, Any] = {
        "device": "eth0",
        "mtu": layers.mtu,
        "header": layers.link_header,
        "vlan": layers.vlan,
        "timestamps": layers.timestamps,
        "mss": layers.mss,
        "seconds": 3.0,
        "cpu": 0.3,
        "busy": 3.0,
        "receiver_limited": 0.0,
        "sender_limited": 0.0,
        "retransmits": 0,
        "bytes_sent": payload,
        "bytes_retransmitted": 0,
        "segments": segments,
        "counters": grown,
        **sent,
    }
    return Sent(**values), Received("eth0", 2.0, payload * 2 // 3, payload, 0.2, Counters(grown.tx_bytes * 2 // 3, packets * 2 // 3, 0, 0))


@given(
    st.builds(Layers, mtu=st.integers(576, 9216), timestamps=st.booleans(), ipv6=st.booleans(), link_header=st.sampled_from([0, 14])),
    st.integers(1, 10**6),
    st.integers(1, 60),
)
def test_every_byte_is_explained_whatever_the_offloads_join(layers: Layers, packets: int, joined: int) -> None:
    sent, received = halves(layers, packets, packets * joined)
    found = account(sent, received, layers.ipv6)
    assert found["unexplained_bytes"] == 0
    assert found["explained"] == 1
    assert found["efficiency"]["mtu"] == layers.mtu
    assert 0 <= found["counters"]["offload_share"] < 0.2
    assert found["trusted"]


@given(st.integers(0, 10**10))
def test_other_traffic_is_what_is_not_explained(foreign: int) -> None:
    found = account(*halves(foreign=foreign), ipv6=False)
    assert found["unexplained_bytes"] == foreign
    assert found["trusted"] == (found["explained"] >= 0.995)


def test_the_measured_figures_of_two_namespaces() -> None:
    """As measured between two namespaces at an MTU of 1500 with offloads: the counter looks 4 % better than the wire."""
    found = account(*halves(), ipv6=False)
    assert found["efficiency"] == {"measured": 0.99882, "theory": 0.95641, "of_wire": 0.94148, "timestamps": True, "mss": 1448, "mtu": 1500}
    assert found["counters"]["offload_share"] == 0.04247
    assert found["rate"]["wire"] / found["rate"]["payload"] == pytest.approx(1538 / 1448)
    assert found["as_gbit"] / found["as_gibit"] == pytest.approx(1.073741824, rel=1e-4)
    assert found["predicted"] == pytest.approx(found["rate"]["payload"], rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cpu": 0.97}, "97% of a core"),
        ({"counters": None}, "disappeared"),
        ({"counters": Counters(0, 0, -4_294_967_000, 10)}, "ran backwards"),
        ({"bytes_sent": None}, "older than 4.19"),
        ({"unsent": 4096}, "4096 bytes were still unsent"),
        ({"counters": Counters(0, 0, 10**9, 62_634)}, "has sent only 28.5% of what TCP gave it"),
    ],
)
def test_doubts_about_the_sender(changes: dict[str, Any], words: str) -> None:
    found = account(*halves(**changes), ipv6=False)
    assert not found["trusted"]
    assert words in found["reason"]


def test_a_short_window_and_a_busy_receiver_are_not_trusted() -> None:
    sent, received = halves()
    assert "shorter than 1 s" in account(sent, replace(received, window=0.9), ipv6=False)["reason"]
    busy = account(sent, replace(received, cpu=0.99), ipv6=False)
    assert "receiver used 99% of a core" in busy["reason"]
    assert busy["limited_by"] == "cpu"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({}, "network"), ({"receiver_limited": 2.0}, "receiver"), ({"sender_limited": 2.0}, "sender"), ({"cpu": 1.0}, "cpu")],
)
def test_what_limited_the_rate(changes: dict[str, Any], reason: str) -> None:
    assert account(*halves(**changes), ipv6=False)["limited_by"] == reason


def test_halves_survive_the_way_to_the_other_host() -> None:
    sent, received = halves(offloads={"tso": True})
    assert sent_from(json.loads(json.dumps(to_json(sent)))) == sent
    assert received_from(json.loads(json.dumps(to_json(received)))) == received
    assert sent_from(to_json(replace(sent, counters=None))).counters is None


def samples(*payloads: int) -> list[Sample]:
    return [Sample(10 + place / 10, payload, None) for place, payload in enumerate(payloads)]


def test_the_window_begins_after_what_is_omitted_and_ends_with_the_seconds() -> None:
    taken = samples(0, 0, *(1000 * number for number in range(1, 60)))
    found = choose_window(taken, 1.0, 2.0)
    assert found is not None
    first, last = found
    assert first.moment == pytest.approx(11.2)
    assert last.moment - first.moment == pytest.approx(2.0)
    assert (last.payload - first.payload) / (last.moment - first.moment) == pytest.approx(10_000)


def test_the_window_ends_before_the_streams_do() -> None:
    """In the sample in which the streams end they have not sent all the time."""
    found = choose_window(samples(0, 10, 20, 30, 35, 35, 35), 0.0, 5.0)
    assert found is not None
    assert found[1].payload == 30


@pytest.mark.parametrize("payloads", [(), (0,), (0, 0, 0), (0, 5), (0, 5, 5, 5)])
def test_too_little_is_no_window(payloads: tuple[int, ...]) -> None:
    assert choose_window(samples(*payloads), 0.0, 5.0) is None


VERSIONS = sorted(path.name for path in (FIXTURES / "iperf3").iterdir())


def recorded(version: str, name: str) -> str:
    return (FIXTURES / "iperf3" / version / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("version", VERSIONS)
def test_iperf3_is_read_at_the_receiver(version: str) -> None:
    report = parse_report(recorded(version, "one-stream"))
    assert report["version"] == f"iperf {version}"
    assert 180e6 < report["received"] < 200e6, "the path of the recording carries 200 Mbit/s"
    assert parse_report(recorded(version, "four-streams-reverse"))["received"] > 1e8


@pytest.mark.parametrize("version", VERSIONS)
def test_iperf3_that_received_nothing_is_an_error_although_it_says_none(version: str) -> None:
    """https://github.com/esnet/iperf: exit code 0 and no error, with 0 bytes received through a black hole."""
    assert "error" not in json.loads(recorded(version, "black-hole"))
    with pytest.raises(ObservationError, match="received 0 bytes and does not call it an error"):
        parse_report(recorded(version, "black-hole"))


def test_iperf3_that_fails_says_why() -> None:
    with pytest.raises(ObservationError, match="unable to connect"):
        parse_report('{"start": {}, "intervals": [], "end": {}, "error": "unable to connect to server: Connection refused"}')
    with pytest.raises(ObservationError, match="not JSON"):
        parse_report("iperf3: parameter error")


def test_two_opinions_agree_within_two_percent() -> None:
    report = parse_report(recorded(VERSIONS[0], "one-stream"))
    assert compare(report["received"] * 1.019, report)["agrees"]
    assert not compare(report["received"] * 1.021, report)["agrees"]
