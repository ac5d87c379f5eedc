# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to read the memory of many hosts that the benchmark compares, each as one command."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.fleetlab.linux.tests.bench.memory_hosts import Each, Facts, Local, Simulated, Ssh

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ROOT / "build" / "bench"
DEAR = frozenset({"module", "ping", "setup_hardware", "setup_min", "setup", "mitogen", "pyinfra"})
"""Ways that cost a quarter of a second of CPU time or more for each host."""

READS = "cat /proc/meminfo /proc/zoneinfo /proc/sys/vm/min_free_kbytes /proc/sys/kernel/osrelease /proc/self/cgroup; getconf PAGESIZE"
"""The command that another tool would have to run for the same result."""

_MODULES = {
    "raw": ("ansible.builtin.raw", READS),
    "action": ("fleetlab.linux.meminfo_facts", ""),
    "module": ("fleetlab.linux.meminfo_facts", "method=module"),
    "ping": ("ansible.builtin.ping", ""),
    "setup_hardware": ("ansible.builtin.setup", "gather_subset=!all,!min,hardware"),
    "setup_min": ("ansible.builtin.setup", "gather_subset=!all"),
    "setup": ("ansible.builtin.setup", ""),
}
REPORTS = ("report", "no_report")
EXTRA = {"mitogen": "mitogen", "pyinfra": "pyinfra", "clush": "ClusterShell"}
"""Ways and their packages. Not among the project's requirements, but installed beside it if possible."""
WAYS = (*_MODULES, "one_pass", *EXTRA, *REPORTS)
_INSTALL_WITHIN = 180.0
_NOTHING = "- {hosts: localhost, connection: local, gather_facts: false, tasks: [{ansible.builtin.debug: {msg: nothing}}]}\n"


class Unable(RuntimeError):
    """A way failed; the message contains its output."""


@dataclass(frozen=True)
class Cost:
    """Seconds of wall and CPU time of one run, all and the targets' alone, and its largest process in MiB."""

    wall: float
    cpu: float
    target_cpu: float
    memory: float


class Bench:
    """Runs commands in a folder with an inventory of so many hosts, none for longer than C(limit) seconds."""

    def __init__(self, folder: Path, where: Local, hosts: int, forks: int, limit: float) -> None:
        self.folder, self.where, self.hosts, self.forks, self.limit = folder, where, hosts, forks, limit
        (folder / "hosts").write_text(where.inventory(hosts), encoding="utf-8")
        (folder / "fleet.meminfo.yml").write_text(f"plugin: fleetlab.linux.meminfo\nfanout: {forks}\n", encoding="utf-8")
        (folder / "nothing.yml").write_text(_NOTHING, encoding="utf-8")

    def argv(self, way: str) -> list[str]:
        """The command of one way."""
        ansible = [sys.executable, "-m", "ansible"]
        if way == "one_pass":
            return [*ansible, "inventory", "-i", "hosts", "-i", "fleet.meminfo.yml", "--graph", "memory_ok"]
        if way == "clush":
            return self._clush()
        if way == "pyinfra":
            (self.folder / "hosts.py").write_text(f"hosts = {self._pyinfra_hosts()!r}\n", encoding="utf-8")
            return [sys.executable, "-m", "pyinfra", "-y", "--parallel", str(self.forks), "hosts.py", "exec", "--", READS]
        if way in REPORTS:
            options = ["-e", "fleet_memory_gather=false", "-e", f"fleet_memory_directory={self.folder}/report"]
            return [*ansible, "playbook", "-i", "hosts", *options, "fleetlab.linux.fleet_memory" if way == "report" else "nothing.yml"]
        module, arguments = _MODULES["raw" if way == "mitogen" else way]
        return [*ansible, "adhoc", "-i", "hosts", "-f", str(self.forks), *self.where.options, "all", "-m", module, "-a", arguments]

    def _clush(self) -> list[str]:
        nodes = f"h[0-{self.hosts - 1}]" if self.hosts > 1 else "h0"
        command = READS
        if isinstance(self.where, Ssh):
            command = f"ssh {self.where.arguments('%host')} 127.0.0.1 '{READS}'"
        elif isinstance(self.where, Simulated):
            command = str(self.where.program)
        return [sys.executable, "-m", "ClusterShell.CLI.Clush", "-R", "exec", "-f", str(self.forks), "-w", nodes, command]

    def _pyinfra_hosts(self) -> list[tuple[str, dict[str, object]]]:
        if not isinstance(self.where, Ssh):
            return [("@local", {})]
        known = {"ssh_key": str(self.where.folder / "key"), "ssh_known_hosts_file": os.devnull, "ssh_strict_host_key_checking": "no"}
        settings = {"ssh_hostname": "127.0.0.1", "ssh_port": self.where.port, "ssh_user": getpass.getuser(), **known}
        return [(f"h{number}", dict(settings)) for number in range(self.hosts)]

    def possible(self, way: str) -> str | None:
        """The reason why a way is impossible here, or None."""
        if (way in REPORTS) != isinstance(self.where, Facts):
            return "the report starts from facts, everything else from hosts"
        if isinstance(self.where, Simulated) and way not in ("one_pass", "clush"):
            return "there is nothing to connect to"
        if isinstance(self.where, Each) and way not in ("raw", "one_pass", "clush"):
            return "it is the same as with local hosts"
        if way == "pyinfra" and self.where.name == "local" and self.hosts > 1:
            return "pyinfra has one local host only"
        return None

    def run(self, way: str) -> Cost:
        """One run.

        :raises Unable: it failed, or had to be ended.
        """
        # Every report is written anew.
        shutil.rmtree(self.folder / "report", ignore_errors=True)
        target = self.where.target_cpu()
        start = time.monotonic()
        with (self.folder / "output").open("wb") as output:
            process = subprocess.Popen(
                self.argv(way),
                cwd=self.folder,
                env=self._environment(way),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            end = threading.Timer(self.limit, os.killpg, (process.pid, signal.SIGKILL))
            end.start()
            _pid, status, usage = os.wait4(process.pid, 0)
            end.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        wall, target = time.monotonic() - start, self.where.target_cpu() - target
        if process.returncode == -signal.SIGKILL:
            raise Unable(f"{way}: did not end within {self.limit:g} s")
        if process.returncode:
            raise Unable(f"{way}: exit code {process.returncode}: {self._said()}")
        return Cost(wall, usage.ru_utime + usage.ru_stime + target, target, usage.ru_maxrss / 1024)

    def _said(self) -> str:
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")[-1000:]

    def _environment(self, way: str) -> dict[str, str]:
        env = dict(os.environ, ANSIBLE_HOME=str(self.folder / "home"), LC_ALL="C.UTF-8", PWD=str(self.folder))
        if way in EXTRA:
            env["PYTHONPATH"] = str(EXTRAS / way)
        if way == "mitogen":
            strategies = EXTRAS / way / "ansible_mitogen" / "plugins" / "strategy"
            env.update(ANSIBLE_STRATEGY_PLUGINS=str(strategies), ANSIBLE_STRATEGY="mitogen_linear")
        return env


def install(way: str) -> str | None:
    """Install one of the other tools beside the project, or say why it cannot be compared."""
    if (EXTRAS / way).exists():
        return None
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(EXTRAS / way), EXTRA[way]]
    try:
        if subprocess.run(argv, capture_output=True, check=False, timeout=_INSTALL_WITHIN).returncode == 0:
            return None
    except subprocess.TimeoutExpired:
        pass
    shutil.rmtree(EXTRAS / way, ignore_errors=True)
    return "pip cannot install it"
