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
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from ansible.plugins.test import core
from jinja2 import Environment

from ansible_collections.fleetlab.linux.plugins.filter import host, storage

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
    for plugin in (host, storage):
        environment.filters.update({f"fleetlab.linux.{name}": one for name, one in plugin.FilterModule().filters().items()})
    environment.tests.update(core.TestModule().tests())
    environment.filters["basename"] = os.path.basename
    environment.filters["quote"] = lambda value: shlex.quote(str(value))
    return environment.from_string(template).render(variables)


def run_shell(command: str, path: str = "") -> list[str]:
    """The lines that the shell prints, with that folder first in its path; anything on standard error is a failure."""
    env = dict(os.environ, PATH=os.pathsep.join([path, os.environ["PATH"]] if path else [os.environ["PATH"]]), LC_ALL="C.UTF-8")
    done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True, env=env)
    assert not done.stderr
    return done.stdout.splitlines()


STUB = """#!/usr/bin/python
# WANT_JSON
import json, sys
with open(sys.argv[1]) as stream:
    options = {name: value for name, value in json.load(stream).items() if not name.startswith("_ansible")}
with open("LOG", "a") as stream:
    print(json.dumps(["NAME", options]), file=stream)
with open("RESULTS") as stream:
    results = json.load(stream)
found = next((results[f"NAME.{option}"] for option in options if f"NAME.{option}" in results), results.get("NAME", {}))
print(json.dumps({"changed": False, **found}))
"""


def programs(folder: Path, **texts: str) -> str:
    """A folder with these programs of the shell, to come first in the path."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    for name, text in texts.items():
        path = place / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
    return str(place)


class Stubs:
    """A copy of a collection in which some modules only note their options, and return what they are told to.

    C(results) are what they return, by the name of the module, or of the module and one of its options: C(md_array.release).
    """

    def __init__(self, folder: Path, results: dict[str, dict[str, Any]], collection: str = "fleetlab.linux") -> None:
        self.log = folder / f"called-{collection}.json"
        told = folder / f"results-{collection}.json"
        told.write_text(json.dumps(results), encoding="utf-8")
        names = {name.partition(".")[0] for name in results}
        original = ROOT if collection == "fleetlab.linux" else Path(import_module(f"ansible_collections.{collection}").__path__[0])
        copy = folder / "collections/ansible_collections" / collection.replace(".", "/")
        for part, left_out in (
            (".", {"plugins"}),
            ("plugins", {"modules", "action"}),
            ("plugins/modules", names),
            ("plugins/action", names),
        ):
            (copy / part).mkdir(parents=True, exist_ok=True)
            for entry in (original / part).iterdir():
                if entry.stem not in left_out and not entry.name.startswith("."):
                    (copy / part / entry.name).symlink_to(entry)
        for name in names:
            text = STUB.replace("NAME", name).replace("LOG", str(self.log)).replace("RESULTS", str(told))
            (copy / "plugins/modules" / f"{name}.py").write_text(text, encoding="utf-8")

    def called(self, name: str) -> list[dict[str, Any]]:
        """The options of each call of the module."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [options for called, options in map(json.loads, lines) if called == name]


OWN_PROCESSES = f"unshare {'--user --map-root-user' if os.geteuid() else ''} --pid --fork --mount-proc"
"""What stands before a command whose first process is its own: of the machine's not even root may see all, as in a container."""


def play_role(
    folder: Path, hosts: dict[str, dict[str, Any]], *options: str, path: str = "", prefix: str = "", **include: Any
) -> dict[str, str]:
    """Play a role on this machine under the names of C(hosts), each with its own variables; returns the message each of them failed with.

    :arg include: what M(ansible.builtin.include_role) takes.
    :arg path: a folder that comes first in the path of the programs.
    :arg prefix: what stands before the command of the play.
    """
    played = play_tasks(folder, hosts, *options, path=path, prefix=prefix, **include)
    return {host: result["msg"] for one in played for host, result in one["hosts"].items() if result.get("failed")}


def play_tasks(
    folder: Path, hosts: dict[str, dict[str, Any]], *options: str, path: str = "", prefix: str = "", **include: Any
) -> list[dict[str, Any]]:
    """The same; returns the tasks, each with its results by C(hosts)."""
    link = folder / "collections" / "ansible_collections" / "fleetlab" / "linux"
    if not link.exists():
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
    inventory = {"all": {"hosts": hosts, "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}
    (folder / "hosts.yml").write_text(json.dumps(inventory), encoding="utf-8")
    task = {"name": "Play the role", "ansible.builtin.include_role": include, "tags": ["always"]}
    play = [{"hosts": "all", "gather_facts": False, "tasks": [task]}]
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
    command = [*shlex.split(prefix), sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", *options, "play.yml"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return [one for play in json.loads(done.stdout[done.stdout.index("{") :])["plays"] for one in play["tasks"]]
