# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and jobs of a machine: declared by the scenario before a reboot, tested after it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest
from testinfra.utils.ansible_runner import AnsibleRunner

if TYPE_CHECKING:
    from testinfra.backend.base import CommandResult
    from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Addresses:
    """The addresses of the machine with the services, and of a machine that can reach it."""

    client: str
    server: str


def ask(address: str, port: int) -> str:
    """A command that prints the answer of a TCP port to a request, and fails without a connection."""
    script = f"exec 3<>/dev/tcp/{address}/{port}; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    return f"timeout 5 bash -ec {shlex.quote(script)}"


@pytest.fixture(scope="session")
def addresses(request: pytest.FixtureRequest) -> Addresses:
    """The lab's, from its inventory."""
    runner = AnsibleRunner(request.config.getoption("ansible_inventory"))
    client, server = (min(runner.get_hosts(group)) for group in ("storage_clients", "storage_servers"))
    return Addresses(runner.get_variables(client)["ansible_host"], runner.get_variables(server)["ansible_host"])


@pytest.fixture
def inside(host: Host) -> Callable[[str], CommandResult]:
    """Runs a command line where nginx runs, as the user of its workers."""
    pid = host.check_output("systemctl show --property=MainPID --value nginx")
    enter = f"nsenter --target={int(pid)} --net --mount setpriv --reuid=www-data --regid=www-data --clear-groups bash --norc -c"
    return lambda command: host.run(f"{enter} %s", command)


@pytest.fixture(scope="session")
def playbook(request: pytest.FixtureRequest) -> Callable[..., int]:
    """Runs isolated_service.yml as a user would, and returns the number of changed tasks."""
    inventory = Path(request.config.getoption("ansible_inventory")).resolve()

    def run(*arguments: str) -> int:
        argv = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            str(inventory),
            "fleetlab.linux.isolated_service",
            *arguments,
        ]
        env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".cache" / "collections"), LC_ALL="C.UTF-8")
        env.update(ANSIBLE_NOCOLOR="true", ANSIBLE_FORCE_COLOR="false", ANSIBLE_STDOUT_CALLBACK="default")
        done = subprocess.run(argv, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
        recap = re.findall(r"^\S+ +: ok=\d+ +changed=(\d+)", done.stdout, re.MULTILINE)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(recap) == 1, done.stdout
        return int(recap[0])

    return run
