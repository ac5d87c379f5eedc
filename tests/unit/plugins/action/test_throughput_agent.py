# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for results: each is shown once, the folder is removed after the last, and there is a limit."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.fleetlab.linux.plugins.action import throughput_agent

FOLDER = "/tmp/fleetlab-throughput-x1"
FAILED = '{"turn": 0, "peer": "b", "failure": "no route"}\n'
ENDED = '{"ended": true}\n'


class Scripted(throughput_agent.ActionModule):
    """An action whose host prints what the test says; time passes by sleeping."""

    def __init__(self, printed: list[str], **options: Any) -> None:
        self.printed = printed
        self.commands: list[str] = []
        self.now = 0.0
        self._task = Task()
        self._task.args = {"part": "collect", "folder": FOLDER, **options}
        self._task.check_mode = False
        self.clock = lambda: self.now
        self.sleep = self.pass_time

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def validate_argument_spec(self, argument_spec: Any = None, **_options: Any) -> tuple[None, dict[str, Any]]:
        return None, {name: self._task.args.get(name, spec.get("default")) for name, spec in argument_spec.items()}

    def _low_level_execute_command(self, cmd: str, **_options: Any) -> dict[str, Any]:
        self.commands.append(cmd)
        return {"rc": 0, "stdout": self.printed.pop(0) if len(self.printed) > 1 else self.printed[0], "stderr": ""}


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(Display, "display", lambda _self, text, **_options: lines.append(text))
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments, **_options: {})
    return lines


def test_each_result_is_shown_once_and_the_folder_is_removed_at_the_end(shown: list[str]) -> None:
    action = Scripted(["", FAILED[:20], FAILED, FAILED + ENDED])
    result = action.run(task_vars={"inventory_hostname": "a"})
    assert result == {"changed": False, "results": [{"turn": 0, "peer": "b", "failure": "no route"}]}
    assert shown == ["a -> b: no route"]
    assert action.commands[-1] == f"rm -r {FOLDER}"


def test_a_process_that_is_gone_ends_the_wait_at_the_limit() -> None:
    result = Scripted([FAILED], limit=5).run(task_vars={})
    assert result["failed"]
    assert result["msg"].startswith("1 results came within 5 s")


@pytest.mark.parametrize("folder", ["/", "/etc", "/tmp/fleetlab-throughput-x/..", "/tmp/fleetlab-throughput-x y", "fleetlab-throughput-x"])
def test_no_other_folder_is_read_or_removed(folder: str) -> None:
    action = Scripted([ENDED], folder=folder)
    assert "no folder that the part start has returned" in action.run(task_vars={})["msg"]
    assert action.commands == []
