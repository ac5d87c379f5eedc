# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With one tag alone no task of a role needs the answer of a task that has another tag."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterator

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT, Stubs, play_tasks
from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import load as load_file

ROLES = sorted(path.name for path in ROOT.glob("roles/*") if path.is_dir())
TAGS = ("install", "configure", "verify", "measure")
_INCLUDES = ("ansible.builtin.include_tasks", "ansible.builtin.import_tasks")
_MOSTLY = "(?:[.]\\w+|\\[[^]]*\\])*\\s*(?:\\|\\s*default|is (?:not )?defined)"
Task = dict[str, Any]
load = lru_cache(maxsize=None)(load_file)


@lru_cache(maxsize=None)
def matching(role: str, pattern: str) -> list[str]:
    """The files that an include with a variable in its name may mean: those that no other include names."""
    folder = ROOT / "roles" / role / "tasks"
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.yml"))
    return [path.name for path in folder.glob(pattern) if path.name != "main.yml" and f" {path.name}\n" not in text]


def included(role: str, task: Task) -> tuple[list[str], set[str]]:
    """The files that a task may include, and the tags that their tasks get."""
    for key in _INCLUDES:
        if key in task:
            value = task[key]
            text, apply = (value, {}) if isinstance(value, str) else (value["file"], value.get("apply", {}))
            names = re.findall(r"\w+\.yml", text) or matching(role, re.sub(r"{{.*?}}", "*", text))
            return names, set(apply.get("tags", []))
    return [], set()


def played(role: str, file: str, tag: str, inherited: frozenset[str]) -> Iterator[Task]:
    """The tasks that are played with the tag, without the blocks around them."""
    waiting = [(task, inherited) for task in load(role, f"tasks/{file}")]
    while waiting:
        task, outer = waiting.pop(0)
        tags = outer | set(task.get("tags", []))
        inner = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        if inner:
            around = {key: task[key] for key in ("vars", "when") if key in task}
            if tags & {tag, "always"} or any(one.get("tags") for one in inner):
                yield {"name": task["name"], **around}
            waiting = [(one, frozenset(tags)) for one in inner] + waiting
            continue
        if not tags & {tag, "always"}:
            continue
        yield task
        files, applied = included(role, task)
        for one in files:
            # An import, and an include inside a block, give the tags that they have themselves.
            yield from played(role, one, tag, frozenset(applied | tags))


def answers(task: Task) -> set[str]:
    """The variables that a task gives."""
    facts = task.get("ansible.builtin.set_fact") or {}
    return {*([task["register"]] if "register" in task else []), *(name for name in facts if name != "cacheable")}


@lru_cache(maxsize=None)
def all_answers(role: str) -> set[str]:
    """The variables that some task of the role gives."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "roles" / role / "tasks").glob("*.yml"))
    facts = [name for tag in TAGS for task in played(role, "main.yml", tag, frozenset()) for name in answers(task)]
    return {*re.findall(r"register: (\w+)", text), *facts}


def needed(role: str, task: Task, known: set[str]) -> set[str]:
    """The answers without which a task fails, directly or through the variables of the role."""
    variables = load(role, "vars/main.yml") if (ROOT / "roles" / role / "vars" / "main.yml").exists() else {}
    text, seen = str({key: value for key, value in task.items() if key != "name"}), set()
    while names := {name for name in variables if name not in seen and re.search(rf"\b{name}\b", text)}:
        seen |= names
        text += "".join(str(variables[name]) for name in names)
    return {name for name in known if re.search(rf"\b{name}\b(?!{_MOSTLY})", text)} - answers(task)


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_takes_the_name_of_a_variable(role: str) -> None:
    """It would be the value of the variable from then on, also for the next play."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "roles" / role / "tasks").glob("*.yml")]
    assert set(re.findall(r"register: (\w+)", "\n".join(texts))) & set(load(role, "defaults/main.yml")) == set()


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("role", ROLES)
def test_no_task_needs_an_answer_that_its_tag_does_not_give(role: str, tag: str) -> None:
    known, given, missing = all_answers(role), set[str](), []
    for task in played(role, "main.yml", tag, frozenset()):
        missing += [f"{task['name']}: {name}" for name in sorted(needed(role, task, known) - given)]
        given |= answers(task)
    assert missing == []


# What a role needs of its user, without a host of its own kind. Measuring, and the machines of a lab, have no verification.
VARIABLES: dict[str, dict[str, Any]] = {
    "apache_forward_secrecy": {"apache_forward_secrecy_servers": ["apache"], "apache_forward_secrecy_directory": "/nonexistent"},
    "boot_limits": {"boot_limits_through": "backend", "boot_limits_cpus": 10**4, "boot_limits_memory_mb": 10**8},
    "fleet_memory": {"fleet_memory_directory": "/nonexistent", "fleet_memory_hosts": ["fleet_memory"]},
    "ftpaccess_audit": {"ftpaccess_audit_fail": False},
    "isolated_service": {"isolated_service_name": "demo"},
    "jumbo_frames": {"jumbo_frames_interface": "lo", "jumbo_frames_mtu": 65536, "jumbo_frames_hosts": []},
    "patched_package": {"patched_package_name": "hello", "patched_package_patches": ["fix.patch"]},
    "storage_client": {
        "storage_client_targets": [
            {"iqn": f"iqn.2026-01.com.example:{host}", "host": host, "port": 3260} for host in ("192.0.2.1", "192.0.2.2")
        ],
        "storage_client_servers": ["storage_server"],
        "storage_client_luns": 2,
        "storage_authentication": False,
    },
    "storage_monitor": {},
    "storage_server": {"storage_server_devices": ["/dev/sdb", "/dev/sdc"], "storage_authentication": False},
    "storage_status": {"storage_status_servers": [], "storage_status_file": "status.html"},
    "tz_cron": {"tz_cron_jobs": []},
}
RESULTS: dict[str, dict[str, Any]] = {
    "tz_cron": {"jobs": []},
    "iscsi_session": {"sessions": [], "devices": [], "relogin_needed": False},
    "iscsi_target": {"target": None, "commands": []},
    "storage_monitor": {"told": [], "undelivered": []},
    "ftpaccess_info": {"users": [], "problems": [], "version": "1.3.8"},
    "apache_tls": {"names": []},
    "tls_report": {"table": [], "missed": [], "matrix": {"failed": []}},
    "meminfo_report": {"table": [], "problems": [], "unwritten": [], "short": []},
    "md_array_info": {"arrays": []},
    "mount_info": {"source": None},
    "patched_package_info": {"findings": [], "problems": []},
}


def test_every_role_verifies_by_its_tag_alone(tmp_path: Path) -> None:
    """Each on a host of its own, with modules that find nothing: a verification may fail, but not for a variable that it does not have."""
    others: dict[str, dict[str, Any]] = {path.stem: {} for path in ROOT.glob("plugins/modules/*.py") if path.stem != "role_variables_info"}
    stubs = Stubs(tmp_path, {**others, **RESULTS})
    hosts = {role: {"role": role, **variables} for role, variables in VARIABLES.items()}
    hosts["storage_status"]["storage_status_file"] = str(tmp_path / "status.html")
    played_tasks = play_tasks(tmp_path, hosts, "--check", "--tags", "verify", name="fleetlab.linux.{{ role }}")
    seen = {
        host: {one["task"]["name"].partition(" : ")[2].partition(" | ")[0] for one in played_tasks if host in one["hosts"]}
        for host in hosts
    }
    # Without systemd check mode ends the preview of isolated_service before.
    assert [host for host, begins in seen.items() if not begins & {"Audit", "Report", "Status", "Verify", "Watch"}] in (
        [],
        ["isolated_service"],
    )
    failed = {host: str(result.get("msg")) for one in played_tasks for host, result in one["hosts"].items() if result.get("failed")}
    assert {host: text for host, text in failed.items() if re.search("undefined|has no attribute|not defined|Error while", text)} == {}
    changing = ("md_array", "netns", "patched_package", "private_tmp", "disk_queue", "disk_reservation")
    assert [name for name in changing if stubs.called(name)] == []
