# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the files of a role, worked out and run without a play; and plays on this machine under several names."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment

ROOT = Path(__file__).resolve().parents[3]


def load(role: str, file: str) -> Any:
    """A YAML file of a role."""
    return yaml.safe_load((ROOT / "roles" / role / file).read_text(encoding="utf-8"))


def task(role: str, file: str, name: str) -> dict[str, Any]:
    """The task of that name, also one inside a block."""
    waiting: list[dict[str, Any]] = list(load(role, f"tasks/{file}"))
    while waiting:
        one = waiting.pop()
        if one["name"] == name:
            return one
        waiting += one.get("block", [])
    raise AssertionError(f"{role}/tasks/{file} has no task '{name}'")


def render(template: str, **variables: Any) -> str:
    """A template with these variables."""
    environment = Environment()
    environment.filters["quote"] = lambda value: shlex.quote(str(value))
    return environment.from_string(template).render(variables)


def run_shell(command: str, path: str = "") -> list[str]:
    """The lines that the shell prints, with that folder first in its path; anything on standard error is a failure."""
    env = dict(os.environ, PATH=os.pathsep.join([path, os.environ["PATH"]] if path else [os.environ["PATH"]]), LC_ALL="C.UTF-8")
    done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True, env=env)
    assert not done.stderr
    return done.stdout.splitlines()


def play_role(folder: Path, hosts: dict[str, dict[str, Any]], *options: str, path: str = "", **include: Any) -> dict[str, str]:
    """Play a role on this machine under the names of C(hosts), each with its own variables; returns the message each of them failed with.

    :arg include: what M(ansible.builtin.include_role) takes.
    :arg path: a folder that comes first in the path of the programs.
    """
    played = play_tasks(folder, hosts, *options, path=path, **include)
    return {host: result["msg"] for one in played for host, result in one["hosts"].items() if result.get("failed")}


def play_tasks(folder: Path, hosts: dict[str, dict[str, Any]], *options: str, path: str = "", **include: Any) -> list[dict[str, Any]]:
    """The same; returns the tasks, each with its results by C(hosts)."""
    link = folder / "collections" / "ansible_collections" / "fleetlab" / "linux"
    if not link.exists():
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
    inventory = {"all": {"hosts": hosts, "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}
    (folder / "hosts.yml").write_text(json.dumps(inventory), encoding="utf-8")
    play = [{"hosts": "all", "gather_facts": False, "tasks": [{"name": "Play the role", "ansible.builtin.include_role": include}]}]
    (folder / "play.yml").write_text(json.dumps(play), encoding="utf-8")
    env = dict(
        os.environ,
        ANSIBLE_COLLECTIONS_PATH=str(folder / "collections"),
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_INJECT_FACT_VARS="false",
        ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
        LC_ALL="C.UTF-8",
    )
    env["PATH"] = os.pathsep.join([path, env["PATH"]]) if path else env["PATH"]
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", *options, "play.yml"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return [one for play in json.loads(done.stdout[done.stdout.index("{") :])["plays"] for one in play["tasks"]]
