# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No task ends in "Unknown error": what roles and playbooks judge themselves, they say in words of their own.

Ansible has no message for a task that C(failed_when) fails, or whose C(until) never comes true, after its command went well. So these only
narrow what a module says itself, and everything else is judged by an assert that says what was expected and what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT

FILES = sorted([*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*.yml"), *ROOT.glob("playbooks/*.yml")])
SILENT = ("ansible.builtin.raw", "ansible.builtin.command", "ansible.builtin.shell", "ansible.builtin.script")
"""Actions that say nothing but that an exit code was not 0."""


def tasks_of(content: Any) -> Iterator[dict[str, Any]]:
    """All tasks and blocks of a file, in their order."""
    for entry in content or []:
        yield entry
        for part in ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from tasks_of(entry.get(part))


def conditions(value: Any) -> list[str]:
    """A condition, or several, as words."""
    return [str(one) for one in (value if isinstance(value, list) else [value])]


def problems(content: Any, elsewhere: str = "") -> list[str]:
    """What of a file of tasks would leave somebody without a message; C(elsewhere) is the text of the role's other files and of plugins."""
    found: list[str] = []
    tasks = list(tasks_of(content))
    for number, task in enumerate(tasks):
        is_hidden = task.get("failed_when") is False
        looks = yaml.safe_dump([task.get("loop_control"), tasks[number + 1 :]]) + elsewhere if is_hidden else ""
        found += [f"{task.get('name')}: {problem}" for problem in _problems(task, looks)]
    return found


def _problems(task: dict[str, Any], looks: str) -> Iterator[str]:
    own = f"{task.get('register')} is failed"
    if task.get("failed_when", False) is not False and not (_narrows(own, task["failed_when"]) and not set(SILENT) & set(task)):
        yield "failed_when judges, and nothing says what was expected and what was found: set it to false, and assert"
    if task.get("failed_when") is False and not re.search(rf"\b{task.get('register')}\b", looks):
        yield "failed_when hides what nobody looks at"
    if "until" in task and (conditions(task["until"]) != [f"{task.get('register')} is not failed"] or set(SILENT) & set(task)):
        yield "until ends without a message: loop with break_when, and assert"
    ended = (task.get("loop_control") or {}).get("break_when")
    if ended is not None and not str(ended).startswith(f"{task.get('register')} is skipped or "):
        yield "break_when is asked of a task that is skipped too: it begins with 'is skipped or'"
    # Errors that are raised before the task runs, such as one of a template in the host's address, are beyond failed_when.
    if "ignore_errors" in task and task.get("failed_when") is not False:
        yield "ignore_errors shows an error, and goes on: set failed_when to false, and look at the result"
    if "ansible.builtin.assert" in task and not task["ansible.builtin.assert"].get("fail_msg"):
        yield "assert says nothing of what it found: it needs a fail_msg"
    if "ansible.builtin.fail" in task and not task["ansible.builtin.fail"].get("msg"):
        yield "fail says nothing: it needs a msg"
    if "rescue" in task and not any({"ansible.builtin.fail", "ansible.builtin.debug"} & set(one) for one in task["rescue"]):
        yield "rescue hides what it rescues: it has to say it"


def _narrows(own: str, value: Any) -> bool:
    return any(re.match(rf"{re.escape(own)}(?: and\b|$)", condition) for condition in conditions(value))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_judgement_has_a_message(file: Path) -> None:
    # Above a playbook is the whole checkout, with the environments of all tools.
    others = file.parent.parent.rglob("*") if file.parent.name == "tasks" else ()
    role = [one for one in others if one.suffix in (".yml", ".j2") and one != file]
    elsewhere = "\n".join(one.read_text(encoding="utf-8") for one in [*role, *ROOT.glob("plugins/plugin_utils/**/*.py")])
    assert problems(yaml.safe_load(file.read_text(encoding="utf-8")), elsewhere) == []


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ({"ansible.builtin.raw": "true", "register": "seen", "failed_when": "seen.stdout != ''"}, "failed_when judges"),
        ({"ansible.builtin.raw": "true", "register": "seen", "failed_when": "seen is failed and seen.rc > 1"}, "failed_when judges"),
        ({"a.b.c": {}, "register": "seen", "failed_when": ["seen is failed or seen.left"]}, "failed_when judges"),
        ({"a.b.c": {}, "register": "seen", "failed_when": False}, "failed_when hides"),
        ({"a.b.c": {}, "register": "seen", "until": "seen.left == 0"}, "until ends"),
        ({"ansible.builtin.raw": "true", "register": "seen", "until": "seen is not failed"}, "until ends"),
        ({"a.b.c": {}, "register": "seen", "loop": [1], "loop_control": {"break_when": "seen.rc == 0"}}, "break_when is asked"),
        ({"a.b.c": {}, "ignore_errors": True}, "ignore_errors shows"),
        ({"ansible.builtin.assert": {"that": "seen"}}, "assert says nothing"),
        ({"ansible.builtin.fail": {}}, "fail says nothing"),
        ({"block": [], "rescue": [{"ansible.builtin.meta": "noop"}]}, "rescue hides"),
    ],
)
def test_a_judgement_without_one_is_found(task: dict[str, Any], problem: str) -> None:
    named = {"name": "One", **task}
    for content in ([named], [{"block": [named]}], [{"hosts": "all", "tasks": [named]}]):
        (found,) = problems(content)
        assert found.startswith(f"One: {problem}")


@pytest.mark.parametrize(
    "task",
    [
        {"a.b.c": {}, "register": "seen", "failed_when": "seen is failed and seen.devices is not defined"},
        {"a.b.c": {}, "register": "seen", "until": "seen is not failed"},
        {"ansible.builtin.raw": "true", "register": "seen", "failed_when": False},
        {"a.b.c": {}, "register": "seen", "loop": [1], "loop_control": {"break_when": "seen is skipped or seen.rc == 0"}},
    ],
)
def test_one_that_leaves_the_message_to_the_module_or_to_a_later_task_is_in_order(task: dict[str, Any]) -> None:
    later = {"ansible.builtin.assert": {"that": "seen.rc == 0", "fail_msg": "It ended with {{ seen.rc }}, not 0"}}
    assert problems([task, later]) == []
