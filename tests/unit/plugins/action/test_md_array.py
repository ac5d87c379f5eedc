# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waiting around the module: when it ends, what it shows, and what becomes of the results."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.fleetlab.linux.plugins.action import md_array
from ansible_collections.fleetlab.linux.plugins.modules.md_array import DOCUMENTATION

WORK = {"name": "data", "kernel_name": "md1", "timeout": 30}


class Scripted(md_array.ActionModule):
    """An action whose module and host answer as the test says; time passes by sleeping."""

    def __init__(self, answers: list[dict[str, Any]], looks: list[dict[str, str]]) -> None:
        self.answers = answers
        self.looks = looks
        self.commands: list[str] = []
        self.now = 0.0
        self._task = Task()
        self.clock = lambda: self.now
        self.sleep = self.pass_time

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def _execute_module(self, module_name: str = "", **_options: Any) -> dict[str, Any]:
        assert module_name == "fleetlab.linux.md_array"
        return self.answers.pop(0)

    def _low_level_execute_command(self, cmd: str, **_options: Any) -> dict[str, Any]:
        self.commands.append(cmd)
        if "echo" in cmd:
            return {"rc": 1 if "md9" in cmd else 0, "stdout": "", "stderr": "Device or resource busy\n"}
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return {"rc": 0, "stdout": "".join(f"md1/md/{name}:{value}\n" for name, value in look.items()), "stderr": ""}


def answer(**changes: Any) -> dict[str, Any]:
    return {"changed": False, "commands": [], "healed": [], "arrays": ["now"], "waits": [], "checks": [], **changes}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines a person sees; the plugin's base class is cut off from a real play."""
    lines: list[str] = []
    monkeypatch.setattr(Display, "display", lambda _self, text, **_options: lines.append(text))
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments, **_options: {})
    return lines


def run(action: Scripted) -> dict[str, Any]:
    return action.run(task_vars={"inventory_hostname": "client1"})


def test_nothing_to_wait_for_is_one_run_of_the_module(shown: list[str]) -> None:
    action = Scripted([answer()], [{}])
    assert run(action) == {"changed": False, "commands": [], "healed": [], "arrays": ["now"]}
    assert action.commands == []
    assert shown == []


def test_a_rebuild_is_shown_and_the_results_are_put_together(shown: list[str]) -> None:
    first = answer(changed=True, commands=[["a"]], arrays=["then"], waits=[WORK], warnings=["w"], diff={"before": 1, "after": 2})
    second = answer(warnings=["w", "v"], diff={"before": 2, "after": 3})
    busy = {"sync_action": "recover", "sync_completed": "50 / 100", "sync_speed": "1"}
    action = Scripted([first, second], [*([busy] * 12), {"sync_action": "idle"}])
    result = run(action)
    assert result["changed"]
    assert result["commands"] == [["a"]]
    assert result["arrays"] == ["now"]
    assert result["warnings"] == ["w", "v"]
    assert result["diff"] == {"before": 1, "after": 3}
    assert "waits" not in result
    assert shown == ["client1: data: rebuild 50.0 %, 0.0 MB/s, 0:25 min left"] * 2


def test_what_takes_too_long_fails_and_says_how_far_it_is(shown: list[str]) -> None:
    action = Scripted([answer(changed=True, waits=[WORK])], [{"sync_action": "resync", "sync_completed": "25 / 100"}])
    result = run(action)
    assert result["failed"]
    assert result["changed"]
    assert result["msg"].startswith("array data: resync is at 25 % after 30 s and goes on. Run the task again")
    assert len(shown) == 5


def test_what_does_not_begin_fails(shown: list[str]) -> None:
    stuck = {"sync_action": "idle", "degraded": "1", "dev-sda/state": "spare", "array_state": "active"}
    result = run(Scripted([answer(waits=[WORK])], [stuck]))
    assert "the kernel has not begun to make it whole for 10 s" in result["msg"]
    assert len(shown) == 1


@pytest.mark.usefixtures("shown")
def test_an_array_that_stops_while_it_is_waited_for() -> None:
    assert "array data (md1) was stopped" in run(Scripted([answer(waits=[WORK])], [{}]))["msg"]


@pytest.mark.usefixtures("shown")
def test_a_check_follows_the_waiting_and_a_second_look_at_the_array() -> None:
    answers = [answer(changed=True, waits=[WORK], checks=[WORK]), answer(checks=[WORK]), answer(checks=[WORK], arrays=["checked"])]
    looks = [{"sync_action": "resync"}, {"sync_action": "idle"}, {"sync_action": "check"}, {"sync_action": "idle"}]
    action = Scripted(answers, looks)
    result = run(action)
    assert result["changed"]
    assert result["arrays"] == ["checked"]
    assert action.answers == []
    assert len([command for command in action.commands if command.endswith("echo check > /sys/block/md1/md/sync_action")]) == 1


@pytest.mark.usefixtures("shown")
def test_after_a_change_the_module_looks_again_before_a_check() -> None:
    refused = {"failed": True, "msg": "it cannot be checked"}
    result = run(Scripted([answer(changed=True, checks=[WORK]), refused], [{}]))
    assert (result["failed"], result["msg"], result["changed"]) == (True, "it cannot be checked", True)


@pytest.mark.usefixtures("shown")
def test_a_check_that_the_kernel_refuses() -> None:
    result = run(Scripted([answer(checks=[{**WORK, "kernel_name": "md9"}])], [{}]))
    assert result["msg"] == "array data: the kernel refuses to check it: Device or resource busy"


@pytest.mark.usefixtures("shown")
def test_a_failed_module_is_not_waited_for() -> None:
    assert run(Scripted([{"failed": True, "msg": "no"}], [{}])) == {"failed": True, "msg": "no"}


def test_md_array_does_not_run_in_the_background() -> None:
    """So says Ansible itself of an action that does not declare it."""
    assert not md_array.ActionModule._supports_async
    assert yaml.safe_load(DOCUMENTATION)["attributes"]["async"]["support"] == "none"
