# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The groups of modules for module_defaults: each has options in common, and a play can set them once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT, Stubs

GROUPS: dict[str, list[str]] = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
# Every task has a name, or a state, of its own.
OWN = {"name", "state"}


def documented(module: str) -> dict[str, Any]:
    found: dict[str, Any] = get_docstring(str(ROOT / "plugins" / "modules" / f"{module}.py"), fragment_loader)[0]
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_all_modules_of_a_group_share_options_and_say_so(group: str) -> None:
    pages = [documented(module) for module in GROUPS[group]]
    assert set.intersection(*(set(page["options"]) for page in pages)) - OWN
    assert {tuple(page["attributes"]["action_group"]["membership"]) for page in pages} == {(f"fleetlab.linux.{group}",)}


def test_no_other_module_says_that_it_is_in_a_group() -> None:
    inside = {module for modules in GROUPS.values() for module in modules}
    others = [path.stem for path in ROOT.glob("plugins/modules/*.py") if path.stem not in inside]
    assert [module for module in others if "action_group" in documented(module).get("attributes", {})] == []


PLAY = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/fleetlab.linux.server_tls:
      profile: modern
      overrides: report
  tasks:
    - fleetlab.linux.apache_tls:
      tags: [configure]
    - fleetlab.linux.nginx_tls:
        overrides: refuse
      tags: [configure]
    - fleetlab.linux.proftpd_tls:
      tags: [verify]
"""


def test_a_play_sets_the_options_of_a_group_once(tmp_path: Path) -> None:
    stubs = Stubs(tmp_path, {module: {} for module in GROUPS["server_tls"]})
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"), "ANSIBLE_HOME": str(tmp_path / "home")}
    interpreter = f"ansible_python_interpreter={sys.executable}"
    command = [
        sys.executable,
        "-m",
        "ansible",
        "playbook",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-e",
        interpreter,
        "--tags",
        "configure",
        "play.yml",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stubs.called("apache_tls") == [{"profile": "modern", "overrides": "report"}]
    assert stubs.called("nginx_tls") == [{"profile": "modern", "overrides": "refuse"}]
    assert stubs.called("proftpd_tls") == []
