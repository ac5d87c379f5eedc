# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How dear it is to read the memory of many hosts, one way and another: C(make bench-memory).

Hosts are this machine under many names (connection local), or behind an sshd of the benchmark's own on a loopback port, or simulated.
CPU time is the kernel's account of the process and all it started; with ssh the targets' is counted apart, with local hosts it is
one figure. What counts are the ratios: they hold on busy machines too, as every way is run in turn.

In one pass the names of one machine are read once, so its figures for local hosts are those of the bookkeeping; those for ssh and
simulated hosts have a process for each host.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import COMMAND
from ansible_collections.fleetlab.linux.tests.bench.memory_hosts import Local, Simulated, Ssh, find_sshd

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ROOT / "build" / "bench"
DEAR = {"module", "ping", "setup_hardware", "setup", "mitogen"}
READS = "cat /proc/meminfo /proc/zoneinfo /proc/sys/vm/min_free_kbytes /proc/sys/kernel/osrelease /proc/self/cgroup; getconf PAGESIZE"
"""What another tool would have to run for the same."""

_MODULES = {
    "raw": ("ansible.builtin.raw", READS),
    "action": ("fleetlab.linux.meminfo_facts", ""),
    "module": ("fleetlab.linux.meminfo_facts", "method=module"),
    "ping": ("ansible.builtin.ping", ""),
    "setup_hardware": ("ansible.builtin.setup", "gather_subset=!all,!min,hardware"),
    "setup": ("ansible.builtin.setup", ""),
}
WAYS = (*_MODULES, "one_pass", "clush", "mitogen", "pyinfra")
_EXTRA = ("mitogen", "pyinfra")
"""Not among the project's requirements: installed beside it, if they can be."""
_RATIOS = (
    ("action", "raw", "wall", 1.10),
    ("action", "setup_hardware", "cpu", 0.2),
    ("action", "setup_hardware", "wall", 0.15),
    ("module", "ping", "cpu", 1.15),
    ("one_pass", "raw", "wall", 0.12),
    ("one_pass", "clush", "wall", {"local": 0.8, "ssh": 1.25}),
    ("mitogen", "action", "wall", None),
    ("pyinfra", "action", "wall", None),
)
"""A way, what it is compared with, the figure, and the goal, which may depend on where the hosts are."""

_LEAST = {"one_pass": 100, "action": 20, "module": 20}
"""From how many hosts on the goals hold."""


class Unable(RuntimeError):
    """A way could not be gone; the message has what it printed."""


@dataclass(frozen=True)
class Median:
    """Seconds of wall and CPU time of one way, all and the targets' alone, the medians of its runs, and its largest process in MiB."""

    way: str
    where: str
    hosts: int
    forks: int
    wall: float
    cpu: float
    target_cpu: float
    memory: float


class Bench:
    """Runs commands in a folder with an inventory of so many hosts."""

    def __init__(self, folder: Path, where: Local, hosts: int, forks: int) -> None:
        self.folder, self.where, self.hosts, self.forks = folder, where, hosts, forks
        lines = [f"h{number} {where.variables(number)}\n" for number in range(hosts)]
        (folder / "hosts").write_text("".join(lines), encoding="utf-8")
        (folder / "fleet.meminfo.yml").write_text(f"plugin: fleetlab.linux.meminfo\nfanout: {forks}\n", encoding="utf-8")

    def argv(self, way: str) -> list[str]:
        """The command of one way."""
        if way == "one_pass":
            return [sys.executable, "-m", "ansible", "inventory", "-i", "hosts", "-i", "fleet.meminfo.yml", "--graph", "memory_ok"]
        if way == "clush":
            nodes = f"h[0-{self.hosts - 1}]" if self.hosts > 1 else "h0"
            command = f"ssh {self.where.arguments('%host')} 127.0.0.1 '{READS}'" if isinstance(self.where, Ssh) else READS
            return [str(Path(sys.executable).with_name("clush")), "-R", "exec", "-f", str(self.forks), "-w", nodes, command]
        if way == "pyinfra":
            (self.folder / "hosts.py").write_text(f"hosts = {self._pyinfra_hosts()!r}\n", encoding="utf-8")
            return [sys.executable, "-m", "pyinfra", "-y", "--parallel", str(self.forks), "hosts.py", "exec", "--", READS]
        way = "raw" if way == "mitogen" else way
        module, arguments = _MODULES[way]
        return [sys.executable, "-m", "ansible", "adhoc", "-i", "hosts", "-f", str(self.forks), "all", "-m", module, "-a", arguments]

    def _pyinfra_hosts(self) -> list[tuple[str, dict[str, object]]]:
        if not isinstance(self.where, Ssh):
            return [("@local", {})]
        known = {"ssh_key": str(self.where.folder / "key"), "ssh_known_hosts_file": os.devnull, "ssh_strict_host_key_checking": "no"}
        settings = {"ssh_hostname": "127.0.0.1", "ssh_port": self.where.port, "ssh_user": getpass.getuser(), **known}
        return [(f"h{number}", dict(settings)) for number in range(self.hosts)]

    def possible(self, way: str) -> str | None:
        """Why a way can not be gone here, or None."""
        if self.where.name == "simulated" and way != "one_pass":
            return "there is nothing to connect to"
        if way == "pyinfra" and self.where.name == "local" and self.hosts > 1:
            return "pyinfra has one local host only"
        return None

    def run(self, way: str) -> tuple[float, float, float, float]:
        """Wall and CPU seconds, those of the targets, and the largest process in MiB, of one run."""
        env = dict(os.environ, ANSIBLE_HOME=str(self.folder / "home"), LC_ALL="C.UTF-8")
        if way in _EXTRA:
            env["PYTHONPATH"] = str(EXTRAS / way)
        if way == "mitogen":
            env.update(
                ANSIBLE_STRATEGY_PLUGINS=str(EXTRAS / way / "ansible_mitogen" / "plugins" / "strategy"), ANSIBLE_STRATEGY="mitogen_linear"
            )
        target = self.where.target_cpu()
        start = time.monotonic()
        with (self.folder / "output").open("wb") as output:
            process = subprocess.Popen(
                self.argv(way), cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
            _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise Unable(f"{way}: exit code {process.returncode}:\n{(self.folder / 'output').read_text(encoding='utf-8')[-2000:]}")
        wall, target = time.monotonic() - start, self.where.target_cpu() - target
        return wall, usage.ru_utime + usage.ru_stime + target, target, usage.ru_maxrss / 1024


def install(way: str) -> str | None:
    """Put one of the other tools beside the project, or say why it can not be compared."""
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(EXTRAS / way), way]
    if not (EXTRAS / way).exists() and subprocess.run(argv, capture_output=True, check=False).returncode:
        shutil.rmtree(EXTRAS / way, ignore_errors=True)
        return "pip can not install it"
    return None


def measure(folder: Path, where: Local, hosts: int, forks: int, ways: Sequence[str], runs: int) -> list[Median]:
    """The medians of every way; all ways take turns, so that whatever else the machine does strikes all of them."""
    bench = Bench(folder, where, hosts, forks)
    found: dict[str, list[tuple[float, float, float, float]]] = {way: [] for way in ways if bench.possible(way) is None}
    for way in list(found):
        # Not counted: what is made once (connections, compiled files), and whether it works at all.
        try:
            bench.run(way)
        except Unable as error:
            if way not in _EXTRA:
                raise SystemExit(str(error)) from None
            print(f"  skipped: {error}")
            del found[way]
    for _run in range(runs):
        for way, figures in found.items():
            figures.append(bench.run(way))
    medians = []
    for way, figures in found.items():
        wall, cpu, target, memory = (statistics.median(column) for column in zip(*figures, strict=True))
        medians.append(Median(way, where.name, hosts, forks, round(wall, 3), round(cpu, 3), round(target, 3), round(memory, 1)))
    return medians


def ratios(medians: Sequence[Median]) -> list[str]:
    """The goals and what came of them, as lines of text, for one number of hosts."""
    by_way = {median.way: asdict(median) for median in medians}
    lines = []
    for way, other, figure, goals in _RATIOS:
        if way in by_way and other in by_way:
            goal = goals.get(medians[0].where) if isinstance(goals, dict) else goals
            # With a few hosts it is the programs' start that is compared.
            goal = goal if medians[0].hosts >= _LEAST.get(way, 1) else None
            ratio = by_way[way][figure] / by_way[other][figure]
            verdict = "" if goal is None else f" (goal {goal}{', met' if ratio <= goal else ', NOT met'})"
            lines.append(f"  {way} / {other}, {figure}: {ratio:.2f}{verdict}")
    return lines


def places(folder: Path, names: Sequence[str]) -> Iterator[Local]:
    """Where the hosts are, one after the other, each cleaned up before the next."""
    for name in names:
        place = folder / name
        place.mkdir()
        sshd = find_sshd()
        if name == "ssh" and sshd is None:
            print("ssh: skipped: no sshd on this machine; the Debian package openssh-server has it")
            continue
        where = Ssh(place, str(sshd)) if name == "ssh" else Simulated(place, recorded()) if name == "simulated" else Local()
        try:
            yield where
        finally:
            where.close()


def recorded() -> str:
    """What this machine prints, for simulated hosts to print again."""
    return subprocess.run(["/bin/sh", "-c", COMMAND], capture_output=True, text=True, check=True).stdout


def numbers(text: str) -> list[int]:
    """Numbers between commas."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Measure, print, and write the figures down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=numbers, default=[1, 20, 100, 649, 1000])
    parser.add_argument("--forks", type=numbers, default=[5, 50])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--where", default="local,ssh,simulated")
    parser.add_argument("--simulated", type=numbers, default=[100, 1000, 5000], help="numbers of hosts that are only simulated")
    parser.add_argument(
        "--most", type=int, default=100, help="hosts up to which modules and ssh are measured too; one costs a quarter second of CPU"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench-memory.json")
    options = parser.parse_args()
    # The collection as the bootstrap links it, whatever the user's configuration says.
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".cache" / "collections")
    ways = []
    for way in options.ways.split(","):
        reason = install(way) if way in _EXTRA else None
        ways += [way] if reason is None else []
        if reason is not None:
            print(f"{way}: skipped: {reason}")
    results: list[Median] = []
    with tempfile.TemporaryDirectory(prefix="fleetlab-bench-") as folder:
        for where in places(Path(folder), options.where.split(",")):
            results += compare(Path(folder) / where.name, where, options, ways)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps([asdict(median) for median in results], indent=2) + "\n", encoding="utf-8")
    print(f"Written to {options.output}")


def compare(folder: Path, where: Local, options: argparse.Namespace, ways: Sequence[str]) -> list[Median]:
    """All ways for all numbers of hosts in one place, printed as they come."""
    results: list[Median] = []
    for hosts in options.simulated if where.name == "simulated" else options.hosts:
        if where.name == "ssh" and hosts > options.most:
            continue
        for forks in options.forks:
            chosen = [way for way in ways if hosts <= options.most or way not in DEAR]
            print(f"{hosts} hosts, {where.name}, {forks} at a time, medians of {options.runs} runs")
            medians = measure(folder, where, hosts, forks, chosen, options.runs)
            results += medians
            for median in medians:
                each = f"{1000 * (median.cpu - median.target_cpu) / hosts:8.1f} + {1000 * median.target_cpu / hosts:6.1f} ms CPU per host"
                print(f"  {median.way:15} {median.wall:8.2f} s wall {median.cpu:8.2f} s CPU {each} {median.memory:7.1f} MiB")
            print("\n".join(ratios(medians)), flush=True)
    return results


if __name__ == "__main__":
    main()
