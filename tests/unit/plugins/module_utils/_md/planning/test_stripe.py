# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stripes that grow with their members and by more members, alone and over mirrors, also after a kill at any step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Step
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import WantedArray
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import MIB, Machine, want, with_disks

PLAIN: Dict[str, Any] = {"level": "raid0", "grow": True}
TWO = ["/dev/sdb", "/dev/sdc"]
THREE = [*TWO, "/dev/sdd"]


def stack(mirrors: int, **options: Any) -> List[WantedArray]:
    """Mirrors of three disks each, and a stripe over them, as a storage client has them."""
    letters = iter("bcdefghijklm")
    found = []
    for number in range(1, mirrors + 1):
        devices = [f"/dev/sd{next(letters)}" for _each in range(3)]
        found.append(want(f"md{number}", level="raid1e", devices=devices, grow=True, replace_failed=True, **options))
    nodes = [one.node for one in found]
    return [*found, want("md99", level="raid0", devices=nodes, grow=True, **options)]


def machine() -> Machine:
    return with_disks(*(f"sd{letter}" for letter in "bcdefghijklm"))


def finish(host: Machine, *wanted: WantedArray) -> None:
    """Run again and again, with all reshapes and rebuilds ended in between, as a person does; the end is a run without a change."""
    for _turn in range(5):
        host.settle()
        if not host.converge(*wanted).changed:
            return
    raise AssertionError("the runs do not come to an end")


def argvs(host: Machine, *wanted: Any) -> List[str]:
    return [" ".join(argv) for argv in host.plan(*wanted).commands()]


def refusal(host: Machine, *wanted: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        host.plan(*wanted)
    return str(caught.value)


def test_a_stripe_takes_the_new_room_of_its_members() -> None:
    host, wanted = machine(), want(devices=TWO, **PLAIN)
    host.converge(wanted)
    host.disks["sdb"].size = host.disks["sdc"].size = 768 * MIB
    assert argvs(host, wanted) == [
        "mdadm --grow /dev/md1 --level=4",
        "mdadm --grow /dev/md1 --size=max",
        "turn_back array=/dev/md1",
    ]
    host.converge(wanted)
    assert host.running["md1"].size == 2 * (768 - 16) * MIB
    assert argvs(host, wanted) == []


def test_a_stripe_whose_members_have_not_all_grown_stays_with_a_warning() -> None:
    host, wanted = machine(), want(devices=TWO, **PLAIN)
    host.converge(wanted)
    host.disks["sdb"].size = 768 * MIB
    outcome = host.plan(wanted)
    assert not outcome.changed
    assert "cannot use the new room of /dev/sdb: its smallest member, /dev/sdc, has not grown" in outcome.warnings[0]


def test_a_stripe_with_several_zones_is_refused() -> None:
    host, wanted = machine(), want(devices=TWO, size_tolerance=100.0, **PLAIN)
    host.disks["sdc"].size = 768 * MIB
    host.converge(wanted)
    host.disks["sdb"].size = host.disks["sdc"].size = 1024 * MIB
    assert "its end is striped over some of them only" in refusal(host, wanted)


def test_a_stripe_takes_more_members() -> None:
    host = machine()
    host.converge(want(devices=TWO, **PLAIN))
    wanted = want(devices=THREE, **PLAIN)
    outcome = host.converge(wanted)
    assert outcome.commands() == [["mdadm", "--grow", "/dev/md1", "--raid-devices=3", "--add", "/dev/sdd"]]
    assert "run this again when it is" in outcome.warnings[0]
    # While md moves the data there is nothing to do, and afterwards neither.
    assert argvs(host, wanted) == []
    host.settle()
    assert argvs(host, wanted) == []
    assert (host.running["md1"].superblock.level, host.running["md1"].size) == ("raid0", 3 * (512 - 16) * MIB)


def test_members_that_are_too_small_or_fewer_are_refused() -> None:
    host = machine()
    host.converge(want(devices=TWO, **PLAIN))
    host.disks["sdd"].size = 256 * MIB
    assert "/dev/sdd has 268435456 bytes, and every member of the stripe needs 536870912" in refusal(host, want(devices=THREE, **PLAIN))
    host.converge(want("md2", level="raid0", devices=["/dev/sde", "/dev/sdf", "/dev/sdg"]))
    assert "a stripe is never shrunk" in refusal(host, want("md2", devices=["/dev/sde", "/dev/sdf"], **PLAIN))


def test_a_stripe_without_room_before_its_data_is_not_reshaped() -> None:
    host = machine()
    host.converge(want(devices=TWO, level="raid0", chunk=1024))
    message = refusal(host, want(devices=THREE, chunk=1024, **PLAIN))
    assert "3145728 bytes before the data of each member are needed, and 2031616 are free" in message
    assert "make a second stripe of the new devices" in message


def test_a_stripe_that_shall_grow_is_made_with_room_before_its_data() -> None:
    host = with_disks("sdb", "sdc", size=4096 * MIB)
    assert "--data-offset=64M" in argvs(host, want(devices=TWO, **PLAIN))[1]
    assert "--data-offset" not in argvs(host, want(devices=TWO, level="raid0"))[1]
    assert "--data-offset" not in argvs(host, want(devices=TWO, metadata="1.0", **PLAIN))[1]


def test_without_grow_more_members_are_a_difference() -> None:
    host = machine()
    host.converge(want(devices=TWO, level="raid0"))
    assert "number of devices is 2, wanted 3" in refusal(host, want(devices=THREE, level="raid0"))


def test_a_new_mirror_joins_the_stripe_in_the_same_task() -> None:
    host = machine()
    host.converge(*stack(2))
    wanted = stack(3)
    shown = argvs(host, *wanted)
    assert [line for line in shown if "--create /dev/md3" in line]
    assert shown.index("erase_stale_content devices=/dev/md3") < shown.index("mdadm --grow /dev/md99 --raid-devices=3 --add /dev/md3")
    host.converge(*wanted)
    finish(host, *wanted)
    assert host.running["md99"].members == ["md1", "md2", "md3"]


def test_larger_disks_grow_mirrors_and_stripe_in_one_task() -> None:
    host, wanted = machine(), stack(2)
    host.converge(*wanted)
    host.settle()
    for disk in host.disks.values():
        disk.size = 768 * MIB
    shown = argvs(host, *wanted)
    assert [line for line in shown if line.endswith("--size=max")] == [f"mdadm --grow /dev/md{n} --size=max" for n in (1, 2, 99)]
    host.converge(*wanted)
    finish(host, *wanted)
    assert host.running["md99"].size == 2 * (768 - 16) * MIB


def is_extend(step: Step) -> bool:
    return isinstance(step, Command) and "--add" in step.argv


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_growth_killed_at_any_step_is_completed_and_no_member_that_has_data_is_removed(data: st.DataObject) -> None:
    host = machine()
    before = stack(2)
    host.converge(*before)
    host.settle()
    more = data.draw(st.integers(2, 4))
    if data.draw(st.booleans()):
        for disk in host.disks.values():
            disk.size = 768 * MIB
    wanted = stack(more)
    steps = host.plan(*wanted).steps
    cut = data.draw(st.integers(0, len(steps)))
    for step in steps[:cut]:
        host.do(step, wanted)
    if cut < len(steps) and is_extend(steps[cut]):
        killed_step = steps[cut]
        assert isinstance(killed_step, Command)
        words = killed_step.argv[2:]
        options = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
        host.extend(options, [word for word in words if not word.startswith("--")], killed=data.draw(st.integers(1, 5)))
    host.watched = True
    if data.draw(st.booleans()):
        host.reboot()
    finish(host, *wanted)
    stripe = host.running["md99"]
    assert stripe.superblock.level == "raid0"
    assert stripe.members == [f"md{number}" for number in range(1, more + 1)]
    size = min(host.running[name].size for name in stripe.members)
    assert stripe.size == (size - 16 * MIB) * more
    assert not host.plan(*wanted).changed


def test_what_a_killed_run_wrote_to_a_new_member_is_erased_before_it_joins() -> None:
    host = machine()
    host.converge(want(devices=TWO, **PLAIN))
    host.disks["sdd"].superblock = host.running["md1"].superblock
    first, second = argvs(host, want(devices=THREE, **PLAIN))[:2]
    assert first.startswith("zero_superblock device=/dev/sdd")
    assert second.startswith("mdadm --grow /dev/md1 --raid-devices=3 --add /dev/sdd")


def test_a_stopped_stripe_that_shall_have_more_members_is_assembled_and_then_grown() -> None:
    host = machine()
    host.converge(want(devices=TWO, **PLAIN))
    host.converge(want(state="stopped"))
    wanted = want(devices=THREE, **PLAIN)
    outcome = host.converge(wanted)
    assert outcome.deferred == ("md1",)
    finish(host, wanted)
    assert host.running["md1"].members == ["sdb", "sdc", "sdd"]


def test_a_waiting_task_is_told_to_come_back_when_the_data_have_moved() -> None:
    host = machine()
    host.converge(want(devices=TWO, **PLAIN))
    wanted = want(devices=THREE, wait="sync", **PLAIN)
    assert host.plan(wanted).postponed == ("md1",)
    host.converge(wanted)
    assert host.plan(wanted).postponed == ("md1",)
    host.settle()
    assert host.plan(wanted).postponed == ()
    assert replace(wanted, wait="none") == want(devices=THREE, **PLAIN)
