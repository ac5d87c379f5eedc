# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an array is told with what to do about it, and nothing is told of one that is well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, List, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._md.checks.health import health, is_stuck, problems
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.array import Array, Member
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.observe import observe_all
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import RecordedHost

ONE = ((1024, 8),)


def mirror(*members: Member, **fields: Any) -> Array:
    found = Array("md1", "0" * 32, "b1:data", "raid10", 0x10301, 65536, 3, "1.2", True, "active", members, bitmap="internal")
    return replace(found, degraded=3 - len(found.current_slots), **fields)


B, C, D = (Member(name, slot) for slot, name in enumerate(("sdb", "sdc", "sdd")))


def faulty(member: Member, *words: str) -> Member:
    return replace(member, slot=None, state=("faulty", *words))


@pytest.mark.parametrize("fields", [{}, {"sync_action": "resync"}, {"sync_action": "check"}, {"mismatch_cnt": 0, "last_action": "check"}])
def test_all_is_well(fields: Any) -> None:
    assert problems(mirror(B, C, D, **fields)) == []
    assert not is_stuck(mirror(B, C, D, **fields))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (
            mirror(B, C, active=False, array_state="inactive"),
            [
                (
                    "array data (/dev/md1) does not run: udev has collected 2 of its 3 members; bring the other members back, or"
                    " assemble it without them (state: present with run_degraded)"
                )
            ],
        ),
        (mirror(B, C), ["array data (/dev/md1) is degraded: 2 of 3 members hold current data; bring its members back (replace_failed)"]),
        (
            mirror(B, C, level="raid4", layout=0, sync_action="reshape"),
            ["array data (/dev/md1) is a raid4 without its parity member, as a stripe is while it grows; wait for it (wait: sync)"],
        ),
        (
            mirror(B, D, level="raid4", layout=0, sync_action="reshape"),
            ["array data (/dev/md1) is degraded: 2 of 3 members hold current data, and it is being made whole; wait for it (wait: sync)"],
        ),
        (
            mirror(B, C, faulty(D)),
            [
                "array data (/dev/md1) has the failed members /dev/sdd; replace them (replace_failed)",
                "array data (/dev/md1) is degraded: 2 of 3 members hold current data; bring its members back (replace_failed)",
            ],
        ),
        (
            mirror(B, C, replace(D, state=("spare",)), sync_action="recover"),
            ["array data (/dev/md1) is degraded: 2 of 3 members hold current data, and it is being made whole; wait for it (wait: sync)"],
        ),
        (
            mirror(B, C, replace(D, online=False)),
            ["array data (/dev/md1) has members that do not answer, /dev/sdd; bring their disks back"],
        ),
        (
            mirror(B, C, D, mismatch_cnt=128, last_action="check"),
            [
                (
                    "array data (/dev/md1) has 128 sectors that differ between copies, as its last check found; check it again (check);"
                    " if they stay, look at its data, and have md make the copies equal: echo repair > /sys/block/md1/md/sync_action"
                )
            ],
        ),
    ],
)
def test_every_finding_names_the_array_and_a_remedy(array: Array, expected: List[str]) -> None:
    assert problems(array) == expected
    assert not is_stuck(array)


def test_an_array_that_lost_all_members_is_started_anew() -> None:
    array = mirror(faulty(B), faulty(C), D, array_state="broken")
    assert problems(array)[0] == (
        "array data (/dev/md1) is broken: it has lost more members than it can, and it takes no writes; stop it (state: stopped),"
        " bring its members back, and assemble it again (state: present)"
    )
    assert not any("degraded" in text for text in problems(array))
    assert is_stuck(array)


@pytest.mark.parametrize(
    ("members", "stuck"),
    [
        ((replace(B, lacks=ONE),), True),
        ((replace(B, lacks=None),), True),
        ((replace(B, lacks=ONE), replace(C, lacks=ONE)), True),
        ((replace(B, lacks=ONE), C), False),
        ((B, replace(faulty(C), lacks=ONE)), False),
    ],
)
def test_blocks_marked_as_bad_are_in_the_way_where_all_members_left_have_them(members: Tuple[Member, ...], stuck: bool) -> None:
    array = mirror(*members)
    assert is_stuck(array) == stuck
    assert any("blocks are marked as bad on all of them" in text for text in problems(array)) == stuck
    assert not is_stuck(replace(array, sync_action="recover"))


def test_bad_blocks_of_a_whole_array_are_no_reason() -> None:
    assert not is_stuck(mirror(*(replace(member, lacks=ONE) for member in (B, C, D))))


def test_mismatches_are_those_of_a_check() -> None:
    """A resync of a new array counts too, and says nothing."""
    assert problems(mirror(B, C, D, mismatch_cnt=128, last_action="resync")) == []
    assert problems(mirror(B, C, D, mismatch_cnt=128, last_action="check", sync_action="check")) == []


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("stripe", []),
        ("syncing", []),
        ("degraded", ["is degraded"]),
        ("lost", ["has the failed members", "is degraded"]),
        ("killed", ["does not run"]),
    ],
)
def test_recorded_arrays(folder: Path, scenario: str, words: List[str]) -> None:
    found = problems(observe_all(RecordedHost.load(folder / f"{scenario}.json")).arrays[0])
    assert [word for word, text in zip(words, found) if word in text] == words
    assert len(found) == len(words)


@pytest.mark.parametrize("kind", ["ddf", "imsm"])
def test_a_container_is_no_array_that_should_run(kind: str) -> None:
    container = mirror(B, C, metadata=f"external:{kind}", active=False, array_state="inactive")
    assert (health(container), problems(container)) == ("container", [])


@pytest.mark.parametrize("metadata", ["external:/md127/0", "external:-md127/0"])
def test_an_array_in_a_container_is_one_that_should_run(metadata: str) -> None:
    inside = mirror(B, C, metadata=metadata, active=False, array_state="inactive")
    assert health(inside) == "inactive"
    assert problems(inside)
