# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of iptables are compared by their options: the order does not count, a negation belongs to its option."""

from __future__ import annotations

from random import Random
from typing import List, Tuple

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.iptables import same_rules

Option = Tuple[bool, Tuple[str, ...]]
VALUES = {
    "-i": ("v-web", "eth0"),
    "-o": ("v-web", "eth1"),
    "-s": ("10.200.1.0/24", "192.0.2.9/32"),
    "-d": ("127.0.0.0/8",),
    "-p": ("tcp", "udp"),
    "--dport": ("80", "80:89"),
    "--ctstate": ("DNAT", "RELATED,ESTABLISHED"),
}
MODULES = {"-p": "tcp", "--dport": "tcp", "--ctstate": "conntrack"}


@st.composite
def options(draw: st.DrawFn) -> List[Option]:
    """The options of a rule, each with or without a negation."""
    keys = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, min_size=1))
    return [(draw(st.booleans()), (key, draw(st.sampled_from(VALUES[key])))) for key in keys]


def words(some: List[Option], modules: bool) -> Tuple[str, ...]:
    """A rule as iptables-save prints it, with or without the names of the modules that parse the options."""
    found: List[str] = []
    for negated, option in some:
        found += ["-m", MODULES[option[0]]] if modules and option[0] in MODULES else []
        found += [*(["!"] if negated else []), *option]
    return (*found, "-j", "DROP")


@given(options(), st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_the_order_and_the_modules_do_not_count(some: List[Option], chance: Random, one: bool, other: bool) -> None:
    mixed = list(some)
    chance.shuffle(mixed)
    assert same_rules([words(some, one)], [words(mixed, other)])


@given(options(), options())
def test_rules_are_the_same_only_with_the_same_options_and_the_same_negations(some: List[Option], others: List[Option]) -> None:
    assert same_rules([words(some, True)], [words(others, True)]) == (set(some) == set(others))


@given(options(), st.data())
def test_a_negation_that_moves_to_another_option_makes_another_rule(some: List[Option], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(some) - 1))
    turned = [(not negated, option) if at == number else (negated, option) for at, (negated, option) in enumerate(some)]
    assert not same_rules([words(some, True)], [words(turned, True)])


def test_the_rule_of_the_report() -> None:
    assert not same_rules([("!", "-i", "v-web", "-p", "tcp", "-j", "DROP")], [("-i", "v-web", "!", "-p", "tcp", "-j", "DROP")])
