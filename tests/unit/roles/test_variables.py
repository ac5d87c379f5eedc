# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A misspelt variable is named, and no other: neither what a role sets for itself, nor what belongs to another role or to a playbook."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.fleetlab.linux.plugins.plugin_utils._role_variables import Known, common_prefix, find_unknown, read_known
from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT, load, play_tasks

ROLES = sorted(path.name for path in ROOT.glob("roles/*") if path.is_dir())
FIRST = {"fleet_memory": "tasks/check.yml"}
"""Where a role begins that does not begin in tasks/main.yml."""


@functools.lru_cache(maxsize=None)
def known_to(role: str) -> Known:
    """What the role knows."""
    return read_known(str(ROOT / "roles" / role))


def names_set(value: Any) -> Iterator[str]:
    """All names of variables that something in a file sets: keys, what is registered, and what loops and templates go through."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            if key in ("register", "loop_var", "index_var"):
                yield str(inner)
            yield from names_set(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_set(inner)
    elif isinstance(value, str):
        yield from re.findall(r"\{%-? *set +(\w+)", value)


@functools.lru_cache(maxsize=None)
def every_name() -> frozenset[str]:
    """Those of all roles and playbooks, of the collection's files of variables, and of the labs of the scenarios."""
    files = [*ROOT.glob("roles/*/*/*.yml"), *ROOT.glob("playbooks/*.yml"), *ROOT.glob("vars/*.yml"), *ROOT.glob("molecule/*/lab.yml")]
    found = {name for file in files for name in names_set(yaml.safe_load(file.read_text(encoding="utf-8")))}
    for template in ("inventory.yml.j2", "group_vars.yml.j2"):
        text = (ROOT / "roles/lab_hosts/templates" / template).read_text(encoding="utf-8")
        found |= set(re.findall(r"^ *(\w+):", text, re.MULTILINE))
    return frozenset(found)


@pytest.mark.parametrize("role", ROLES)
def test_no_name_that_anything_here_sets_is_warned_of(role: str) -> None:
    names = every_name()
    assert len([name for name in names if name.startswith(known_to(role).prefix)]) >= 2
    assert find_unknown(known_to(role), names) == ()


@pytest.mark.parametrize("role", ROLES)
def test_every_declared_variable_is_recognised_when_a_letter_is_missing(role: str) -> None:
    known = known_to(role)
    for name in known.declared:
        misspelt = name[:-2] + name[-1]
        (found,) = find_unknown(known, [name, misspelt, "ansible_host", "inventory_hostname"])
        assert (found.name, found.nearest) == (misspelt, name)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_begins_with_the_look_at_its_variables(role: str) -> None:
    assert "fleetlab.linux.role_variables_info" in load(role, FIRST.get(role, "tasks/main.yml"))[0]


@pytest.mark.parametrize(
    ("role", "name", "nearest"),
    [
        ("fleet_memory", "fleet_memory_failbelow", "fleet_memory_fail_below"),
        ("lab_hosts", "lab_volums", "lab_volumes"),
        ("storage_client", "storage_client_recovr", "storage_client_recover"),
        ("storage_server", "storage_server_device", "storage_server_devices"),
        ("storage_server", "storage_server_of_another_kind", None),
    ],
)
def test_the_nearest_one_is_named(role: str, name: str, nearest: str | None) -> None:
    (found,) = find_unknown(known_to(role), [name])
    assert found.nearest == nearest
    assert str(found).startswith(f"{name} has no effect, as no role declares or uses this variable")
    assert str(found).endswith(f": is {nearest} meant?" if nearest else ", and no declared variable is similar")


def test_variables_of_other_roles_are_not_this_ones() -> None:
    assert find_unknown(known_to("storage_client"), ["storage_chap_secret", "storage_server_devises", "lab_volums", "storage"]) == ()
    # One that another role declares under the same beginning is known too.
    assert find_unknown(known_to("lab_hosts"), ["lab_started", "lab_benchmark"]) == ()


@pytest.mark.parametrize(
    ("role", "declared", "prefix"),
    [
        ("web", ["web_port", "web_user"], "web_"),
        ("web", ["web_port"], "web_"),
        ("web_hosts", ["web_port", "web_path"], "web_"),
        ("web_hosts", ["web_port", "mail_port"], ""),
        ("web", [], "web_"),
    ],
)
def test_the_prefix_is_the_name_of_the_role_or_what_its_variables_have_in_common(role: str, declared: list[str], prefix: str) -> None:
    assert common_prefix(role, declared) == prefix


def test_a_role_without_a_prefix_warns_of_nothing() -> None:
    assert find_unknown(Known("", frozenset(), frozenset()), ["anything"]) == ()


def test_a_role_that_stands_alone_knows_its_own_files_only(tmp_path: Path) -> None:
    for role, variable in (("one", "one_own"), ("two", "one_of_two")):
        (tmp_path / role / "tasks").mkdir(parents=True)
        (tmp_path / role / "tasks/main.yml").write_text(f"- debug: {{msg: '{{{{ {variable} }}}}'}}", encoding="utf-8")
    assert [str(one) for one in find_unknown(read_known(str(tmp_path / "one")), ["one_own", "one_of_two"])] == [
        "one_of_two has no effect, as no role declares or uses this variable, and no declared variable is similar"
    ]


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_a_play_warns_of_what_its_hosts_have(tmp_path: Path, options: list[str]) -> None:
    hosts = {"one": {"fleet_memory_fial_below": 5, "fleet_memory_gather": True}}
    extra = ["-e", f"fleet_memory_directory={tmp_path}", "-e", "fleet_memory_form=json", "-e", '{"fleet_memory_forms": ["json"]}']
    played = play_tasks(tmp_path, hosts, *options, *extra, name="fleetlab.linux.fleet_memory", tasks_from="check")
    results = [one["hosts"]["one"] for one in played if "unknown" in one["hosts"]["one"]]
    assert [(one["changed"], one["prefix"], one["unknown"]) for one in results] == [
        (
            False,
            "fleet_memory_",
            [
                {"name": "fleet_memory_fial_below", "nearest": "fleet_memory_fail_below"},
                {"name": "fleet_memory_form", "nearest": "fleet_memory_forms"},
            ],
        )
    ]
