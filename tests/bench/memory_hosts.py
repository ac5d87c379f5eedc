# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the benchmark: names of this machine, names behind a separate sshd on loopback, simulated, or from a cache."""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import parse_output
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts

CLOCK = os.sysconf("SC_CLK_TCK")
# SHLVL keeps bash from reading the startup files of whoever measures: they can cost more than everything that is compared.
_SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
PasswordAuthentication no
StrictModes no
PermitRootLogin yes
MaxStartups 1000
SetEnv SHLVL=1
LogLevel ERROR
"""


class Local:
    """Every host is this machine; the CPU time of controller and targets is one figure."""

    name = "local"
    options: Sequence[str] = ()
    """The options of the command line for Ansible's own ways to the hosts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def inventory(self, hosts: int) -> str:
        """The inventory of a number of hosts."""
        return "".join(f"h{number} {self.variables(number)}\n" for number in range(hosts))

    def variables(self, number: int) -> str:
        """The variables of one host in the inventory."""
        return f"ansible_connection=local number={number} ansible_python_interpreter={sys.executable}"

    def target_cpu(self) -> float:
        """Seconds of CPU time of the targets so far, if they can be separated from the controller's."""
        return 0.0

    def close(self) -> None:
        """End all processes and remove all files."""


class Behind(Local):
    """Hosts behind a stand-in for ssh."""

    def __init__(self, folder: Path, script: str) -> None:
        super().__init__(folder)
        self.program = folder / "ssh"
        self.program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        self.program.chmod(0o755)

    def variables(self, number: int) -> str:
        """A different address for each host, because otherwise they would be names of one machine."""
        return f"ansible_host=10.0.{number // 250}.{number % 250} ansible_ssh_executable={self.program}"


class Simulated(Behind):
    """The stand-in prints a recorded reading at once, so that only the controller is measured."""

    name = "simulated"

    def __init__(self, folder: Path, reading: str) -> None:
        super().__init__(folder, f"exec cat {folder}/reading")
        (folder / "reading").write_text(reading, encoding="utf-8")


class Each(Behind):
    """It runs the command on this machine, so that one pass reads it once for every name. A task has no need of it: it is local."""

    name = "each"
    options = ("-c", "local")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 'for last; do :; done\neval "exec $last"')


class Facts(Local):
    """Hosts whose facts, each a little different, are in the inventory."""

    name = "facts"

    def __init__(self, folder: Path, reading: str) -> None:
        super().__init__(folder)
        self.reading = parse_output(reading)

    def inventory(self, hosts: int) -> str:
        """All facts that a report needs."""
        return json.dumps({"all": {"hosts": {f"h{number}": {"meminfo": self._facts(number)} for number in range(hosts)}}})

    def _facts(self, number: int) -> dict[str, object]:
        facts = make_facts(self.reading)
        percent = 5 + number * 7919 % 9000 / 100
        facts["available"].update(percent=percent, bytes=int(facts["bytes"]["MemTotal"] * percent / 100))
        return facts


class Ssh(Local):
    """A separate sshd under many names. Connections stay open after the first run, as in a fleet."""

    name = "ssh"

    def __init__(self, folder: Path, sshd: str) -> None:
        super().__init__(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for key in ("host_key", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
        (folder / "sshd_config").write_text(_SSHD.format(port=self.port, folder=folder), encoding="utf-8")
        known = (folder / "host_key.pub").read_text(encoding="utf-8").split()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port},fleetlab-bench {known[0]} {known[1]}\n", encoding="utf-8")
        self.process = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "sshd_config")], stdin=subprocess.DEVNULL)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        self.close()
        raise OSError(f"sshd does not listen on 127.0.0.1 port {self.port}; what it said stands above")

    def arguments(self, number: str) -> str:
        """Options of ssh. Each host has a separate connection, also with the same address."""
        return (
            f"-F none -p {self.port} -i {self.folder}/key -o UserKnownHostsFile={self.folder}/known_hosts -o HostKeyAlias=fleetlab-bench"
            f" -o ControlMaster=auto -o ControlPersist=600s -o ControlPath={self.folder}/c{number}"
        )

    def variables(self, number: int) -> str:
        """The variables of one host in the inventory."""
        arguments = self.arguments(str(number))
        known = (
            f"ansible_host=127.0.0.1 ansible_user={getpass.getuser()} ansible_port={self.port} ansible_python_interpreter={sys.executable}"
        )
        keys = f"ansible_ssh_private_key_file={self.folder}/key ansible_control_path={self.folder}/c{number}"
        return f"{known} {keys} ansible_ssh_args='{arguments}'"

    def target_cpu(self) -> float:
        """The CPU time of sshd and of all processes that it has started."""
        return sum(_cpu(pid) for pid in _descendants(self.process.pid))

    def close(self) -> None:
        """End sshd and its sessions; the masters of the connections end with them."""
        for pid in reversed(_descendants(self.process.pid)):
            try:
                os.kill(pid, 15)
            except ProcessLookupError:
                continue
        self.process.wait()


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pid: int) -> float:
    """User and system time, and those of children that have ended."""
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) / CLOCK


def _descendants(root: int) -> list[int]:
    parents = {int(path.name): _stat(int(path.name))[1:2] for path in Path("/proc").iterdir() if path.name.isdigit()}
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == [str(pid)]]
    return found
