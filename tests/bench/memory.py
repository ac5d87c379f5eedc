# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How dear it is to read the memory of many hosts, one way and another: C(make bench-memory).

Hosts are this machine under many names (connection local), or behind an sshd of the benchmark's own on a loopback port, or simulated.
CPU time is the kernel's account of the process and all it started; with ssh the targets' is counted apart, with local hosts it is
one figure. What counts are the ratios: they hold on busy machines too, as every way is run in turn.

In one pass the names of one machine are read once, so its figures for local hosts are those of the bookkeeping. At the place "each" every
name is one more reading of this machine, by a command of its own; with ssh and simulated hosts too there is a process for each.

What a goal depends on comes first, with all runs; everything else is run once, as long as there is time. C(--budget 0) takes hours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import COMMAND
from ansible_collections.fleetlab.linux.tests.bench.memory_goals import Median, is_judged, ratios, verdicts
from ansible_collections.fleetlab.linux.tests.bench.memory_hosts import Each, Facts, Local, Simulated, Ssh
from ansible_collections.fleetlab.linux.tests.bench.memory_sshd import find_sshd
from ansible_collections.fleetlab.linux.tests.bench.memory_ways import DEAR, EXTRA, EXTRAS, ROOT, WAYS, Bench, Cost, Unable, install

_PLACES = ("local", "each", "ssh", "simulated", "facts")
_REPORTED = 649


@dataclass(frozen=True)
class Stage:
    """One table of the output: a number of hosts at one place, and a number of hosts at a time."""

    where: str
    hosts: int
    forks: int


class Clock:
    """The remaining time; infinite without a budget."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes if minutes else None

    @property
    def is_over(self) -> bool:
        """Whether no further run may begin."""
        return self.end is not None and time.monotonic() >= self.end


def stages(options: argparse.Namespace) -> list[Stage]:
    """What goals depend on first, then with as many at a time, then few hosts before many."""
    sizes = {"local": options.hosts, "each": options.hosts, "simulated": options.simulated, "facts": [_REPORTED]}
    sizes["ssh"] = [hosts for hosts in options.hosts if hosts <= options.most]
    found = []
    for where in options.where.split(","):
        # Nothing of the others depends on how many hosts Ansible reads at a time.
        forks = options.forks if where in ("local", "ssh") else [max(options.forks)]
        found += [Stage(where, hosts, number) for hosts in sizes[where] for number in forks]
    return sorted(found, key=lambda stage: (not _is_needed(stage, options), -stage.forks, stage.hosts))


def _is_needed(stage: Stage, options: argparse.Namespace) -> bool:
    return stage.forks == max(options.forks) and any(is_judged(way, stage.where, stage.hosts) for way in WAYS)


class Comparison:
    """All stages, one after the other, and the results of the ways so far."""

    def __init__(self, options: argparse.Namespace, ways: Sequence[str], clock: Clock) -> None:
        self.options, self.ways, self.clock = options, ways, clock
        self.unable: dict[tuple[str, str], int] = {}
        """The places where a way failed, with the number of hosts. It is not tried again with more hosts."""

    def run(self, stage: Stage, where: Local) -> list[Median]:
        """The medians of every way. All ways take turns, so that other work of the machine slows all of them."""
        bench = Bench(where.folder, where, stage.hosts, stage.forks, self.options.limit)
        ways = [way for way in self.ways if self._chosen(way, stage) and bench.possible(way) is None]
        found: dict[str, list[Cost]] = {way: [] for way in ways}
        most = {way: self._runs(way, stage) for way in ways}
        for way in ways:
            # Not counted: what is made once (connections, compiled files). Among many hosts it does not show.
            if most[way] > 1 and stage.hosts <= self.options.most:
                self._try(bench, way, stage)
        for turn in range(max(most.values(), default=0)):
            for way in ways:
                cost = self._try(bench, way, stage) if turn < most[way] else None
                found[way] += [] if cost is None else [cost]
        return [_median(way, stage, costs) for way, costs in found.items() if costs]

    def _chosen(self, way: str, stage: Stage) -> bool:
        return stage.hosts <= self.options.dear or way not in DEAR or is_judged(way, stage.where, stage.hosts)

    def _runs(self, way: str, stage: Stage) -> int:
        needed = is_judged(way, stage.where, stage.hosts) and stage.forks == max(self.options.forks)
        return int(self.options.runs) if needed or self.clock.end is None else 1

    def _try(self, bench: Bench, way: str, stage: Stage) -> Cost | None:
        if self.clock.is_over or stage.hosts >= self.unable.get((way, stage.where), stage.hosts + 1):
            return None
        try:
            return bench.run(way)
        except Unable as error:
            self.unable[way, stage.where] = stage.hosts
            print(f"  not measured from {stage.hosts} hosts on: {error}", flush=True)
            return None


def _median(way: str, stage: Stage, costs: Sequence[Cost]) -> Median:
    middle = {name: statistics.median(asdict(cost)[name] for cost in costs) for name in ("wall", "cpu", "target_cpu", "memory")}
    return Median(way, stage.where, stage.hosts, stage.forks, **{name: round(value, 3) for name, value in middle.items()}, runs=len(costs))


@contextmanager
def places(folder: Path, names: Sequence[str]) -> Iterator[dict[str, Local]]:
    """The place of the hosts; cleaned up at the end."""
    made: dict[str, Local] = {}
    try:
        for name in names:
            place = folder / name
            place.mkdir()
            sshd, problem = find_sshd(EXTRAS / "sshd") if name == "ssh" else (None, "")
            if problem:
                print(f"ssh: not measured: {problem}")
                continue
            try:
                made[name] = _place(name, place, sshd)
            except OSError as error:
                print(f"{name}: not measured: {error}")
        yield made
    finally:
        for where in made.values():
            where.close()


def _place(name: str, folder: Path, sshd: str | None) -> Local:
    if name == "ssh":
        return Ssh(folder, str(sshd))
    if name == "simulated":
        return Simulated(folder, recorded())
    if name == "facts":
        return Facts(folder, recorded())
    return Each(folder) if name == "each" else Local(folder)


def recorded() -> str:
    """The reading of this machine, which simulated hosts repeat."""
    return subprocess.run(["/bin/sh", "-c", COMMAND], capture_output=True, text=True, check=True).stdout


def numbers(text: str) -> list[int]:
    """Numbers separated by commas."""
    return [int(part) for part in text.split(",")]


def main() -> int:
    """Measure, print, and write the figures to a file. The exit code is 1 if a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=numbers, default=[1, 20, 100, 649, 1000])
    parser.add_argument("--forks", type=numbers, default=[5, 50])
    parser.add_argument("--runs", type=int, default=5, help="of what a goal depends on")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--where", default=",".join(_PLACES))
    parser.add_argument("--simulated", type=numbers, default=[100, 1000, 5000], help="numbers of hosts that are only simulated")
    parser.add_argument("--most", type=int, default=100, help="hosts up to which ssh is measured")
    parser.add_argument("--dear", type=int, default=20, help="hosts up to which modules and other tools are measured, but for goals")
    parser.add_argument(
        "--budget", type=float, default=30, help="minutes after which nothing new is begun; 0: all ways, all runs, for hours"
    )
    parser.add_argument("--limit", type=float, default=120, help="seconds after which one command is ended, and named")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench-memory.json")
    options = parser.parse_args()
    # The collection as the bootstrap links it, whatever the user's configuration says.
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".cache" / "collections")
    clock = Clock(options.budget)
    comparison = Comparison(options, _installed(options.ways.split(",")), clock)
    results: list[Median] = []
    with tempfile.TemporaryDirectory(prefix="fleetlab-bench-") as folder, places(Path(folder), options.where.split(",")) as made:
        for stage in stages(options):
            if stage.where in made:
                results += _show(comparison, stage, made[stage.where])
    print("Goals")
    judged = verdicts(results)
    for verdict in judged:
        print(f"  {'not measured' if verdict.met is None else 'met' if verdict.met else 'NOT met'}: {verdict.text}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps([asdict(median) for median in results], indent=2) + "\n", encoding="utf-8")
    print(f"Written to {options.output}")
    return 1 if any(verdict.met is False for verdict in judged) else 0


def _installed(names: Sequence[str]) -> list[str]:
    ways = []
    for way in names:
        reason = install(way) if way in EXTRA else None
        ways += [way] if reason is None else []
        if reason is not None:
            print(f"{way}: not measured: {reason}")
    return ways


def _show(comparison: Comparison, stage: Stage, where: Local) -> list[Median]:
    """Run one stage, and print its results."""
    title = f"{stage.hosts} hosts, {stage.where}, {stage.forks} at a time"
    if comparison.clock.is_over:
        print(f"{title}: not measured: the time is up (--budget)")
        return []
    print(title, flush=True)
    medians = comparison.run(stage, where)
    for median in medians:
        each = (1000 * part / stage.hosts for part in (median.cpu - median.target_cpu, median.target_cpu))
        parts = "{:8.1f} + {:6.1f} ms CPU per host".format(*each)
        runs = f"{median.runs} run{'s' if median.runs > 1 else ''}"
        print(f"  {median.way:15} {median.wall:8.2f} s wall {median.cpu:8.2f} s CPU {parts} {median.memory:7.1f} MiB  {runs}")
    print("\n".join(ratios(medians)), flush=True)
    return medians


if __name__ == "__main__":
    sys.exit(main())
