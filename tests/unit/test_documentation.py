# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules' pages promise: examples that a play takes, return values with samples, and ways to other modules."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT

MODULES = sorted(path.stem for path in ROOT.glob("plugins/modules/*.py"))


# Their keys are names that the host or the task gives.
BY_NAME = (
    "ftpaccess.users",
    "htaccess_info.trial.files",
    "iscsi_target.target.acls.attributes",
    "iscsi_target.target.attributes",
    "iscsi_target.target.luns.attributes",
    "iscsi_target_info.targets.acls.attributes",
    "iscsi_target_info.targets.attributes",
    "iscsi_target_info.targets.luns.attributes",
    "lab_boot_info.seconds",
    "meminfo_report.fleet.available_percent",
    "meminfo_report.fleet.residuals",
    "meminfo_report.fleet.sources",
    "meminfo_report.fleet.tmpfs_percent",
    "throughput_agent.links",
    "throughput_agent.ports",
    "throughput_agent.results.measured",
    "tls_info.names.protocols",
    "tls_info.ticket_keys",
    "tz_cron.jobs.env",
    "tz_cron_info.jobs.env",
)
# The counters of the kernel, by their names.
COUNTERS = {"bytes", "counts", "problems", "formulas", "missing", "extended", "terms", "identities"}
# Rows of reports: what another module returns, with more; their texts name it.
ROWS = ("meminfo_report.fleet.hosts", "throughput_report.matrix.cells", "tls_report.matrix.rows")
# Another module returns the same: the docs of Ansible have no way to share a text.
SAME = {
    ("iscsi_target_info", "targets"): ("iscsi_target", "target"),
    ("md_array_info", "arrays"): ("md_array", "arrays"),
    ("tz_cron", "jobs"): ("tz_cron_info", "jobs"),
}


def pages(module: str) -> dict[str, Any]:
    """The documentation, the examples and the return values of a module."""
    tree = ast.parse((ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8"))
    texts = {
        statement.targets[0].id: str(statement.value.value)
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name) and isinstance(statement.value, ast.Constant)
    }
    return {name: yaml.safe_load(texts[name]) for name in ("DOCUMENTATION", "EXAMPLES", "RETURN")}


def has_sample(value: dict[str, Any]) -> bool:
    """Whether a return value has a sample, or a part of it has one."""
    return "sample" in value or any(has_sample(part) for part in (value.get("contains") or {}).values())


def incomplete(name: str, value: dict[str, Any]) -> Iterator[str]:
    """What a return value and its parts lack."""
    for key in ("description", "type"):
        if key not in value:
            yield f"{name} has no {key}"
    if value.get("type") == "list" and "elements" not in value:
        yield f"{name} has no elements"
    for part, inner in (value.get("contains") or {}).items():
        yield from incomplete(f"{name}.{part}", inner)


def closed(name: str, value: dict[str, Any]) -> Iterator[str]:
    """The parts of a return value that are dictionaries and do not tell their keys, and the keys of samples that are not told."""
    told = value.get("contains") or {}
    if value["type"] == "dict" or value.get("elements") == "dict":
        if not told and name not in (*BY_NAME, *ROWS) and not (name.startswith("meminfo_facts.") and name.rpartition(".")[2] in COUNTERS):
            yield f"{name} has no contains"
        sample = value.get("sample") or {}
        for one in sample if isinstance(sample, list) else [sample]:
            yield from (f"{name}.{key} is in the sample only" for key in one if told and key not in told)
    for part, inner in told.items():
        yield from closed(f"{name}.{part}", inner)


@pytest.mark.parametrize("module", MODULES)
def test_return_values_have_samples(module: str) -> None:
    returned = pages(module)["RETURN"]
    assert [name for name, value in returned.items() if not has_sample(value)] == []
    assert [name for name, value in returned.items() if "returned" not in value] == []
    assert [text for name, value in returned.items() for text in incomplete(name, value)] == []


@pytest.mark.parametrize("module", MODULES)
def test_return_values_tell_their_keys(module: str) -> None:
    assert [text for name, value in pages(module)["RETURN"].items() for text in closed(f"{module}.{name}", value)] == []


@pytest.mark.parametrize("copy", SAME, ids=lambda copy: copy[0])
def test_modules_that_return_the_same_tell_the_same(copy: tuple[str, str]) -> None:
    original = SAME[copy]
    told = pages(original[0])["RETURN"][original[1]]["contains"]
    assert {name: value for name, value in pages(copy[0])["RETURN"][copy[1]]["contains"].items() if name in told} == told


@pytest.mark.parametrize("module", MODULES)
def test_a_page_leads_to_other_pages_that_exist(module: str) -> None:
    seen = pages(module)["DOCUMENTATION"]["seealso"]
    own = [entry["module"].rpartition(".")[2] for entry in seen if entry.get("module", "").startswith("fleetlab.linux.")]
    assert set(own) <= set(MODULES) - {module}


def plays_of(examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Examples as plays: an example is a play, or tasks of one."""
    if any("hosts" in entry for entry in examples):
        return examples
    return [{"hosts": "all", "gather_facts": False, "tasks": examples}]


def test_all_examples_are_plays_that_ansible_takes(tmp_path: Path) -> None:
    plays = [play for module in MODULES for play in plays_of(pages(module)["EXAMPLES"])]
    (tmp_path / "play.yml").write_text(json.dumps(plays), encoding="utf-8")
    env = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "ansible", "playbook", "--syntax-check", "-i", "localhost,", "play.yml"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
