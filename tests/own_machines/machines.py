# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines without storage, the documented play, and the inventories of users."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Sequence

import yaml

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_RECAP = re.compile(r"^(\S+) +: .*changed=(\d+)", re.MULTILINE)

SECRET = "secretofusers"
MOUNT = "/srv/md99"


_CLIENT_LEFT = """grep -s ^ARRAY /etc/mdadm/mdadm.conf
find /etc/iscsi/nodes /var/lib/iscsi/nodes -type f 2>/dev/null
ls -d /etc/udev/rules.d/*fleetlab* /etc/udev/rules.d/*storage-client* /usr/local/lib/fleetlab/hold* 2>/dev/null
true"""
"""Lists the lines, records, rules and programs of the client's role."""

_SERVER_LEFT = """grep -s iqn /etc/rtslib-fb-target/saveconfig.json
ls /etc/systemd/system/rtslib-fb-targetctl.service.d/fleetlab-* 2>/dev/null
true"""
"""Lists what the server's role has made for the boot."""


def documented_play() -> str:
    """The play of docs/storage.md, as it is written there."""
    blocks: list[str] = _BLOCK.findall((ROOT / "docs" / "storage.md").read_text(encoding="utf-8"))
    return next(block for block in blocks if block.startswith("- hosts: storage_servers"))


@dataclass(frozen=True)
class Run:
    """A finished run of the play: exit code, changed tasks of each host, and output."""

    exit_code: int
    changed: dict[str, int]
    output: str

    @property
    def end(self) -> str:
        """The end of the output, for messages."""
        return self.output[-3000:]


class Machines:
    """The machines of a lab, by the names of its inventory, which says how to reach them."""

    def __init__(self, inventory: Path) -> None:
        self.directory = inventory.resolve().parent
        declared = yaml.safe_load(inventory.read_text(encoding="utf-8"))
        self.servers: list[str] = sorted(declared["storage_servers"]["hosts"])
        self.clients: list[str] = sorted(declared["storage_clients"]["hosts"])
        self.devices: list[str] = declared["storage_servers"]["hosts"][self.servers[0]]["storage_server_devices"]
        self._reached: dict[str, Any] = declared["lab"]["vars"]
        self._addresses = {
            name: host["ansible_host"]
            for group in ("storage_servers", "storage_clients")
            for name, host in declared[group]["hosts"].items()
        }

    def wait(self, name: str) -> None:
        """Wait until a machine has booted. Its sshd answers with an error before all of its keys are there."""
        end = time.monotonic() + 180
        while self._ssh(name, "systemctl is-system-running --wait || true").returncode and time.monotonic() < end:
            time.sleep(1)

    def _ssh(self, name: str, command: str) -> subprocess.CompletedProcess[str]:
        argv = ["ssh", "-F", str(self.directory / "ssh_config"), name.partition("-")[0], command]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def run(self, name: str, command: str) -> str:
        """What a shell command line on a machine prints; its failure is the test's."""
        result = self._ssh(name, command)
        assert result.returncode == 0, f"{name}: {command}: exit code {result.returncode}: {result.stderr or result.stdout}"
        return result.stdout.strip()

    def inventory(self, servers: dict[str, dict[str, Any]], clients: dict[str, dict[str, Any]], **variables: Any) -> dict[str, Any]:
        """An inventory as in docs/storage.md, with what reaches these machines; C(server1-archive) is another name of C(server1)."""
        reached = {"ansible_user": "root", **self._reached}
        groups = {"storage_servers": servers, "storage_clients": clients}
        return {
            **{
                group: {"hosts": {name: {"ansible_host": self._addresses[name.partition("-")[0]], **host} for name, host in hosts.items()}}
                for group, hosts in groups.items()
            },
            "all": {"vars": {**reached, **variables}},
        }

    def play(self, inventory: dict[str, Any], folder: Path, *arguments: str) -> Run:
        """Run the documented play."""
        with self._playing(inventory, folder, arguments) as process:
            output, _nothing = process.communicate(timeout=900)
        return Run(process.returncode, {name: int(count) for name, count in _RECAP.findall(output)}, output)

    def kill_play(self, inventory: dict[str, Any], folder: Path, task: str) -> None:
        """Run the documented play up to the beginning of a task, and kill it there."""
        with self._playing(inventory, folder, ()) as process:
            assert process.stdout is not None
            assert any(f"{task}] ***" in line for line in process.stdout), f"the play has ended before the task {task!r}"
            os.killpg(process.pid, signal.SIGKILL)

    @contextlib.contextmanager
    def _playing(self, inventory: dict[str, Any], folder: Path, arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        (folder / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        (folder / "play.yml").write_text(documented_play(), encoding="utf-8")
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", *arguments, "play.yml"]
        env = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".cache" / "collections"), LC_ALL="C.UTF-8", ANSIBLE_NOCOLOR="true")
        # Molecule's own settings are for its own plays.
        for name in ("ANSIBLE_CONFIG", "ANSIBLE_FORCE_COLOR", "FORCE_COLOR", "PY_COLORS"):
            env.pop(name, None)
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def untouched(machines: Machines, servers: list[str], clients: list[str]) -> None:
    """Neither targets nor sessions, arrays, mounts, and no files of the roles."""
    for name in servers:
        assert machines.run(name, "ls /sys/kernel/config/target/iscsi 2>/dev/null | grep ^iqn || true") == ""
        assert machines.run(name, _SERVER_LEFT) == ""
    for name in clients:
        assert machines.run(name, "ls /sys/class/iscsi_session 2>/dev/null || true") == ""
        assert machines.run(name, "ls -d /sys/block/md* 2>/dev/null || true") == ""
        assert machines.run(name, f"grep -c {MOUNT} /etc/fstab || true") == "0"
        assert machines.run(name, _CLIENT_LEFT) == ""
