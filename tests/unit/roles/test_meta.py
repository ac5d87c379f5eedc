# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Galaxy reads what a role is from its meta/main.yml."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT

ROLES = sorted(path.name for path in ROOT.glob("roles/*") if path.is_dir())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_described_as_in_its_argument_specs(role: str) -> None:
    meta = ROOT / "roles" / role / "meta"
    told = yaml.safe_load((meta / "main.yml").read_text(encoding="utf-8"))
    specs = yaml.safe_load((meta / "argument_specs.yml").read_text(encoding="utf-8"))
    assert told["galaxy_info"]["description"] == specs["argument_specs"]["main"]["short_description"]
    assert told["dependencies"] == []


def tags_of(tasks: list[dict[str, Any]]) -> set[str]:
    return {tag for task in tasks for tag in task.get("tags", [])}


@pytest.mark.parametrize("role", ROLES)
def test_every_task_of_a_role_has_a_tag_that_the_readme_tells(role: str) -> None:
    tasks = yaml.safe_load((ROOT / "roles" / role / "tasks" / "main.yml").read_text(encoding="utf-8"))
    assert [task["name"] for task in tasks if not task.get("tags")] == []
    assert tags_of(tasks) <= {"always", "never", "install", "configure", "measure", "verify"}
    # A task that is included has the tags of its include only if it is told so.
    included = [(task["tags"], task["ansible.builtin.include_tasks"]) for task in tasks if "ansible.builtin.include_tasks" in task]
    assert [file for tags, file in included if not set(file["apply"]["tags"]) >= set(tags) - {"never"}] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_whether_it_needs_become(role: str) -> None:
    main = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
    assert "C(become)" in " ".join(main["description"])
