# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members are let go of by arrays that stay whole without them, and by no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.array_plan import ArrayPlan
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.layout import survives
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.state import State
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import Wanted, WantedArray
from ansible_collections.fleetlab.linux.plugins.module_utils._md.planning.plan import plan
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import Machine, want, with_disks

B, C, D = THREE = ("/dev/sdb", "/dev/sdc", "/dev/sdd")
MIRROR: Dict[str, Any] = {"level": "raid1e", "devices": [*THREE], "bitmap": "internal", "replace_failed": True}
TWO_SERVERS = (want("md1", level="raid1", devices=[B, C]), want("md2", level="raid1", devices=["/dev/sde", "/dev/sdf"]))


def made(*wanted: WantedArray) -> Machine:
    """A machine on which the arrays run, and are in sync."""
    host = with_disks(*(f"sd{letter}" for letter in "bcdefgh"))
    host.converge(*(wanted or (want(**MIRROR),)))
    return host


def seen(host: Machine, *paths: str) -> State:
    state = host.state()
    return replace(state, paths={path: path[5:] if path[5:] in state.devices else None for path in paths})


def release(host: Machine, *paths: str) -> ArrayPlan:
    return plan(seen(host, *paths), Wanted(release=paths))


def carried_out(host: Machine, *paths: str) -> ArrayPlan:
    planned = release(host, *paths)
    for step in planned.steps:
        host.do(step)
    return planned


def refusal(state: State, *paths: str) -> str:
    with pytest.raises(RefusedError) as caught:
        plan(state, Wanted(release=paths))
    return str(caught.value)


def changed(state: State, members: Dict[str, Dict[str, Any]], **array: Any) -> State:
    """The state with fields of the only array, and of members of it, changed."""
    (found,) = state.arrays
    new = tuple(replace(member, **members.get(member.device, {})) for member in found.members)
    return replace(state, arrays=(replace(found, members=new, **array),))


def test_a_member_is_failed_and_removed_and_a_second_run_has_nothing_to_do() -> None:
    host = made()
    planned = carried_out(host, C)
    assert planned.commands() == [
        ["mdadm", "--manage", "/dev/md1", "--fail", "sdc"],
        ["remove_member", "array=/dev/md1", "device=sdc"],
    ]
    assert host.running["md1"].members == ["sdb", "sdd"]
    assert [(one.array, one.device) for one in planned.released] == [("md1", "sdc")]
    again = release(host, C)
    assert (again.changed, again.released, again.before) == (False, (), {})


def test_the_diff_has_the_arrays_that_let_go() -> None:
    planned = release(made(), C)
    assert planned.before["md1"]["members"] == [B, C, D]
    assert planned.after["md1"] == {**planned.before["md1"], "members": [B, D]}
    assert planned.state.arrays[0].degraded == 1


def test_it_is_taken_back_by_its_bitmap() -> None:
    host = made()
    host.write("md1")
    carried_out(host, C)
    outcome = host.converge(want(**MIRROR))
    assert [(one.device, one.method) for one in outcome.healed] == [(C, "re-add")]
    host.settle()
    assert host.plan(want(**MIRROR)).steps == ()


def test_all_disks_of_a_server_go_at_once_or_none_does() -> None:
    host = made(*TWO_SERVERS)
    assert sorted(one.array for one in release(host, B, "/dev/sde").released) == ["md1", "md2"]
    host.fail("md2", "sdf")
    message = refusal(seen(host, B, "/dev/sde"), B, "/dev/sde")
    assert message == (
        "release of /dev/sdb, /dev/sde: refused: array md2: raid1 cannot lose /dev/sde: then none of its 2 members would hold current"
        " data and answer; bring its other members back (replace_failed) and wait for them (wait: sync). Nothing was changed"
    )


@pytest.mark.parametrize("paths", [["/dev/nosuch"], ["/dev/sdh"], []])
def test_what_is_in_no_array_is_done(paths: List[str]) -> None:
    planned = release(made(), *paths)
    assert (planned.steps, planned.warnings) == ((), ())


def test_a_run_that_was_killed_is_completed() -> None:
    host = made()
    host.do(release(host, C).steps[0])
    planned = carried_out(host, C)
    assert planned.commands() == [["remove_member", "array=/dev/md1", "device=sdc"]]
    assert host.running["md1"].members == ["sdb", "sdd"]


def test_a_path_to_something_else_is_wrong() -> None:
    state = replace(seen(made()), not_block={"/etc/passwd": "a regular file"})
    with pytest.raises(InputError, match="release: /etc/passwd is a regular file"):
        plan(state, Wanted(release=("/etc/passwd",)))


def test_partitions_of_a_disk_go_with_it() -> None:
    host = made()
    state = seen(host, "/dev/sdz")
    disk = replace(state.devices["sdh"], kernel_name="sdz", partitions=("sdc", "sdz2"))
    state = replace(state.with_devices({"sdz": disk}), paths={"/dev/sdz": "sdz"})
    assert [one.device for one in plan(state, Wanted(release=("/dev/sdz",))).released] == ["sdc"]


def test_one_that_is_current_is_only_spared_by_an_array_that_is_whole() -> None:
    host = made()
    host.fail("md1", "sdd")
    message = refusal(seen(host, C), C)
    assert (
        "array md1: it is degraded already: without /dev/sdc only /dev/sdb of its 3 members would hold current data and answer" in message
    )


def test_other_members_have_to_answer() -> None:
    state = changed(seen(made(), C), {"sdd": {"online": False}})
    assert "without /dev/sdc only /dev/sdb of its 3 members would hold current data and answer" in refusal(state, C)


def test_one_that_does_not_answer_goes_where_another_is_current() -> None:
    host = made()
    host.fail("md1", "sdd")
    state = changed(seen(host, C), {"sdc": {"online": False}})
    assert [one.device for one in plan(state, Wanted(release=(C,))).released] == ["sdc"]
    alone = changed(state, {"sdb": {"online": False}})
    assert "raid10 cannot lose /dev/sdc: then none of its 3 members would hold" in refusal(alone, C)


def test_a_failed_one_always_goes() -> None:
    host = made()
    host.fail("md1", "sdd")
    state = changed(seen(host, D), {}, sync_action="recover")
    assert plan(state, Wanted(release=(D,))).commands() == [["remove_member", "array=/dev/md1", "device=sdd"]]


def test_a_spare_goes_without_being_failed() -> None:
    host = made(want("md1", level="raid1", devices=[B, C], spares=[D]))
    assert carried_out(host, D).commands() == [["remove_member", "array=/dev/md1", "device=sdd"]]
    assert host.running["md1"].members == ["sdb", "sdc"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"active": False, "array_state": "inactive"}, "it does not run, and only collects members; stop it with mdadm --stop /dev/md1"),
        ({"array_state": "broken"}, "it is broken: it has lost more members than it can"),
        ({"array_state": "readonly"}, "make it writable with mdadm --readwrite /dev/md1"),
        ({"sync_action": "check"}, "it is busy with check; wait for it"),
        ({"sync_action": "reshape"}, "it is busy with reshape; wait for it"),
        ({"resync_pending": True}, "it is busy with a resync or a rebuild that is about to begin; wait for it"),
    ],
)
def test_an_array_that_is_not_at_rest_lets_nothing_go(fields: Dict[str, Any], reason: str) -> None:
    assert reason in refusal(changed(seen(made(), C), {}, **fields), C)


def test_an_array_that_was_not_written_to_yet_is_made_writable_first() -> None:
    state = changed(seen(made(), C), {}, array_state="read-auto")
    assert plan(state, Wanted(release=(C,))).commands()[0] == ["make_writable", "array=/dev/md1"]


def test_without_a_bitmap_it_is_said_what_comes() -> None:
    host = made(want("md1", level="raid1", devices=[*THREE], bitmap="none"))
    assert "md1 has no write-intent bitmap: all data are copied" in release(host, C).warnings[0]


@pytest.mark.parametrize(
    ("options", "paths", "goes"),
    [
        ({"level": "raid0", "devices": [B, C]}, [B], False),
        ({"level": "raid1", "devices": [B, C]}, [B], True),
        ({"level": "raid1", "devices": [B, C]}, [B, C], False),
        ({"level": "raid1", "devices": [*THREE]}, [B, C], True),
        ({"level": "raid4", "devices": [*THREE]}, [B], True),
        ({"level": "raid5", "devices": [*THREE]}, [B], True),
        ({"level": "raid5", "devices": [*THREE]}, [B, C], False),
        ({"level": "raid6", "devices": [*THREE, "/dev/sde"]}, [B, C], True),
        ({"level": "raid6", "devices": [*THREE, "/dev/sde"]}, [*THREE], False),
        ({"level": "raid10", "layout": "n2", "devices": [*THREE, "/dev/sde"]}, [B, D], True),
        ({"level": "raid10", "layout": "n2", "devices": [*THREE, "/dev/sde"]}, [B, C], False),
        ({"level": "raid10", "layout": "o2", "devices": [*THREE, "/dev/sde"]}, [B, D], True),
        ({"level": "raid10", "layout": "o2", "devices": [*THREE, "/dev/sde"]}, [C, D], False),
        ({"level": "raid1e", "devices": [*THREE]}, [B, C], True),
        ({"level": "raid1e", "devices": [*THREE]}, [*THREE], False),
    ],
)
def test_every_level_by_its_layout(options: Dict[str, Any], paths: List[str], goes: bool) -> None:
    host = made(want("md1", **options))
    if goes:
        assert carried_out(host, *paths).changed
    else:
        assert "cannot lose" in refusal(seen(host, *paths), *paths)


@st.composite
def scenes(draw: st.DrawFn) -> Tuple[Machine, Tuple[str, ...]]:
    """An array of any level with redundancy, some members failed or away, and members that are to go."""
    count = draw(st.integers(3, 4))
    level = draw(st.sampled_from(["raid1", "raid1e", "raid5", "raid10"]))
    layout = draw(st.sampled_from(["n2", "f2", "o3"])) if level == "raid10" else None
    names = [f"sd{letter}" for letter in "bcde"[:count]]
    host = with_disks(*names)
    host.converge(want("md1", level=level, layout=layout, devices=[f"/dev/{name}" for name in names]))
    for name in draw(st.lists(st.sampled_from(names), max_size=count - 1, unique=True)):
        host.fail("md1", name)
    return host, tuple(draw(st.lists(st.sampled_from([f"/dev/{name}" for name in names]), min_size=1, unique=True)))


@settings(max_examples=100, deadline=None)
@given(scenes(), st.data())
def test_no_array_loses_data_and_a_killed_run_is_completed(scene: Tuple[Machine, Tuple[str, ...]], data: st.DataObject) -> None:
    host, paths = scene
    before = host.state().arrays[0]
    try:
        steps: Sequence[Any] = release(host, *paths).steps
    except RefusedError:
        steps = ()
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        host.do(step)
    if steps:
        carried_out(host, *paths)
        assert not {path[5:] for path in paths} & set(host.running["md1"].members)
    after = host.state().arrays[0]
    whole = survives(before.level, before.layout, before.raid_disks, before.missing_slots)
    assert survives(after.level, after.layout, after.raid_disks, after.missing_slots) or not whole


@settings(max_examples=100, deadline=None)
@given(scenes())
def test_a_second_plan_is_empty(scene: Tuple[Machine, Tuple[str, ...]]) -> None:
    host, paths = scene
    try:
        promised = carried_out(host, *paths)
    except RefusedError:
        return
    assert promised.state.arrays[0].devices == tuple(host.running["md1"].members)
    assert release(host, *paths).steps == ()
    assert not {path[5:] for path in paths} & set(host.running["md1"].members)


def test_an_array_on_arrays_lets_go_of_nothing() -> None:
    stripe = want("md99", level="raid0", devices=["/dev/md1", "/dev/sdg"], size_tolerance=100)
    host = made(want(**MIRROR), stripe)
    assert "array md99: raid0 cannot lose /dev/sdg" in refusal(seen(host, "/dev/sdg"), "/dev/sdg")
    assert carried_out(host, C).changed


def test_two_members_that_a_killed_run_had_begun_with_go_together() -> None:
    host = made()
    host.do(release(host, B, C).steps[0])
    assert [argv[3:] for argv in carried_out(host, B, C).commands() if argv[0] == "mdadm"] == [["--fail", "sdc"]]
    assert host.running["md1"].members == ["sdd"]
