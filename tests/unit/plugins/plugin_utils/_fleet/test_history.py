# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of earlier runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.fleet import make_fleet
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.history import (
    MOST,
    HistoryError,
    Run,
    axis,
    name_of,
    newest,
    parse,
    render,
    run_of,
)
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import facts


@given(st.dictionaries(st.text(), st.floats(0, 100)), st.integers(0, 1 << 32))
def test_a_run_is_found_again_in_its_file(values: dict[str, float], time: int) -> None:
    run = Run(float(time), values)
    assert parse("x", render(run)) == run


def test_the_file_has_the_time_of_the_last_reading() -> None:
    found = run_of(make_fleet({"a": {**facts("6.1"), "read_at": 1764172800.5}, "b": {**facts("6.1"), "read_at": 5.0}}))
    assert found is not None
    assert name_of(found) == "memory-20251126T160000Z.json"
    assert sorted(found.available_percent) == ["a", "b"]
    assert run_of(make_fleet({"a": facts("6.1")})) is None


def test_only_files_of_earlier_runs_are_read_and_the_newest_of_them() -> None:
    this = "memory-20251126T160000Z.json"
    earlier = [f"memory-202511{day:02}T{hour:02}0000Z.json" for day in range(1, 26) for hour in range(12)]
    found = newest([*reversed(earlier), this, "memory-20251127T000000Z.json", "notes.json", "memory-1.json"], this)
    assert found == earlier[1 - MOST :]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"read_at": 1, "available_percent": {"a": "x"}}', '{"read_at": 1, "available_percent": []}']
)
def test_another_file_is_named(text: str) -> None:
    with pytest.raises(HistoryError, match=r"past/m.json: is not the file of a run"):
        parse("past/m.json", text)


def test_a_host_that_a_run_does_not_know_has_a_gap() -> None:
    assert axis([Run(1.2, {"a": 1.26}), Run(2.0, {"b": 3.0})], ["a", "b"]) == {"times": [1, 2], "hosts": [[1.3, None], [None, 3.0]]}
