# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans have the effect they promise, and planning after them gives nothing to do, also after a kill at any step."""

from __future__ import annotations

import json
from typing import Dict, List, Tuple

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Step
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.conf import entries
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import WantedArray
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import CONF, JOURNAL, Machine, want, with_disks

LETTERS = "bcdefghijklm"


@st.composite
def declarations(draw: st.DrawFn) -> List[WantedArray]:
    """One to three arrays over disks of their own, and perhaps a stripe over them."""
    disks = list(LETTERS)
    found = []
    for number in range(draw(st.integers(1, 3))):
        level = draw(st.sampled_from(["raid0", "raid1", "raid1e", "raid5", "raid10"]))
        count = draw(st.integers(3, 4))
        devices = [f"/dev/sd{disks.pop(0)}" for _each in range(count)]
        options = {"level": level, "devices": devices, "persist": draw(st.booleans())}
        if level == "raid10":
            options["layout"] = draw(st.sampled_from(["n2", "f2", "o3"]))
        if level != "raid1":
            options["chunk"] = draw(st.sampled_from([None, 64]))
        name = draw(st.sampled_from([f"md{number}", f"data{number}"]))
        found.append(want(name, **options))
    if len(found) > 1 and draw(st.booleans()):
        found.append(want("md99", level="raid0", devices=[one.node for one in found], size_tolerance=100))
    return found


def machine() -> Machine:
    """A machine with as many blank disks as declarations can ask for."""
    return with_disks(*(f"sd{letter}" for letter in LETTERS))


def is_create(step: Step) -> bool:
    return isinstance(step, Command) and step.argv[:2] == ("mdadm", "--create")


def create_parts(step: Step) -> Tuple[Dict[str, str], List[str]]:
    assert isinstance(step, Command)
    words = step.argv[1:]
    options = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
    return options, [word for word in words if not word.startswith("--")]


@settings(max_examples=60, deadline=None)
@given(declarations())
def test_a_second_plan_is_empty_and_the_first_one_promised_what_came(wanted: List[WantedArray]) -> None:
    host = machine()
    outcome = host.converge(*wanted)
    assert outcome.changed
    assert host.plan(*wanted).steps == ()
    assert JOURNAL not in host.files
    for one in wanted:
        lines = [entry for entry in entries(host.files[CONF]) if entry.device == one.node]
        assert len(lines) == (1 if one.persist else 0)
    promised = {array.kernel_name: array.devices for array in outcome.state.arrays}
    assert promised == {name: tuple(array.members) for name, array in host.running.items()}


@settings(max_examples=60, deadline=None)
@given(declarations(), st.data())
def test_a_run_killed_at_any_step_is_completed_by_the_next(wanted: List[WantedArray], data: st.DataObject) -> None:
    host = machine()
    steps = host.plan(*wanted).steps
    cut = data.draw(st.integers(0, len(steps)))
    for step in steps[:cut]:
        host.do(step, wanted)
    made = set(host.inside)
    if cut < len(steps) and is_create(steps[cut]):
        options, paths = create_parts(steps[cut])
        host.create(options, paths, written=data.draw(st.integers(0, len(paths) - 1)))
    host.converge(*wanted)
    assert made <= set(host.inside)
    assert all(array.superblock.uuid in host.inside for array in host.running.values())
    assert made <= {array.superblock.uuid for array in host.running.values()}
    assert host.plan(*wanted).steps == ()
    assert JOURNAL not in host.files


@settings(max_examples=40, deadline=None)
@given(declarations())
def test_arrays_come_back_from_a_reboot_under_their_names(wanted: List[WantedArray]) -> None:
    host = machine()
    host.converge(*wanted)
    before = {name: array.superblock.uuid for name, array in host.running.items()}
    host.links.clear()
    host.reboot()
    host.converge(*wanted)
    assert host.plan(*wanted).steps == ()
    numbered = {one.name for one in wanted if one.kernel_name}
    after = {name: array.superblock.uuid for name, array in host.running.items()}
    assert {name: uuid for name, uuid in after.items() if name in numbered} == {n: u for n, u in before.items() if n in numbered}
    assert sorted(after.values()) == sorted(before.values())


@settings(max_examples=40, deadline=None)
@given(declarations(), st.data())
def test_forgotten_arrays_leave_their_data_and_nothing_else_also_after_a_kill(wanted: List[WantedArray], data: st.DataObject) -> None:
    host = machine()
    host.converge(*wanted)
    uuids = sorted(array.superblock.uuid for array in host.running.values())
    forgotten = [want(one.name, state="forgotten") for one in wanted]
    steps = host.plan(*forgotten).steps
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        host.do(step, forgotten)
    host.converge(*forgotten)
    assert host.running == {}
    assert entries(host.files[CONF]) == []
    assert JOURNAL not in host.files
    assert host.plan(*forgotten).steps == ()
    host.converge(*wanted)
    assert sorted(array.superblock.uuid for array in host.running.values()) == uuids


@settings(max_examples=40, deadline=None)
@given(declarations())
def test_stopped_arrays_come_back_and_absent_ones_leave_nothing(wanted: List[WantedArray]) -> None:
    host = machine()
    host.converge(*wanted)
    uuids = sorted(array.superblock.uuid for array in host.running.values())
    stopped = [want(one.name, state="stopped") for one in wanted]
    host.converge(*stopped)
    assert host.running == {}
    assert host.plan(*stopped).steps == ()
    host.converge(*wanted)
    assert sorted(array.superblock.uuid for array in host.running.values()) == uuids
    absent = [want(one.name, state="absent") for one in wanted]
    host.converge(*absent)
    assert host.running == {}
    assert all(disk.superblock is None for disk in host.disks.values())
    assert entries(host.files[CONF]) == []
    assert host.plan(*absent).steps == ()


def test_a_stripe_killed_between_two_members_is_only_completed_with_the_note_of_the_killed_run() -> None:
    wanted = want("md9", level="raid0", devices=["/dev/sdb", "/dev/sdc"])
    host = machine()
    steps = host.plan(wanted).steps
    host.do(steps[0])
    assert json.loads(host.files[JOURNAL])["creating"]
    options, paths = create_parts(steps[1])
    host.create(options, paths, written=1)
    host.converge(wanted)
    assert host.running["md9"].active
