# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of a signed archive, carried out on an archive of data. tests/network/test_package_archive.py does it with apt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Operation, Plan, Step
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.options import SPEC, WantedArchive, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._packages.archive.state import Archive, Entry, Index

TOOL = Entry("tool", "1:1.0-1+0fleetlab1", "amd64", "bookworm", "/builds/tool.deb", "aa")
ENTRIES = (TOOL, replace(TOOL, name="tool-doc", architecture="all", digest="bb"), replace(TOOL, suite="trixie", digest="cc"))


def wanted(**options: Any) -> WantedArchive:
    return make_wanted({**{name: spec.get("default") for name, spec in SPEC.items()}, **options})


def after(state: Archive, step: Step) -> Archive:
    """The archive after a step."""
    if not isinstance(step, Operation):
        return state
    values: Dict[str, Any] = dict(step.arguments)
    if step.name == "make_key":
        return replace(state, fingerprint="F")
    if step.name == "write_public_key":
        return replace(state, has_public_key=True)
    if step.name == "copy":
        return replace(state, pool=tuple(sorted({*state.pool, values["place"]})))
    digests = {entry.place: entry.digest for entry in state.entries}
    places: List[Tuple[str, str]] = [(place, digests[place]) for place in state.pool if place.startswith(f"pool/{values['suite']}/")]
    index = Index(values["suite"], tuple(values["architectures"]), tuple(places), state.fingerprint is not None)
    return replace(state, indexes=(*(each for each in state.indexes if each.suite != index.suite), index))


def carried_out(state: Archive, made: Plan, most: int = 99) -> Archive:
    for step in made.steps[:most]:
        state = after(state, step)
    return state


@given(st.lists(st.sampled_from(ENTRIES), unique=True), st.lists(st.sampled_from(ENTRIES), unique=True), st.integers(0, 12))
def test_a_killed_run_is_completed_and_a_second_one_changes_nothing(first: List[Entry], later: List[Entry], kill_after: int) -> None:
    state = Archive("amd64", tuple(first), (), ())
    state = replace(carried_out(state, plan(state, wanted())), entries=tuple({*first, *later}))
    half = carried_out(state, plan(state, wanted()), kill_after)
    done = carried_out(half, plan(half, wanted()))
    assert plan(done, wanted()).commands() == []
    assert sorted(place for index in done.indexes for place, _digest in index.entries) == sorted(entry.place for entry in done.entries)
    assert all(index.is_signed and "amd64" in index.architectures for index in done.indexes)


def test_names_of_files_have_no_colon() -> None:
    assert TOOL.place == "pool/bookworm/tool/tool_1%3a1.0-1+0fleetlab1_amd64.deb"


def test_an_index_that_somebody_changed_is_made_again() -> None:
    state = Archive("amd64", (TOOL,), (Index("bookworm", ("amd64",), ((TOOL.place, "aa"),), False),), (TOOL.place,), (), "F", True)
    assert [argv[0] for argv in plan(state, wanted()).commands()] == ["mkdir", "publish"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"foreign": ("index.html",)}, "it has index.html"),
        ({"key_problem": "can be read by others"}, "can be read by others"),
        ({"missing": ("tool",)}, "has no build of it"),
        ({"indexes": (Index("bookworm", (), ((TOOL.place, "other"),), True),)}, "is published with other content"),
    ],
)
def test_what_is_refused(changes: Dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        plan(replace(Archive("amd64", (TOOL,), (), ()), **changes), wanted(signing_key="/key"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "/var/lib"}, "would publish them"),
        ({"path": "/var/lib/fleetlab/patched-packages"}, "would publish them"),
        ({"path": "/srv/../etc"}, "has to be absolute"),
        ({"path": "/srv/a b"}, "has to be absolute"),
        ({"origin": "a, n=bookworm"}, "hosts pin by it"),
        ({"names": ["a/b"]}, "no name of a Debian package"),
        ({"signing_key": "key"}, "no absolute path"),
    ],
)
def test_wrong_options(options: Dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        wanted(**options)
