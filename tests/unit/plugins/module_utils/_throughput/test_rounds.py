# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of a matrix: every pair once, no host twice in a round, and no round too many."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.rounds import from_one, make_rounds


@given(st.integers(0, 33))
def test_every_pair_meets_once_and_nobody_is_in_two_places(count: int) -> None:
    hosts = [f"h{number}" for number in range(count)]
    rounds = make_rounds(hosts)
    assert sorted(tuple(sorted(pair)) for pairs in rounds for pair in pairs) == sorted(
        tuple(sorted(pair)) for pair in combinations(hosts, 2)
    )
    for pairs in rounds:
        busy = [host for pair in pairs for host in pair]
        assert len(busy) == len(set(busy))
    assert len(rounds) <= max(0, count - 1 + count % 2)


def test_no_host_is_the_first_of_all_its_pairs() -> None:
    firsts = [pair[0] for pairs in make_rounds([str(number) for number in range(8)]) for pair in pairs]
    assert {firsts.count(host) for host in set(firsts)} <= {3, 4}


def test_one_host_meets_the_others_one_after_the_other() -> None:
    assert from_one("a", ["b", "c"]) == [[("a", "b")], [("a", "c")]]
