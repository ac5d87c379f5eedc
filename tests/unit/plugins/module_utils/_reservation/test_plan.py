# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What disk_reservation plans, refuses and returns, on disks that play their part of the standard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, InputError, ObservationError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Operation, RemoveFile, WriteFile
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.hold_disk.hold import hold, read_status
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.options import Wanted, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.plan import plan, rule
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.program import COMMAND, file_mode, files
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.state import HeldDisk, State
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._reservation.played_disk import Port, Target

A, B = 0xA, 0xB
IQN = "iqn.2026-01.com.example.storage:server1"
OPTIONS: Dict[str, Any] = {
    "targets": [IQN],
    "luns": None,
    "state": "held",
    "take_over": False,
    "key": "0xa",
    "initiator_name": None,
    "path": "/etc/udev/rules.d/62-x.rules",
}


def want(**options: Any) -> Wanted:
    return make_wanted({**OPTIONS, **options})


class Played:
    """A host with disks of one target, its files, and the operations of plans."""

    def __init__(self, key: int = A, disks: int = 2, targets: Optional[List[Target]] = None, name: str = "a") -> None:
        self.key, self.name = key, name
        self.targets = targets if targets is not None else [Target() for _disk in range(disks)]
        self.files: Dict[str, str] = {}

    def port(self, node: str) -> Port:
        return Port(self.targets[int(node[-1])], f"{self.name} 1")

    def state(self, luns: Optional[Sequence[int]] = None) -> State:
        nodes = [f"/dev/sd{number}" for number in range(len(self.targets))]
        disks = tuple(
            HeldDisk(node, IQN, number, read_status(self.port(node))) for number, node in enumerate(nodes) if luns is None or number in luns
        )
        return State(self.key, disks, dict(self.files), files("/usr/bin/python3"))

    def apply(self, wanted: Wanted, most: Optional[int] = None) -> None:
        for step in plan(self.state(wanted.luns), wanted).steps[:most]:
            if isinstance(step, WriteFile):
                self.files[step.path] = step.content
            elif isinstance(step, RemoveFile):
                self.files.pop(step.path, None)
            elif isinstance(step, Operation):
                operations(self.port)[step.name](**step.arguments)
            elif "rm" in step.rendered():
                self.files = {path: text for path, text in self.files.items() if not path.startswith(step.rendered()[-1])}


def test_disks_are_held_and_a_second_run_changes_nothing() -> None:
    host = Played()
    host.apply(want())
    assert all(disk["held"] and disk["initiators"] == ["a"] for disk in returned(host.state(), want(), plan(host.state(), want()))["disks"])
    assert not plan(host.state(), want()).changed
    assert host.files[want().path] == rule(A, {IQN: None})


@pytest.mark.parametrize("state", ["held", "released"])
def test_a_run_that_was_killed_after_any_step_is_completed_by_the_next(state: str) -> None:
    whole = Played()
    if state == "released":
        whole.apply(want())
    count = len(plan(whole.state(), want(state=state)).steps)
    assert count > 2
    for most in range(count):
        host = Played()
        if state == "released":
            host.apply(want())
        host.apply(want(state=state), most)
        host.apply(want(state=state))
        assert not plan(host.state(), want(state=state)).changed
        assert all(target.keys == ({"a 1": A} if state == "held" else {}) for target in host.targets)
        assert state == "held" or not host.files


def test_the_disks_of_another_host_are_refused_by_its_name() -> None:
    targets = [Target(), Target()]
    Played(B, targets=targets, name="iqn.2026-01.com.example.storage:other").apply(want(key="b"))
    host = Played(targets=targets)
    with pytest.raises(RefusedError) as caught:
        plan(host.state(), want())
    assert f"/dev/sd0 (LUN 0 of {IQN}) is held by iqn.2026-01.com.example.storage:other (key 0xb)" in str(caught.value)
    assert "set take_over" in str(caught.value)
    host.apply(want(take_over=True))
    assert not plan(host.state(), want(take_over=True)).changed
    assert not plan(host.state(), want()).changed
    assert all(target.keys == {"a 1": A} for target in targets)


def test_the_release_of_disks_that_another_host_holds_changes_nothing_there() -> None:
    targets = [Target()]
    hold(Port(targets[0], "b 1"), B)
    host = Played(targets=targets)
    assert not plan(host.state(), want(state="released")).changed


def test_the_release_of_one_target_keeps_the_disks_of_the_others_held() -> None:
    host = Played()
    host.apply(want(targets=[IQN, f"{IQN}x"]))
    host.apply(want(state="released", targets=[f"{IQN}x"]))
    assert host.files[want().path] == rule(A, {IQN: None})
    assert COMMAND in host.files
    host.apply(want(state="released"))
    assert not host.files


def test_two_hosts_hold_different_luns_of_one_target() -> None:
    targets = [Target() for _disk in range(4)]
    first, second = Played(targets=targets), Played(B, targets=targets, name="b")
    first.apply(want(luns=[0, 1]))
    second.apply(want(key="b", luns=[2, 3]))
    assert [list(target.keys) for target in targets] == [["a 1"], ["a 1"], ["b 1"], ["b 1"]]
    assert f'ENV{{ID_PATH}}=="*-iscsi-{IQN}-lun-0|*-iscsi-{IQN}-lun-1"' in first.files[want().path]
    with pytest.raises(RefusedError, match=r"LUN 2 of .* is held by b"):
        first.apply(want(luns=[0, 2]))


def test_a_lun_stays_held_until_it_is_released() -> None:
    host = Played(disks=3)
    host.apply(want(luns=[0, 2]))
    host.apply(want(luns=[1]))
    assert host.files[want().path] == rule(A, {IQN: (0, 1, 2)})
    host.apply(want(state="released", luns=[0, 1]))
    assert host.files[want().path] == rule(A, {IQN: (2,)})
    assert [bool(target.keys) for target in host.targets] == [False, False, True]
    host.apply(want(state="released", luns=[2]))
    assert not host.files


def test_a_rule_for_all_luns_becomes_one_for_the_named_luns_and_is_not_released_in_parts() -> None:
    host = Played(disks=3)
    host.apply(want())
    with pytest.raises(RefusedError, match="holds every LUN of this target"):
        host.apply(want(state="released", luns=[1]))
    host.apply(want(luns=[0, 1]))
    assert host.files[want().path] == rule(A, {IQN: (0, 1)})
    host.apply(want(state="released", luns=[2]))
    assert [bool(target.keys) for target in host.targets] == [True, True, False]


@pytest.mark.parametrize(("luns", "words"), [([], "is empty"), ([0, -1], "-1 is not the number"), ([16384], "from 0 to 16383")])
def test_numbers_that_no_lun_has_are_refused(luns: List[int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        want(luns=luns)


def test_a_host_that_is_registered_beside_the_holder_is_warned_of() -> None:
    host = Played(disks=1)
    host.apply(want())
    host.targets[0].keys["iqn.x 1"] = B
    assert plan(host.state(), want()).warnings == (f"/dev/sd0 (LUN 0 of {IQN}): iqn.x is registered too (key 0xb), and may write to it",)
    assert [step.rendered()[0] for step in plan(host.state(), want(take_over=True)).steps] == ["take_over"]


def test_a_disk_without_reservations_is_said() -> None:
    state = replace(Played().state(), disks=(HeldDisk("/dev/sda", IQN, 0, problem="/dev/sda does not support persistent reservations"),))
    with pytest.raises(ObservationError, match=r"does not support persistent reservations\. Nothing was changed"):
        plan(state, want())


def test_another_host_at_the_same_moment_is_an_error_and_no_write() -> None:
    target = Target()
    hold(Port(target, "b 1"), B)
    with pytest.raises(FleetlabError, match="run this again"):
        operations(lambda _node: Port(target, "a 1"))["hold"](device="/dev/sda", key="0xa")


def test_the_rule_calls_the_program_before_md_and_hides_what_is_not_ours() -> None:
    text = rule(A, {IQN: None})
    # Members on partitions of these disks are assembled by events of their own.
    assert f'ENV{{DEVTYPE}}=="disk|partition", ENV{{ID_PATH}}=="*-iscsi-{IQN}-lun-*", IMPORT{{program}}="{COMMAND} 0xa $devnode"' in text
    assert text.endswith('ENV{FLEETLAB_DISK}=="taken|unnamed", ENV{ID_FS_TYPE}=""\n')
    assert file_mode(COMMAND) == 0o755


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": []}, "targets: is empty"),
        ({"targets": ["server1"]}, "is not the name of an iSCSI target"),
        ({"targets": ['iqn.2026-01.x:a"*']}, "is not the name of an iSCSI target"),
        ({"key": "0"}, "is not a key"),
        ({"key": "xyz"}, "is not a key"),
        ({"path": "/etc/udev/rules.d/x"}, "udev only reads files"),
        ({"state": "released", "take_over": True}, "has no effect on disks that are released"),
    ],
)
def test_wrong_options_are_refused(options: Dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        want(**options)


def test_a_disk_that_does_not_answer_stops_neither_the_others_nor_the_release() -> None:
    host = Played()
    away = HeldDisk("/dev/sdz", IQN, 9, problem="/dev/sdz does not answer (host status 14)", is_away=True)
    state = host.state()
    found = plan(replace(state, disks=(*state.disks, away)), want())
    assert len([step for step in found.steps if isinstance(step, Operation)]) == 2
    assert found.warnings == ("/dev/sdz does not answer (host status 14): it is held when it appears again",)
    without = HeldDisk("/dev/sda", IQN, 0, problem="/dev/sda does not support persistent reservations")
    assert plan(replace(state, disks=(without,)), want(state="released")).steps == ()


def test_holding_one_target_keeps_the_rule_of_another() -> None:
    host, other = Played(), IQN.replace("server1", "server2")
    host.apply(want(targets=[IQN, other]))
    host.apply(want())
    assert host.files[want().path] == rule(A, {IQN: None, other: None})


def test_a_take_over_from_a_host_of_the_same_name_warns() -> None:
    former = Played(B, name="same")
    former.apply(want(key="0xb"))
    mine = Played(A, targets=former.targets, name="same")
    found = plan(mine.state(), want(take_over=True, initiator_name="same"))
    assert any("initiator name same is registered, and a target cannot tell the two apart" in text for text in found.warnings)
