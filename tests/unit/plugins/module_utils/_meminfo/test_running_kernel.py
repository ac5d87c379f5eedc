# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel that runs these tests agrees with the formulas."""

from __future__ import annotations

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.available import stand_ins
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import read_host

_TRIES = 5
"""A kernel does not stop while it prints its counters: the calmest of several readings counts."""


def test_our_formula_gives_the_value_of_the_kernel() -> None:
    errors = []
    for _try in range(_TRIES):
        found = make_facts(read_host())
        formulas = found["available"]["formulas"]
        ours = stand_ins(tuple(found["kernel"]["version"]))[0]
        errors.append(abs(formulas[ours] - formulas["kernel"]) / formulas["kernel"])
    assert min(errors) < 0.001


def test_the_extended_sum_leaves_next_to_nothing() -> None:
    assert min(abs(make_facts(read_host())["accounting"]["extended"]["percent"]) for _try in range(_TRIES)) < 0.2
