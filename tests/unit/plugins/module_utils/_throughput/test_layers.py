# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers and units: the figures of the posts, and that converting there and back changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.layers import LAYERS, Layers, as_iftop, as_text

SHAPES = st.builds(
    Layers,
    mtu=st.integers(576, 65535),
    timestamps=st.booleans(),
    ipv6=st.booleans(),
    vlan=st.booleans(),
    link_header=st.sampled_from([0, 14]),
)


@pytest.mark.parametrize(
    ("mtu", "timestamps", "of_wire", "of_counter"),
    [
        (1500, False, 94.93, 96.43),
        (1500, True, 94.15, 95.64),
        (9000, False, 99.14, 99.40),
        (9000, True, 99.00, 99.27),
        (9001, False, 99.14, 99.40),
    ],
)
def test_efficiencies_are_those_of_the_posts(mtu: int, timestamps: bool, of_wire: float, of_counter: float) -> None:
    layers = Layers(mtu, timestamps)
    assert round(layers.convert(100, "wire", "payload"), 2) == of_wire
    assert round(layers.convert(100, "frame", "payload"), 2) == of_counter


def test_tags_and_ipv6_cost_four_and_twenty_bytes() -> None:
    assert Layers(vlan=True).size("wire") - Layers().size("wire") == 4
    assert Layers().mss - Layers(ipv6=True).mss == 20


@given(SHAPES, st.sampled_from(LAYERS), st.sampled_from(LAYERS), st.floats(1, 1e12))
def test_there_and_back_is_the_same_rate(layers: Layers, one: str, other: str, rate: float) -> None:
    assert layers.convert(layers.convert(rate, one, other), other, one) == pytest.approx(rate)


@given(SHAPES, st.floats(1, 1e12))
def test_each_layer_is_at_least_the_layer_above(layers: Layers, rate: float) -> None:
    sizes = [layers.size(layer) for layer in LAYERS]
    assert sizes == sorted(sizes)
    assert layers.rates(rate)["payload"] == pytest.approx(rate)


@given(SHAPES, st.integers(1, 10**9))
def test_full_segments_make_the_counter_of_their_number(layers: Layers, count: int) -> None:
    """The identity, for segments that no offload joins."""
    assert count * layers.mss + count * layers.counted == count * layers.size("frame")


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (184.7 * 1024**2, "185Mb"),
        (195.46e6 / 1514 * 1500, "185Mb"),
        (10.07e9, "9.38Gb"),
        (20e9, "18.6Gb"),
        (999, "999b"),
        (1000, "0.98Kb"),
        (5e15, "4547Tb"),
    ],
)
def test_iftop_has_three_digits_and_units_of_1024(rate: float, shown: str) -> None:
    assert as_iftop(rate) == shown


def test_rates_for_people_are_decimal() -> None:
    assert [as_text(rate) for rate in (9.4e9, 191.28e6, 64000, 12)] == ["9.4 Gbit/s", "191.3 Mbit/s", "64 kbit/s", "12 bit/s"]
