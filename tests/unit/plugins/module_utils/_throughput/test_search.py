# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for the largest segment that passes, on paths that are a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.path import describe_path
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.search import SMALLEST, Search


def run(largest: int, limit: int) -> tuple[Search, int]:
    """Search on a path that carries up to C(limit), and count the rounds."""
    search, rounds = Search(largest), 0
    while search.found is None and not search.nothing_passes:
        sizes = search.sizes()
        assert sizes, "the search has no question left, and no answer"
        search.learn({size: size <= limit for size in sizes})
        rounds += 1
    return search, rounds


@given(st.integers(SMALLEST + 1, 65000), st.integers(SMALLEST, 65000))
def test_the_answer_is_the_limit_of_the_path(largest: int, limit: int) -> None:
    search, rounds = run(largest, limit)
    assert search.found == min(largest, limit)
    assert rounds <= 6


def test_a_path_that_works_is_asked_once() -> None:
    assert run(8948, 9000)[1] == 1


@pytest.mark.parametrize("largest", [36, SMALLEST])
def test_segments_smaller_than_any_usual_path_has_are_tried_too(largest: int) -> None:
    passing, blocked = Search(largest), Search(largest)
    assert (passing.sizes(), passing.nothing_passes) == ([largest], False)
    passing.learn({largest: True})
    blocked.learn({largest: False})
    assert (passing.found, passing.nothing_passes, blocked.found, blocked.nothing_passes) == (largest, False, None, True)


def test_a_path_that_carries_nothing_has_no_size() -> None:
    search, rounds = run(1448, 10)
    assert search.nothing_passes
    assert rounds == 2


@given(st.integers(600, 9000), st.dictionaries(st.integers(SMALLEST, 9000), st.booleans(), max_size=30))
def test_contradicting_answers_do_not_make_an_answer_that_failed(largest: int, answers: dict[int, bool]) -> None:
    search = Search(largest)
    search.learn(answers)
    assert search.found is None or answers.get(search.found, True)


def test_a_black_hole_is_described_with_both_sizes_and_a_remedy() -> None:
    path = describe_path("b", 8948, 1448, timestamps=True, ipv6=False)
    assert (path["mtu"], path["negotiated_mtu"], path["black_hole"]) == (1500, 9000, True)
    assert path["advice"].startswith("b: black hole: both ends use an MTU of 9000, packets of more than 1500 bytes do not arrive")
    assert not describe_path("b", 1460, 1460, timestamps=False, ipv6=False)["advice"]
    assert "whatever size" in describe_path("b", 1448, 0, timestamps=True, ipv6=False)["advice"]
