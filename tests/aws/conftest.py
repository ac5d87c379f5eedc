# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as a user runs them, against an API server on loopback; nothing here ever speaks to AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

import boto3
import pytest
from botocore.config import Config

from .server import REGION, ROOT, Server

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run of a playbook."""

    exit_code: int
    changed: int
    failures: list[str]
    messages: list[str]
    changes: list[str]
    text: str


@dataclass
class Cloud:
    """The folder in which playbooks run, and the API for the tests."""

    server: Server
    folder: Path
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def lab(self) -> Path:
        """The folder of the lab."""
        return self.folder / ".lab"

    def environment(self, **extra: str) -> dict[str, str]:
        """An environment with only the given credentials, without a metadata service and without the user's configuration."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
        return {
            **env,
            "HOME": str(self.folder),
            "PWD": str(self.folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_REGION": REGION,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "LC_ALL": "C.UTF-8",
            **extra,
        }

    def command(self, name: str, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command of this Python's environment in the lab's folder."""
        program = str(Path(sys.executable).with_name(name))
        argv = [program, *arguments]
        return subprocess.run(argv, check=False, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def play(
        self,
        playbook: str,
        *arguments: str,
        keys: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        without: tuple[str, ...] = (),
        **options: Any,
    ) -> Outcome:
        """Run one playbook with the lab's variables except those in C(without)."""
        variables = json.dumps({name: value for name, value in {**self.options, **options}.items() if name not in without})
        done = self.command(
            "ansible-playbook",
            "-e",
            variables,
            *arguments,
            playbook,
            env=self.environment(**(KEYS if keys is None else keys), **(env or {})),
        )
        return read(done)

    def client(self) -> Any:
        """The API without the policy, which applies to the playbooks only."""
        config = Config(user_agent_extra="set-up", retries={"max_attempts": 1})
        return boto3.client(
            "ec2", region_name=REGION, endpoint_url=self.server.url, aws_access_key_id="x", aws_secret_access_key="x", config=config
        )


def read(done: subprocess.CompletedProcess[str]) -> Outcome:
    """The outcome of a run in the output of the JSON callback."""
    start = done.stdout.find("{\n")
    assert start >= 0, f"{done.stdout}\n{done.stderr}"
    report = json.loads(done.stdout[start:])
    failures, messages, changes = [], [], []
    for play in report["plays"]:
        for task in play["tasks"]:
            for result in task["hosts"].values():
                if result.get("failed") and not result.get("ignored"):
                    failures.append(str(result.get("msg")))
                elif isinstance(result.get("msg"), (str, list)):
                    messages += result["msg"] if isinstance(result["msg"], list) else [result["msg"]]
                if result.get("changed"):
                    changes.append(task["task"]["name"])
    changed = sum(stats["changed"] for stats in report["stats"].values())
    return Outcome(done.returncode, changed, failures, messages, changes, done.stdout[:4000] + done.stderr)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of all tests, because the policy is compared with the calls of all tests."""
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def cloud(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    """A folder of its own for each file of tests. Placement groups are what moto does not have."""
    options = {
        "lab_backend": "aws",
        "lab_aws_confirm": True,
        "lab_aws_ssh_from": ["192.0.2.0/28"],
        "lab_aws_placement_group": False,
        "lab_servers": 2,
        "lab_volumes": 2,
    }
    folder = tmp_path_factory.mktemp("cloud")
    (folder / "machines.yml").write_text(
        "- hosts: localhost\n  connection: local\n  gather_facts: false\n  roles: [fleetlab.linux.lab_hosts]\n", encoding="utf-8"
    )
    return Cloud(server, folder, options)
