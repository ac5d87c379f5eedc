# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused is refused before anything is changed."""

from __future__ import annotations

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import load


def test_stages_that_are_not_there_are_refused_before_anything_is_changed() -> None:
    tasks = load("storage_benchmark", "tasks/preflight.yml")
    names = [task["name"] for task in tasks]
    refused = names.index("Preflight | Refuse unknown stages")
    assert "storage_benchmark_plan.problem" in tasks[refused]["ansible.builtin.assert"]["fail_msg"]
    assert refused < next(number for number, task in enumerate(tasks) if task.get("ansible.builtin.include_tasks") == "clean.yml")
    before = [set(task) & {"ansible.builtin.raw", "ansible.builtin.command", "ansible.builtin.include_tasks"} for task in tasks[:refused]]
    assert before == [set()] * refused
