# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays that get more devices, larger members or a bitmap: what is planned, what is refused, and what has to wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import MIB, Machine, want, with_disks

THREE = ["/dev/sdb", "/dev/sdc", "/dev/sdd"]
PAIR: Dict[str, Any] = {"level": "raid1", "devices": THREE[:2]}
MIRROR: Dict[str, Any] = {"level": "raid1e", "devices": THREE}
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import plan_arrays


def argvs(host: Machine, *wanted: Any) -> List[str]:
    return [" ".join(argv) for argv in host.plan(*wanted).commands()]


def refusal(host: Machine, *wanted: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        host.plan(*wanted)
    return str(caught.value)


def made(**options: Any) -> Machine:
    """A host with a healthy array md1 over the first of its disks."""
    host = with_disks("sdb", "sdc", "sdd", "sde")
    host.converge(want(**options))
    if options["level"] != "raid0":
        host.write("md1")
    return host


def extend(host: Machine, *names: str, size: int = 768 * MIB) -> Machine:
    for name in names or ("sdb", "sdc", "sdd"):
        host.disks[name].size = size
    return host


def pair() -> Machine:
    return made(**PAIR)


def test_a_mirror_takes_another_copy_and_drops_its_bitmap() -> None:
    host = pair()
    more = want(level="raid1", devices=THREE, bitmap="none", grow=True)
    assert argvs(host, more) == [
        "mdadm --grow /dev/md1 --bitmap=none",
        "mdadm --manage /dev/md1 --add-spare /dev/sdd",
        "mdadm --grow /dev/md1 --raid-devices=3",
    ]
    host.converge(more)
    host.settle()
    assert host.plan(more).steps == ()


@pytest.mark.parametrize("wait", ["sync", "none"])
def test_a_growth_that_was_killed_before_its_rebuild_began_is_awaited(wait: str) -> None:
    host = pair()
    host.converge(want(level="raid1", devices=THREE, grow=True))
    host.settle()
    more = want(level="raid1", devices=THREE, bitmap="none", grow=True, wait=wait)
    state = host.state([more])
    *current, last = state.arrays[0].members
    # As a killed mdadm leaves it: three slots, and the third member still a spare, as the array is held still.
    frozen = replace(state.arrays[0], sync_action="frozen", degraded=1, members=(*current, replace(last, slot=None, state=("spare",))))
    state = replace(state, arrays=(frozen,))
    if wait == "none":
        with pytest.raises(RefusedError, match="it is not in sync yet"):
            plan_arrays(state, [more])
        return
    outcome = plan_arrays(state, [more])
    assert outcome.commands() == [["tee", "/sys/block/md1/md/sync_action"], ["grow_when_whole", "array=md1"]]
    assert outcome.postponed == ("md1",)


@pytest.mark.parametrize("action", ["check", "repair"])
def test_an_array_whose_copies_are_compared_is_not_grown(action: str) -> None:
    host = pair()
    more = want(level="raid1", devices=THREE, grow=True, wait="sync")
    state = host.state([more])
    busy = replace(state, arrays=(replace(state.arrays[0], sync_action=action),))
    with pytest.raises(RefusedError, match=rf"md compares its copies \({action}\), and changes no array meanwhile.*echo idle"):
        plan_arrays(busy, [more])
    assert plan_arrays(busy, [want(level="raid1", devices=THREE[:2])]).steps == ()


def test_a_growth_that_was_cut_short_is_finished() -> None:
    host = pair()
    more = want(level="raid1", devices=THREE, grow=True)
    host.do(host.plan(more).steps[0])
    assert argvs(host, more) == ["mdadm --grow /dev/md1 --raid-devices=3"]
    host.converge(more)
    host.settle()
    assert host.plan(more).steps == ()


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ({"devices": THREE[:2]}, "arrays are never shrunk"),
        ({"devices": [*THREE, "/dev/sde"], "level": "raid1e"}, "its layout is o3, declared is o4"),
        ({"layout": "n3", "level": "raid10"}, "its layout is o3, declared is n3"),
        ({"chunk": 64}, "its chunk is 512 KiB, declared is 64 KiB: "),
    ],
)
def test_what_would_harm_data_is_refused(declared: Dict[str, Any], found: str) -> None:
    assert found in refusal(made(**MIRROR), want(**{**MIRROR, **declared}, grow=True))


@pytest.mark.parametrize("kind", ["file", "lockless"])
def test_no_bitmap_takes_the_place_of_another(kind: str) -> None:
    wanted = want(**MIRROR, bitmap="internal", grow=True)
    state = made(**MIRROR).state([wanted])
    state = state.with_changed_array(replace(state.arrays[0], bitmap=kind))
    with pytest.raises(RefusedError, match=f"its bitmap is {kind}, declared is internal: mdadm puts no bitmap in the place of another"):
        plan_arrays(state, [wanted])
    assert plan_arrays(state, [want(**MIRROR, grow=True)]).steps == ()


RESHAPED = [
    ("raid4", None, THREE, [*THREE, "/dev/sde"]),
    ("raid5", None, THREE, [*THREE, "/dev/sde"]),
    ("raid6", None, [*THREE, "/dev/sde"], [*THREE, "/dev/sde", "/dev/sdf", "/dev/sdg"]),
    ("raid10", "n2", THREE[:2], [*THREE, "/dev/sde"]),
    ("raid10", "o3", THREE, [*THREE, "/dev/sde"]),
]


@pytest.mark.parametrize(("level", "layout", "few", "many"), RESHAPED, ids=[f"{row[0]}-{row[1]}" for row in RESHAPED])
def test_more_devices_move_the_data(level: str, layout: Any, few: List[str], many: List[str]) -> None:
    host = with_disks("sdb", "sdc", "sdd", "sde", "sdf", "sdg")
    host.converge(want(level=level, layout=layout, devices=few, bitmap="none"))
    host.write("md1")
    wanted = want(level=level, layout=layout, devices=many, grow=True)
    added = [f"mdadm --manage /dev/md1 --add-spare {path}" for path in many[len(few) :]]
    assert argvs(host, wanted) == [*added, f"mdadm --grow /dev/md1 --raid-devices={len(many)}"]
    host.do(host.plan(wanted).steps[0])
    assert len(argvs(host, wanted)) == len(added)
    outcome = host.converge(wanted)
    (foretold,) = outcome.state.arrays
    assert replace(foretold, array_state="clean") == host.state([wanted]).arrays[0]
    assert foretold.unsettled
    assert argvs(host, wanted) == []
    host.settle()
    assert argvs(host, wanted) == []
    host.converge(want("md1", state="stopped"))
    host.converge(wanted)
    assert argvs(host, wanted) == []


def test_raid10_is_reshaped_without_a_bitmap_only() -> None:
    options: Dict[str, Any] = {"level": "raid10", "layout": "o3"}
    host = made(**options, devices=THREE)
    more = [*THREE, "/dev/sde"]
    for bitmap in (None, "internal"):
        message = refusal(host, want(**options, devices=more, grow=True, bitmap=bitmap))
        assert "it is raid10 with a bitmap" in message
        assert "also set bitmap to none, and to internal when the reshape has ended" in message
    wanted = want(**options, devices=more, grow=True, bitmap="none")
    assert argvs(host, wanted)[0] == "mdadm --grow /dev/md1 --bitmap=none"
    host.converge(wanted)
    assert "it is not in sync yet (reshape)" in refusal(host, want(**options, devices=more, grow=True, bitmap="internal"))
    host.settle()
    assert argvs(host, want(**options, devices=more, grow=True, bitmap="internal")) == ["mdadm --grow /dev/md1 --bitmap=internal"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"level": "raid10", "layout": "f2"}, "the further copies begin at half the size of each member"),
        ({"level": "raid5", "metadata": "1.0"}, "with metadata 1.0 its data begin at the beginning of the members"),
    ],
    ids=["far", "metadata 1.0"],
)
def test_devices_that_md_cannot_add_are_refused(options: Dict[str, Any], found: str) -> None:
    message = refusal(made(**options, devices=THREE), want(**options, devices=[*THREE, "/dev/sde"], grow=True))
    assert found in message


def test_another_chunk_where_nothing_is_lost_by_it() -> None:
    options: Dict[str, Any] = {"level": "raid10", "layout": "n2", "devices": THREE, "bitmap": "none"}
    host, wanted = made(**options), want(**options, chunk=64, grow=True)
    assert argvs(host, wanted) == ["mdadm --grow /dev/md1 --chunk=64"]
    assert argvs(host, want(**options, chunk=512, grow=True)) == []
    host.converge(wanted)
    host.settle()
    assert argvs(host, wanted) == []
    assert host.state([wanted]).arrays[0].chunk == 64 * 1024


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"level": "raid5"}, "after a power cut during that change"),
        ({"level": "raid10", "layout": "o3"}, "the kernel puts data in the wrong places"),
        ({"level": "raid10", "layout": "n2"}, "it is raid10 with a bitmap"),
        ({"level": "raid0"}, "chunk is 512 KiB, wanted 64 KiB"),
    ],
    ids=["parity", "offset", "bitmap", "raid0"],
)
def test_another_chunk_that_would_harm_is_refused(options: Dict[str, Any], found: str) -> None:
    assert found in refusal(made(**options, devices=THREE), want(**options, devices=THREE, chunk=64, grow=True))


def test_a_chunk_that_does_not_fit_is_refused() -> None:
    options: Dict[str, Any] = {"level": "raid10", "layout": "n2", "devices": THREE, "bitmap": "none"}
    host = with_disks("sdb", "sdc", "sdd", size=513 * MIB)
    host.converge(want(**options))
    message = refusal(host, want(**options, chunk=65536, grow=True))
    assert "525312 KiB, is not a multiple of that chunk" in message


def test_devices_and_chunk_take_two_turns() -> None:
    few: Dict[str, Any] = {"level": "raid10", "layout": "n2", "devices": THREE, "bitmap": "none"}
    many = {**few, "devices": [*THREE, "/dev/sde"], "chunk": 64, "grow": True}
    host, wanted = made(**few), want(**many, wait="sync")
    assert "more than one of devices, chunk" in refusal(host, want(**many))
    host.converge(wanted)
    assert argvs(host, wanted) == ["grow_when_whole array=md1"]
    host.settle()
    assert argvs(host, wanted) == ["mdadm --grow /dev/md1 --chunk=64"]
    host.converge(wanted)
    host.settle()
    assert argvs(host, wanted) == []


def test_a_member_lost_in_a_reshape_is_replaced_after_it() -> None:
    host = made(level="raid5", devices=THREE)
    wanted = want(level="raid5", devices=[*THREE, "/dev/sde"], grow=True, replace_failed=True)
    host.converge(wanted)
    host.running["md1"].faulty.add("sdc")
    outcome = host.plan(wanted)
    assert outcome.steps == ()
    assert any("is reshaped first" in warning for warning in outcome.warnings)
    host.settle()
    assert [one.device for one in host.converge(wanted).healed] == ["/dev/sdc"]


def test_growth_needs_a_whole_array() -> None:
    host = pair()
    host.fail("md1", "sdc")
    assert "it is degraded: 1 of 2" in refusal(host, want(**PAIR, bitmap="none", grow=True))
    host = pair()
    host.running["md1"].rebuilding.add("sdc")
    assert "it cannot be grown now" in refusal(host, want(**PAIR, bitmap="none", grow=True))


SIZE = "mdadm --grow /dev/md1 --size=max"


@pytest.mark.parametrize(
    "options",
    [
        PAIR,
        MIRROR,
        {"level": "raid10", "layout": "n2", "devices": THREE},
        {"level": "raid10", "layout": "n3", "devices": THREE, "metadata": "1.1"},
        {"level": "raid5", "devices": THREE},
    ],
    ids=["raid1", "o3", "n2", "n3", "raid5"],
)
def test_members_that_have_grown_are_used_when_told_to(options: Dict[str, Any]) -> None:
    host = extend(made(**options))
    assert argvs(host, want(**options)) == []
    wanted = want(**options, grow=True)
    assert argvs(host, wanted) == [SIZE]
    outcome = host.converge(wanted)
    assert {device.size for name, device in outcome.state.devices.items() if name == "md1"} != {512 * MIB}
    assert host.plan(wanted).steps == ()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"level": "raid10", "layout": "f2", "devices": THREE}, "in its layout, f2, the further copies"),
        (
            {"level": "raid10", "layout": "o3", "devices": THREE, "metadata": "1.0"},
            "with metadata 1.0 md expects the superblock at the end",
        ),
    ],
    ids=["far", "metadata 1.0"],
)
def test_what_md_cannot_grow_is_refused_only_when_it_matters(options: Dict[str, Any], found: str) -> None:
    host = made(**options)
    assert argvs(host, want(**options, grow=True)) == []
    extend(host)
    assert argvs(host, want(**options)) == []
    message = refusal(host, want(**options, grow=True))
    assert found in message
    assert "/dev/sdb has 805306368 bytes" in message


@pytest.mark.parametrize(("level", "layout", "last"), [("raid1", None, 7), ("raid10", "n2", 11)])
def test_the_last_chunk_of_the_bitmap_is_marked_first(level: str, layout: Any, last: int) -> None:
    options = {"level": level, "layout": layout, "devices": THREE}
    host, wanted = extend(made(**options)), want(**options, grow=True)
    state = host.state([wanted])
    arrays = tuple(replace(array, bitmap_chunk=64 * MIB) for array in state.arrays)
    devices = {"md1": replace(state.devices["md1"], size=768 * MIB)}
    marked = plan_arrays(replace(state, arrays=arrays).with_devices(devices), [wanted]).steps[0]
    assert isinstance(marked, Command)
    assert (marked.argv, marked.stdin) == (("tee", "/sys/block/md1/md/bitmap_set_bits"), f"{last}\n")


def test_a_new_bitmap_comes_before_the_size() -> None:
    host = extend(made(**PAIR, bitmap="none"), "sdb", "sdc")
    assert "one after the other" in refusal(host, want(**PAIR, grow=True, bitmap="internal"))
    wanted = want(**PAIR, grow=True, bitmap="internal", wait="sync")
    assert argvs(host, wanted) == ["mdadm --grow /dev/md1 --bitmap=internal", "grow_when_whole array=md1"]
    host.converge(wanted)
    assert argvs(host, wanted) == [SIZE]


def test_a_resync_that_nothing_begins_is_begun() -> None:
    host, wanted = made(**MIRROR), want(**MIRROR, grow=True, wait="sync")
    state = host.state([wanted])
    pending = replace(state, arrays=(replace(state.arrays[0], resync_pending=True),))
    assert plan_arrays(pending, [wanted]).commands() == [["tee", "/sys/block/md1/md/sync_action"]]
    assert plan_arrays(pending, [want(**MIRROR)]).steps == ()


def test_one_grown_member_alone_is_only_told() -> None:
    host = extend(made(**MIRROR), "sdc")
    outcome = host.plan(want(**MIRROR, grow=True))
    assert outcome.steps == ()
    assert "its smallest member, /dev/sdb, has not grown" in outcome.warnings[0]


def test_an_array_that_rests_is_made_writable_first() -> None:
    host, wanted = extend(made(**MIRROR)), want(**MIRROR, grow=True)
    state = host.state([wanted])
    auto_read_only = replace(state, arrays=(replace(state.arrays[0], array_state="read-auto"),))
    assert plan_arrays(auto_read_only, [wanted]).commands()[0] == ["make_writable", "array=/dev/md1"]
    locked = replace(state, arrays=(replace(state.arrays[0], array_state="readonly"),))
    with pytest.raises(RefusedError, match="it is read-only"):
        plan_arrays(locked, [wanted])


def test_more_devices_and_more_size_take_two_turns() -> None:
    host = extend(pair())
    assert "one after the other" in refusal(host, want(level="raid1", devices=THREE, grow=True))
    wanted = want(level="raid1", devices=THREE, grow=True, wait="sync")
    outcome = host.converge(wanted)
    assert outcome.postponed == ("md1",)
    assert outcome.commands()[-2:] == [["mdadm", "--grow", "/dev/md1", "--raid-devices=3"], ["grow_when_whole", "array=md1"]]
    assert argvs(host, wanted) == ["grow_when_whole array=md1"]
    host.settle()
    assert argvs(host, wanted) == [SIZE]
    host.converge(wanted)
    host.settle()
    assert host.plan(wanted).steps == ()


@pytest.mark.parametrize("wait", ["none", "sync"])
def test_a_member_is_brought_back_before_the_array_is_grown(wait: str) -> None:
    host = extend(made(**MIRROR))
    host.fail("md1", "sdc")
    wanted = want(**MIRROR, grow=True, replace_failed=True, wait=wait)
    outcome = host.converge(wanted)
    assert [one.device for one in outcome.healed] == ["/dev/sdc"]
    assert SIZE.split(" ") not in outcome.commands()
    assert outcome.postponed == (("md1",) if wait == "sync" else ())
    assert any("is not grown before it is whole" in warning for warning in outcome.warnings) is (wait == "none")
    host.settle()
    assert argvs(host, wanted) == [SIZE]
    host.fail("md1", "sdc")
    assert "it is degraded: 2 of 3" in refusal(host, want(**MIRROR, grow=True))


def test_a_stopped_array_is_started_and_grown_by_one_task() -> None:
    host, wanted = extend(made(**MIRROR)), want(**MIRROR, grow=True)
    host.converge(want("md1", state="stopped"))
    assert argvs(host, want(**MIRROR))[-1].startswith("mdadm --assemble")
    assert argvs(host, wanted)[-1] == "plan_again arrays=md1"
    host.converge(wanted)
    assert host.running["md1"].size == 768 * MIB
    assert host.plan(wanted).steps == ()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_growth_that_is_killed_anywhere_is_finished_by_the_next_task(data: st.DataObject) -> None:
    host = extend(pair(), size=data.draw(st.sampled_from([512, 768])) * MIB)
    more = data.draw(st.booleans())
    bitmap = data.draw(st.sampled_from([None, "none", "internal"]))
    wanted = want(level="raid1", devices=THREE if more else THREE[:2], grow=True, bitmap=bitmap, wait="sync")
    for _turn in range(4):
        steps = host.plan(wanted).steps
        for step in steps[: data.draw(st.integers(0, len(steps)))]:
            host.do(step, [wanted])
        if data.draw(st.booleans()):
            host.settle()
    for _turn in range(3):
        host.converge(wanted)
        host.settle()
    assert host.plan(wanted).steps == ()
    assert len(host.running["md1"].members) == len(wanted.devices)
    assert host.state([wanted]).arrays[0].component_size == min(host.disks[path[5:]].size for path in wanted.devices)
