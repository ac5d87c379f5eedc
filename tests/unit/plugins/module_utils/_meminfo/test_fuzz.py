# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No damage to a reading makes a wrong number: it is an error, a null, or does not matter."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import Reading, parse_output
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import KERNELS, facts, reading, text
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.test_collect import printed

kernels = st.sampled_from(KERNELS)
names = st.sampled_from([line.partition(":")[0] for line in (text("6.1", "meminfo") or "").splitlines()])
figures = st.one_of(st.integers(min_value=-(1 << 70), max_value=1 << 70).map(str), st.text(max_size=8))
lines = st.one_of(
    st.text(max_size=30),
    st.builds("{}:{}{}{}".format, names, st.sampled_from([" ", "\t", "   ", ""]), figures, st.sampled_from([" kB", "", " MB", "kB"])),
)


def check(found: dict[str, Any]) -> None:
    """What holds for the facts of any host."""
    total = found["bytes"]["MemTotal"]
    available = found["available"]
    assert 0 <= available["bytes"] <= total
    assert 0 <= available["percent"] <= 100
    assert (available["source"] == "kernel") == (available["reason"] is None)
    for name, value in available["formulas"].items():
        assert (value is None) == (name in available["missing"])
        assert value is None or 0 <= value <= total
    assert all(size >= 0 for size in found["bytes"].values())
    for formula in ("a", "b", "extended"):
        account = found["accounting"][formula]
        assert (account["unexplained"] is None) == (account["reason"] is not None)
    assert (found["cgroup"]["limit"] is None) <= (found["cgroup"]["reason"] is not None)


def try_facts(given_reading: Reading) -> dict[str, Any] | None:
    """The facts, checked; None for an error that a user can read."""
    try:
        found = make_facts(given_reading, zfs_arc=False)
    except ObservationError:
        return None
    check(found)
    return found


@given(kernels)
@settings(deadline=None)
def test_the_facts_of_every_kernel_hold(kernel: str) -> None:
    check(facts(kernel))


@given(st.lists(lines, max_size=30).map("\n".join))
@settings(deadline=None, max_examples=300)
def test_any_text_as_meminfo(meminfo: str) -> None:
    try_facts(Reading(meminfo=meminfo))


@given(kernels, st.lists(st.tuples(st.integers(0, 60), lines), max_size=4))
@settings(deadline=None, max_examples=300)
def test_replaced_lines_in_meminfo(kernel: str, changes: list[tuple[int, str]]) -> None:
    old = (text(kernel, "meminfo") or "").splitlines()
    for place, line in changes:
        old[place % len(old)] = line
    try_facts(reading(kernel, meminfo="\n".join(old)))


@given(kernels, st.text(max_size=80), st.integers(0, 4000), st.integers(0, 4000))
@settings(deadline=None, max_examples=200)
def test_damaged_zoneinfo(kernel: str, foreign: str, start: int, length: int) -> None:
    zoneinfo = text(kernel, "zoneinfo") or ""
    try_facts(reading(kernel, zoneinfo=zoneinfo[:start] + foreign + zoneinfo[start + length :]))


@given(kernels, st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.text(max_size=60))
@settings(deadline=None, max_examples=200)
def test_any_text_in_the_small_files(kernel: str, min_free: str, release: str, page_size: str, cgroup: str) -> None:
    changes = {"min_free_kbytes": min_free, "osrelease": release, "page_size": page_size, "self_cgroup": cgroup}
    found = try_facts(reading(kernel, **changes))
    assert found is not None
    assert found["bytes"] == facts(kernel)["bytes"]


@given(kernels, st.data())
@settings(deadline=None, max_examples=200)
def test_an_output_that_is_cut_anywhere_is_an_error(kernel: str, data: st.DataObject) -> None:
    whole = printed(kernel)
    cut = data.draw(st.integers(0, len(whole) - 2))
    try:
        parse_output(whole[:cut])
    except ObservationError:
        return
    raise AssertionError(f"cut at {cut}: not noticed")


@given(kernels, st.text(max_size=60), st.data())
@settings(deadline=None, max_examples=200)
def test_foreign_text_anywhere_changes_nothing_or_is_an_error(kernel: str, foreign: str, data: st.DataObject) -> None:
    whole = printed(kernel)
    # Letters only: a digit put into a figure is beyond anybody's means to notice.
    foreign = "".join(letter for letter in foreign if not letter.isdigit())
    place = data.draw(st.integers(0, len(whole)))
    try:
        found = try_facts(parse_output(whole[:place] + foreign + whole[place:]))
    except ObservationError:
        return
    if found is not None:
        known = facts(kernel)["bytes"]
        assert all(size == known.get(name, size) for name, size in found["bytes"].items())
