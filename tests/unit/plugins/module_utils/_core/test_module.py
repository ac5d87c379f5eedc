# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends: with its plan in check mode, with what it did, or with an error that holds no secret."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any, NoReturn, Sequence, cast

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import (
    CommandError,
    FleetlabError,
    InputError,
    ObservationError,
    RefusedError,
    StepError,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._core.module import fail, finish, require_root
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

    def __init__(self, check_mode: bool = False, diff: bool = False) -> None:
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
