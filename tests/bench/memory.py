# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How dear it is to read the memory of many hosts, one way and another: C(make bench-memory).

All hosts are this machine under many names (connection local), so that the CPU time of controller and targets is one figure, taken
from the kernel's account of the process and all it started. What counts are the ratios: they hold on busy machines too, as every
way is run in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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
WAYS = (*_MODULES, "one_pass", "clush")
_RATIOS = (
    ("action", "raw", "wall", 1.10),
    ("action", "setup_hardware", "cpu", 0.2),
    ("action", "setup_hardware", "wall", 0.15),
    ("module", "ping", "cpu", 1.15),
    ("one_pass", "raw", "wall", 0.12),
    ("one_pass", "clush", "wall", 0.8),
)
"""A way, what it is compared with, the figure, and the goal."""


@dataclass(frozen=True)
class Median:
    """Seconds of wall and CPU time of one way, the medians of its runs, and its largest process in MiB."""

    way: str
    hosts: int
    forks: int
    wall: float
    cpu: float
    memory: float


class Bench:
    """Runs commands in a folder with an inventory of so many hosts."""

    def __init__(self, folder: Path, hosts: int, forks: int) -> None:
        self.folder, self.hosts, self.forks = folder, hosts, forks
        variables = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
        (folder / "hosts").write_text("".join(f"h{number} {variables}\n" for number in range(hosts)), encoding="utf-8")
        (folder / "fleet.meminfo.yml").write_text(f"plugin: fleetlab.linux.meminfo\nfanout: {forks}\n", encoding="utf-8")

    def argv(self, way: str) -> list[str]:
        """The command of one way."""
        if way == "one_pass":
            return [sys.executable, "-m", "ansible", "inventory", "-i", "hosts", "-i", "fleet.meminfo.yml", "--graph", "memory_ok"]
        if way == "clush":
            nodes = f"h[0-{self.hosts - 1}]" if self.hosts > 1 else "h0"
            return [str(Path(sys.executable).with_name("clush")), "-R", "exec", "-f", str(self.forks), "-w", nodes, READS]
        module, arguments = _MODULES[way]
        return [sys.executable, "-m", "ansible", "adhoc", "-i", "hosts", "-f", str(self.forks), "all", "-m", module, "-a", arguments]

    def run(self, way: str) -> tuple[float, float, float]:
        """Wall and CPU seconds, and the largest process in MiB, of one run."""
        env = dict(os.environ, ANSIBLE_HOME=str(self.folder / "home"), LC_ALL="C.UTF-8")
        start = time.monotonic()
        with (self.folder / "output").open("wb") as output:
            process = subprocess.Popen(
                self.argv(way), cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
            _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{way}: exit code {process.returncode}:\n{(self.folder / 'output').read_text(encoding='utf-8')[-2000:]}")
        return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(hosts: int, forks: int, ways: Sequence[str], runs: int) -> list[Median]:
    """The medians of every way; all ways take turns, so that whatever else the machine does strikes all of them."""
    with tempfile.TemporaryDirectory(prefix="fleetlab-bench-") as folder:
        bench = Bench(Path(folder), hosts, forks)
        found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
        for _run in range(runs):
            for way in ways:
                found[way].append(bench.run(way))
    medians = []
    for way, figures in found.items():
        wall, cpu, memory = (statistics.median(column) for column in zip(*figures, strict=True))
        medians.append(Median(way, hosts, forks, round(wall, 3), round(cpu, 3), round(memory, 1)))
    return medians


def ratios(medians: Sequence[Median]) -> list[str]:
    """The goals and what came of them, as lines of text, for one number of hosts."""
    by_way = {median.way: asdict(median) for median in medians}
    lines = []
    for way, other, figure, goal in _RATIOS:
        if way in by_way and other in by_way:
            ratio = by_way[way][figure] / by_way[other][figure]
            lines.append(f"  {way} / {other}, {figure}: {ratio:.2f} (goal {goal}{', met' if ratio <= goal else ', NOT met'})")
    return lines


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
    parser.add_argument(
        "--most", type=int, default=100, help="hosts up to which modules are measured too; one costs a quarter second of CPU"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench-memory.json")
    options = parser.parse_args()
    # The collection as the bootstrap links it, whatever the user's configuration says.
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".cache" / "collections")
    dear = {"module", "ping", "setup_hardware", "setup"}
    results: list[Median] = []
    for hosts in options.hosts:
        for forks in options.forks:
            ways = [way for way in options.ways.split(",") if hosts <= options.most or way not in dear]
            medians = measure(hosts, forks, ways, options.runs)
            results += medians
            print(f"{hosts} hosts, {forks} at a time, medians of {options.runs} runs")
            for median in medians:
                per_host = f"{1000 * median.cpu / hosts:8.1f} ms CPU per host {median.memory:7.1f} MiB"
                print(f"  {median.way:15} {median.wall:8.2f} s wall {median.cpu:8.2f} s CPU {per_host}")
            print("\n".join(ratios(medians)), flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps([asdict(median) for median in results], indent=2) + "\n", encoding="utf-8")
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"Written to {options.output}; the largest process had {largest} MiB")


if __name__ == "__main__":
    main()
