# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends: with its plan in check mode, with what it did, or with an error that holds no secret."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, Sequence, cast

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core import lock as lock_module
from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import (
    CommandError,
    FleetlabError,
    InputError,
    ObservationError,
    RefusedError,
    StepError,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import Wing, fail, finish, require_root, run
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import MASK, Command, Operation, Plan, apply, combine
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult

SECRET = "top-secret-1234"


class Ended(Exception):
    """Thrown where a real module would exit."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result)
        self.result = result


class FakeModule:
    """The part of AnsibleModule that is used."""

    def __init__(self, check_mode: bool = False, diff: bool = False, params: dict[str, Any] | None = None) -> None:
        self.params = params or {}
        self.check_mode = check_mode
        self._diff = diff
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def exit_json(self, **result: Any) -> NoReturn:
        raise Ended(result)

    def fail_json(self, **result: Any) -> NoReturn:
        raise Ended({"failed": True, **result})


class RecordingRunner:
    """Notes what it is asked to run."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []

    def run(self, argv: Sequence[str], *arguments: Any, **options: Any) -> CommandResult:
        self.ran.append(tuple(argv))
        return CommandResult(tuple(argv), 0, "", "")


PLAN = Plan(
    "array data",
    {"state": "absent"},
    {"state": "present", "password": SECRET},
    (Command(("mdadm", "--create", SECRET)),),
    (SECRET,),
    (f"the secret {SECRET} is old",),
)


def end(module: FakeModule, plan: Plan = PLAN, runner: RecordingRunner | None = None) -> dict[str, Any]:
    with pytest.raises(Ended) as caught:
        finish(cast(AnsibleModule, module), plan, runner or RecordingRunner(), lambda: {"uuid": "1:2", "chap": SECRET})
    return caught.value.result


def test_only_root_sees_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ObservationError, match="only root can read things: set become to true"):
        require_root("read things")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    require_root("read things")


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("diff", [False, True])
def test_check_mode_gives_the_same_result_and_runs_nothing(check_mode: bool, diff: bool) -> None:
    runner, module = RecordingRunner(), FakeModule(check_mode, diff)
    result = end(module, runner=runner)
    assert runner.ran == ([] if check_mode else [("mdadm", "--create", SECRET)])
    expected: dict[str, Any] = {"changed": True, "commands": [["mdadm", "--create", MASK]], "uuid": "1:2", "chap": MASK}
    if diff:
        expected["diff"] = {
            "before_header": "array data",
            "after_header": "array data",
            "before": {"state": "absent"},
            "after": {"state": "present", "password": MASK},
        }
    assert result == expected
    assert module.warnings == [f"the secret {MASK} is old"]


def test_nothing_to_do_is_not_changed() -> None:
    result = end(FakeModule(), Plan("array data", {}, {}))
    assert (result["changed"], result["commands"]) == (False, [])


def test_what_is_returned_is_read_after_the_plan_was_carried_out() -> None:
    done: list[str] = []
    plan = Plan("array data", {}, {}, (Operation("create"),))
    with pytest.raises(Ended) as caught:
        finish(
            cast(AnsibleModule, FakeModule()), plan, RecordingRunner(), lambda: {"seen": list(done)}, {"create": lambda: done.append("x")}
        )
    assert caught.value.result["seen"] == ["x"]


def test_what_can_not_be_had_now_fails_after_the_rest_and_returns_what_there_is() -> None:
    plan = replace(PLAN, unmet=(f"server1 is down {SECRET}",))
    for check_mode in (False, True):
        runner = RecordingRunner()
        result = end(FakeModule(check_mode), plan, runner)
        assert len(runner.ran) == (0 if check_mode else 1)
        assert (result["failed"], result["msg"], result["changed"]) == (True, f"server1 is down {MASK}", True)
        assert (result["uuid"], result["commands"]) == ("1:2", [["mdadm", "--create", MASK]])


class RefusingRunner(RecordingRunner):
    """Fails at commands that are called bad."""

    def run(self, argv: Sequence[str], *arguments: Any, **options: Any) -> CommandResult:
        if argv[0] == "bad":
            raise CommandError(argv, f"exit code 24: {SECRET}", 24, SECRET)
        return super().run(argv, *arguments, **options)


def test_a_part_that_fails_keeps_no_other_part_from_being_carried_out() -> None:
    bad = Plan("server1", {}, {}, (Command(("bad",)), Command(("never",))), (SECRET,))
    good = Plan("server2", {}, {}, (Command(("good",)),), unmet=("server3 is down",))
    whole = combine("sessions", [bad, good])
    whole = replace(whole, steps=(Command(("first",)), *whole.steps))
    runner = RefusingRunner()
    result = end(FakeModule(), whole, runner)
    assert runner.ran == [("first",), ("good",)]
    assert (result["failed"], result["failed_step"], result["exit_code"], result["done"]) == (True, "bad", 24, ["first", "good"])
    assert result["msg"].startswith("server1: step 1 of 2 failed: bad: ")
    assert result["msg"].endswith("; server3 is down")
    assert result["uuid"] == "1:2"
    assert SECRET not in json.dumps(result)


def test_parts_wait_for_the_steps_before_them() -> None:
    whole = combine("sessions", [Plan("server1", {}, {}, (Command(("good",)),))])
    runner = RefusingRunner()
    with pytest.raises(StepError):
        apply(replace(whole, steps=(Command(("bad",)), *whole.steps)), runner)
    assert runner.ran == []


def failure(error: FleetlabError) -> dict[str, Any]:
    with pytest.raises(Ended) as caught:
        fail(cast(AnsibleModule, FakeModule()), error, [SECRET])
    assert SECRET not in json.dumps(caught.value.result)
    return caught.value.result


def test_failed_step_tells_what_was_done_and_that_something_changed() -> None:
    error = StepError(f"array data: failed {SECRET}", f"mdadm {SECRET}", 2, f"bad {SECRET}", ["mkdir a"])
    assert failure(error) == {
        "failed": True,
        "msg": f"array data: failed {MASK}",
        "failed_step": f"mdadm {MASK}",
        "exit_code": 2,
        "stderr": f"bad {MASK}",
        "done": ["mkdir a"],
        "changed": True,
    }


def test_failure_of_the_first_step_changed_nothing() -> None:
    assert failure(StepError("x", "x", 1, "", []))["changed"] is False


def test_failed_command_of_an_observation() -> None:
    error = CommandError(["iscsiadm", SECRET], f"exit code 8: {SECRET}", 8, f"iscsiadm: {SECRET}")
    assert failure(error) == {
        "failed": True,
        "msg": f"iscsiadm {MASK}: exit code 8: {MASK}",
        "exit_code": 8,
        "stderr": f"iscsiadm: {MASK}",
    }


def test_wrong_input_and_refusals_name_the_object_and_the_remedy() -> None:
    assert failure(InputError("devices", f"{SECRET} is no path"))["msg"] == f"devices: {MASK} is no path"
    error = RefusedError("/dev/sdb", "it holds an ext4 file system", "Wipe it first or name another device.")
    assert failure(error)["msg"] == "/dev/sdb: refused: it holds an ext4 file system. Wipe it first or name another device."


class Rooms:
    """Notes the rooms that a module passes through; C(want) is what is there when it has passed."""

    def __init__(self, there: str = "", fails: str = "") -> None:
        self.there = there
        self.fails = fails
        self.passed: list[str] = []

    def enter(self, room: str) -> None:
        self.passed.append(room)
        if room == self.fails:
            raise InputError("name", f"{room} refuses {SECRET}")

    def make_wanted(self, params: Any) -> str:
        self.enter("options")
        return str(params["name"])

    def observe(self, _wanted: str) -> str:
        self.enter("observe")
        return self.there

    def plan(self, state: str, wanted: str) -> Plan:
        self.enter("plan")
        return Plan("thing", {"name": state}, {"name": wanted}, (Operation("set", {"name": wanted}),) if state != wanted else ())

    def operations(self, _wanted: str) -> dict[str, Any]:
        def put(name: str) -> None:
            self.enter("apply")
            self.there = name

        return {"set": put}

    def run(self, module: FakeModule, lock: Lock | None = None) -> dict[str, Any]:
        wing: Wing[str, str] = Wing(
            make_wanted=self.make_wanted,
            require=lambda: self.enter("require"),
            lock=lock,
            observe=self.observe,
            plan=self.plan,
            operations=self.operations,
            returned=lambda state, wanted, plan: {"name": state, "wanted": wanted, "planned": len(plan.steps)},
            secrets=lambda params: [params["password"]],
            carry_over=lambda before, after: f"{after} after {before or 'nothing'}",
        )
        with pytest.raises(Ended) as caught:
            run(cast(AnsibleModule, module), wing, RecordingRunner())
        return caught.value.result


PARAMS = {"name": "new", "password": SECRET}


class TestRun:
    def test_a_change_is_observed_again(self) -> None:
        rooms = Rooms()
        result = rooms.run(FakeModule(params=PARAMS))
        assert rooms.passed == ["options", "require", "observe", "plan", "apply", "observe"]
        # What only the state before can show is carried over to the state after.
        assert (result["changed"], result["name"], result["planned"]) == (True, "new after nothing", 1)

    def test_without_a_change_or_in_check_mode_once_is_enough(self) -> None:
        for rooms, check_mode in ((Rooms("new"), False), (Rooms("old"), True)):
            result = rooms.run(FakeModule(check_mode, params=PARAMS))
            assert rooms.passed == ["options", "require", "observe", "plan"]
            assert result["changed"] is check_mode

    @pytest.mark.parametrize("room", ["options", "require", "observe", "plan"])
    def test_a_refusal_ends_it_before_anything_changes(self, room: str) -> None:
        rooms = Rooms(fails=room)
        result = rooms.run(FakeModule(params=PARAMS))
        assert (result["failed"], result["msg"]) == (True, f"name: {room} refuses {MASK}")
        assert rooms.passed[-1] == room

    def test_two_runs_wait_for_each_other(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lock_module, "_FOLDER", str(tmp_path))
        lock = Lock("thing", "things", timeout=0.2)
        rooms = Rooms()
        with lock.held():
            result = rooms.run(FakeModule(params=PARAMS), lock)
            assert "things: another run works on this host" in result["msg"]
            assert rooms.passed == ["options", "require"]
            assert rooms.run(FakeModule(True, params=PARAMS), lock)["changed"]
        assert rooms.run(FakeModule(params=PARAMS), lock)["changed"]
