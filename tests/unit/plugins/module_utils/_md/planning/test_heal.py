# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members that are lost, come back, are replaced, added and taken away: what is planned, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.array_plan import ArrayPlan
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.block_device import Signature
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.conf import entries
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import WantedArray
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import (
    CONF,
    JOURNAL,
    MIB,
    Disk,
    Machine,
    want,
    with_disks,
)

THREE = ["/dev/sdb", "/dev/sdc", "/dev/sdd"]
MIRROR: Dict[str, Any] = {"level": "raid1e", "devices": THREE, "replace_failed": True}
PAIR: Dict[str, Any] = {"level": "raid1", "devices": THREE[:2]}
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import plan_arrays


def lab() -> Machine:
    """A healthy mirror of three, and free disks."""
    host = with_disks("sdb", "sdc", "sdd", "sde", "sdf", "sdg")
    host.converge(want(**MIRROR))
    host.write("md1")
    return host


def argvs(host: Machine, *wanted: Any) -> List[str]:
    return [" ".join(argv) for argv in host.plan(*wanted).commands()]


def refusal(host: Machine, *wanted: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        host.plan(*wanted)
    return str(caught.value)


def change(host: Machine, name: str, **values: Any) -> None:
    block = host.disks[name].superblock
    assert block
    host.disks[name].superblock = replace(block, **values)


def test_a_member_that_was_away_is_taken_back_with_the_bitmap() -> None:
    host = lab()
    host.fail("md1", "sdc")
    outcome = host.plan(want(**MIRROR))
    assert argvs(host, want(**MIRROR)) == ["mdadm --manage /dev/md1 --remove sdc", "re_add array=/dev/md1 device=/dev/sdc"]
    assert [(one.device, one.method) for one in outcome.healed] == [("/dev/sdc", "re-add")]
    assert outcome.warnings == ()
    host.converge(want(**MIRROR))
    assert host.plan(want(**MIRROR)).steps == ()


def test_without_the_option_nothing_is_healed() -> None:
    host = lab()
    host.fail("md1", "sdc")
    outcome = host.plan(want(**{**MIRROR, "replace_failed": False}))
    assert not outcome.changed
    assert "is degraded" in outcome.warnings[0]


def test_an_empty_disk_replaces_a_failed_one() -> None:
    host = lab()
    host.fail("md1", "sdc")
    wanted = want(**{**MIRROR, "devices": ["/dev/sdb", "/dev/sde", "/dev/sdd"]})
    assert [one.method for one in host.plan(wanted).healed] == ["rebuild"]
    host.converge(wanted)
    assert host.running["md1"].members == ["sdb", "sdd", "sde"]
    assert host.plan(wanted).steps == ()


def test_a_member_whose_device_is_gone_is_removed_by_its_kernel_name() -> None:
    host = lab()
    host.fail("md1", "sdc")
    host.disks["sdk"] = host.disks.pop("sdc")
    host.links["/dev/sdc"] = "sdk"
    assert argvs(host, want(**MIRROR)) == ["mdadm --manage /dev/md1 --remove sdc", "re_add array=/dev/md1 device=/dev/sdk"]


@pytest.mark.parametrize(
    ("disk", "found"),
    [
        (Disk(512 * MIB, signatures=(Signature("xfs"),)), "/dev/sde carries xfs"),
        (Disk(512 * MIB, mounts=("/srv",)), "/dev/sde is mounted on /srv"),
        (Disk(2 * MIB), "/dev/sde is too small"),
    ],
)
def test_what_may_not_be_used_is_refused_before_anything_is_removed(disk: Disk, found: str) -> None:
    host = lab()
    host.fail("md1", "sdc")
    host.disks["sde"] = disk
    assert found in refusal(host, want(**{**MIRROR, "devices": ["/dev/sdb", "/dev/sde", "/dev/sdd"]}))


def test_a_healthy_member_is_not_exchanged() -> None:
    host = lab()
    assert "/dev/sdc belongs to it" in refusal(host, want(**{**MIRROR, "devices": ["/dev/sdb", "/dev/sde", "/dev/sdd"]}))


def test_a_member_that_ran_on_its_own_is_refused_and_never_taken_back_by_bitmap() -> None:
    host = lab()
    host.fail("md1", "sdc")
    change(host, "sdc", events=99)
    assert "/dev/sdc has run without the members that are current now (event count 99" in refusal(host, want(**MIRROR))
    change(host, "sdc", events=1, active=(1,))
    assert "has run without the members" in refusal(host, want(**MIRROR))
    assert [one.method for one in host.plan(want(**MIRROR, overwrite=True)).healed] == ["rebuild"]


def test_a_member_that_does_not_know_all_current_ones_is_rebuilt() -> None:
    host = lab()
    host.fail("md1", "sdc")
    change(host, "sdc", active=(1, 2))
    assert [one.method for one in host.plan(want(**MIRROR)).healed] == ["rebuild"]
    change(host, "sdc", active=(0, 1, 2), recovering=True)
    assert [one.method for one in host.plan(want(**MIRROR)).healed] == ["rebuild"]


def test_a_failed_member_that_does_not_answer_is_left_with_a_warning() -> None:
    host, wanted = lab(), want(**MIRROR)
    host.fail("md1", "sdc")
    state = host.state([wanted])
    state = state.with_devices({"sdc": replace(state.devices["sdc"], answers=False, superblock=None)})
    outcome = plan_arrays(state, [wanted])
    assert not outcome.changed
    assert "without /dev/sdc" in outcome.warnings[0]


def test_a_lost_array_is_not_made_worse() -> None:
    host = with_disks("sdb", "sdc", "sdd")
    wanted = want(level="raid5", devices=THREE, replace_failed=True)
    host.converge(wanted)
    host.fail("md1", "sdb")
    host.fail("md1", "sdc")
    message = refusal(host, wanted)
    assert "it has lost more members than raid5 can lose: only /dev/sdd of 3 hold current data" in message
    assert message.index("state: stopped") < message.index("Only if that is refused too, use mdadm --assemble --force")


def test_an_array_that_rests_is_woken_first() -> None:
    host, wanted = lab(), want(**MIRROR)
    host.fail("md1", "sdc")
    state = host.state([wanted])
    state = replace(state, arrays=(replace(state.arrays[0], array_state="read-auto"),))
    assert plan_arrays(state, [wanted]).commands()[0] == ["make_writable", "array=/dev/md1"]


def test_a_member_that_the_boot_gave_back_is_not_left_waiting_for_somebody_to_write() -> None:
    host, wanted = lab(), want(**MIRROR)
    state = host.state([wanted])
    first, *others = state.arrays[0].members
    waiting = replace(state.arrays[0], array_state="read-auto", members=(replace(first, slot=None, state=("spare",)), *others))
    state = replace(state, arrays=(waiting,))
    assert plan_arrays(state, [wanted]).commands() == [["make_writable", "array=/dev/md1"]]
    assert plan_arrays(state, [want(**{**MIRROR, "replace_failed": False})]).commands() == []


def test_an_array_that_a_killed_mdadm_holds_still_is_let_go() -> None:
    host, wanted = lab(), want(**MIRROR)
    state = host.state([wanted])
    state = replace(state, arrays=(replace(state.arrays[0], sync_action="frozen"),))
    assert plan_arrays(state, [wanted]).commands() == [["tee", "/sys/block/md1/md/sync_action"]]
    assert plan_arrays(state, [want(**{**MIRROR, "replace_failed": False})]).steps == ()


def test_a_stopped_array_with_a_member_behind_is_started_and_healed_at_once() -> None:
    host, wanted = lab(), want(**MIRROR)
    host.fail("md1", "sdc")
    host.converge(want("md1", state="stopped"))
    commands = argvs(host, wanted)
    assert commands[0].endswith("/dev/sdb /dev/sdd")
    assert commands[-1] == "re_add array=/dev/md1 device=/dev/sdc"
    host.converge(wanted)
    assert host.plan(wanted).steps == ()


@pytest.mark.parametrize(
    ("wait", "found"), [("none", "it is not in sync yet (recover)"), ("sync", "")], ids=["without waiting", "after waiting"]
)
def test_a_check_of_an_array_that_is_rebuilt(wait: str, found: str) -> None:
    host = lab()
    host.fail("md1", "sdc")
    wanted = want(**MIRROR, check=True, wait=wait)
    if found:
        assert found in refusal(host, wanted)
    else:
        assert host.plan(wanted).changed
    alone = want(**{**MIRROR, "replace_failed": False}, check=True, wait=wait)
    assert "it is degraded, only /dev/sdb, /dev/sdd of 3 hold current data" in refusal(host, alone)


def in_state(host: Machine, array_state: str, wanted: WantedArray) -> Callable[[], ArrayPlan]:
    """A plan for the machine with its array in a state that the kernel has a word for."""
    state = host.state([wanted])
    state = replace(state, arrays=(replace(state.arrays[0], array_state=array_state),))
    return lambda: plan_arrays(state, [wanted])


def test_a_broken_array_is_not_checked() -> None:
    with pytest.raises(RefusedError, match="it cannot be checked: it is broken"):
        in_state(lab(), "broken", want(**MIRROR, check=True))()


def test_what_md_does_not_do_to_a_read_only_array_is_refused_before_half_of_it_is_done() -> None:
    host = lab()
    remedy = r"now: it is read-only\. Nothing was changed; make it writable with mdadm --readwrite /dev/md1$"
    for what, options in (("checked", {"check": True}), ("given other spares", {"spares": ["/dev/sde"]})):
        with pytest.raises(RefusedError, match=f"it cannot be {what} {remedy}"):
            in_state(host, "readonly", want(**MIRROR, **options))()
    assert in_state(host, "readonly", want(**MIRROR, spares=[]))().steps == ()
    host.fail("md1", "sdc")
    with pytest.raises(RefusedError, match=f"it cannot be healed {remedy}"):
        in_state(host, "readonly", want(**MIRROR))()


def test_spares_come_and_go() -> None:
    host = lab()
    two = want(**MIRROR, spares=["/dev/sde", "/dev/sdf"], spare_group="pool")
    host.converge(two)
    assert host.running["md1"].members == ["sdb", "sdc", "sdd", "sde", "sdf"]
    assert entries(host.files[CONF])[0].value("spare-group") == "pool"
    assert host.plan(two).steps == ()
    assert host.plan(want(**MIRROR)).steps == ()
    host.converge(want(**MIRROR, spares=["/dev/sdf"], spare_group=""))
    assert host.running["md1"].members == ["sdb", "sdc", "sdd", "sdf"]
    assert host.disks["sde"].superblock is None
    assert entries(host.files[CONF])[0].value("spare-group") is None
    host.disks["sde"].signatures = (Signature("xfs"),)
    assert "/dev/sde carries xfs" in refusal(host, two)


def test_a_spare_that_may_be_needed_stays() -> None:
    host = lab()
    host.converge(want(**MIRROR, spares=["/dev/sde"]))
    host.fail("md1", "sdc")
    assert "spares /dev/sde are no longer declared, but it is degraded" in refusal(
        host, want(**{**MIRROR, "replace_failed": False}, spares=[])
    )


def group() -> Machine:
    """Two mirrors in one spare group; the spare belongs to the first."""
    host = with_disks("sdb", "sdc", "sdd", "sde", "sdf")
    host.converge(*GROUP)
    for name in ("md1", "md2"):
        host.write(name)
    return host


GROUP = (
    want("md1", level="raid1", devices=["/dev/sdb", "/dev/sdc"], spares=["/dev/sdf"], spare_group="pool"),
    want("md2", level="raid1", devices=["/dev/sdd", "/dev/sde"], spares=[], spare_group="pool"),
)


def lend(host: Machine) -> None:
    """What mdadm --monitor does when a member of md2 fails."""
    host.fail("md2", "sde")
    host.manage({"remove": ""}, ["/dev/md2", "sde"])
    host.manage({"remove": ""}, ["/dev/md1", "sdf"])
    host.disks["sdf"].superblock = None
    host.manage({"add-spare": ""}, ["/dev/md2", "sdf"])
    host.settle()


def test_a_spare_that_was_moved_to_an_array_of_its_group_is_left_there() -> None:
    host = group()
    assert host.plan(*GROUP).steps == ()
    lend(host)
    outcome = host.plan(*GROUP)
    assert outcome.steps == ()
    assert "md1: its spare /dev/sdf serves array 'b1:md2'" in outcome.warnings[0]
    assert "md2: /dev/sdf, spares of its group, serve in the place" in outcome.warnings[-1]
    assert host.plan(GROUP[0]).steps == ()
    assert host.plan(GROUP[1]).steps == ()


def test_a_spare_in_a_foreign_array_is_refused() -> None:
    host = group()
    lend(host)
    host.files[CONF] = host.files[CONF].replace("spare-group=pool", "")
    assert "/dev/sdf belongs to array 'b1:md2'" in refusal(
        host, want("md1", level="raid1", devices=["/dev/sdb", "/dev/sdc"], spares=["/dev/sdf"])
    )
    assert "/dev/sdf belongs to it" in refusal(host, want("md2", level="raid1", devices=["/dev/sdd", "/dev/sde"]))


@pytest.mark.parametrize("again", [["/dev/sde"], []], ids=["declared again", "still gone"])
def test_a_spare_that_was_removed_and_not_yet_erased(again: List[str]) -> None:
    host = lab()
    host.converge(want(**MIRROR, spares=["/dev/sde"]))
    gone = want(**MIRROR, spares=[])
    steps = host.plan(gone).steps
    for step in steps[:2]:
        host.do(step, [gone])
    assert host.running["md1"].members == ["sdb", "sdc", "sdd"]
    assert host.disks["sde"].superblock
    assert json.loads(host.files[JOURNAL])["releasing"] == [host.running["md1"].superblock.uuid]
    # A task that has nothing to do with it keeps the note.
    host.converge(want("md2", level="raid1", devices=["/dev/sdf", "/dev/sdg"]))
    assert json.loads(host.files[JOURNAL])["releasing"]
    wanted = want(**MIRROR, spares=again)
    host.converge(wanted)
    assert (host.disks["sde"].superblock is None) is (not again)
    assert host.plan(wanted).steps == ()
    assert JOURNAL not in host.files


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_was_lost_one_run_heals_also_after_a_kill_and_the_next_finds_nothing(data: st.DataObject) -> None:
    host = lab()
    lost = data.draw(st.lists(st.sampled_from(["sdb", "sdc", "sdd"]), min_size=1, max_size=2, unique=True))
    devices = list(THREE)
    for name, spare in zip(lost, ("sde", "sdf")):
        host.fail("md1", name)
        fate = data.draw(st.sampled_from(["back", "removed", "replaced"]))
        if fate == "removed":
            host.manage({"remove": ""}, ["/dev/md1", name])
        elif fate == "replaced":
            del host.disks[name]
            devices[devices.index(f"/dev/{name}")] = f"/dev/{spare}"
    wanted = want(**{**MIRROR, "devices": devices}, spares=[])
    steps = host.plan(wanted).steps
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        host.do(step, [wanted])
    if data.draw(st.booleans()):
        host.settle()
    host.converge(wanted)
    host.settle()
    assert sorted(host.running["md1"].members) == sorted(path[5:] for path in devices)
    assert not host.state([wanted]).arrays[0].missing_slots
    assert host.plan(wanted).steps == ()
