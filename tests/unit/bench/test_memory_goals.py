# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory benchmark: what it measures first, that one way which fails does not hold up the others, and what it calls met."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.bench import memory_ways
from ansible_collections.fleetlab.linux.tests.bench.memory import Clock, Comparison, Stage, stages
from ansible_collections.fleetlab.linux.tests.bench.memory_goals import GOALS, Median, is_judged, ratios, verdicts
from ansible_collections.fleetlab.linux.tests.bench.memory_hosts import Each, Local
from ansible_collections.fleetlab.linux.tests.bench.memory_ways import Bench, Cost, Unable

OPTIONS = argparse.Namespace(
    hosts=[1, 20, 100, 649, 1000],
    simulated=[100, 1000, 5000],
    forks=[5, 50],
    where="local,each,ssh,simulated,facts",
    most=100,
    dear=20,
    runs=5,
    limit=60.0,
)


def median(way: str, where: str, hosts: int, wall: float = 1.0, **figures: float) -> Median:
    """A median whose other figures matter little."""
    known = {"cpu": 1.0, "target_cpu": 0.0, "memory": 50.0, **figures}
    return Median(way, where, hosts, 50, wall, known["cpu"], known["target_cpu"], known["memory"], 5)


def perfect() -> list[Median]:
    """Figures that meet every goal."""
    found = [median(goal.other, goal.where, goal.hosts, 100.0, cpu=100.0) for goal in GOALS if goal.other not in ("raw", "clush")]
    found += [median("action", "ssh", hosts, 10.0, cpu=10.0) for hosts in (20, 100)]
    found += [median("raw", "ssh", 20, 9.5), median("module", "ssh", 20, cpu=110.0)]
    found += [median("one_pass", "each", 1000, 3.0), median("raw", "each", 1000, 30.0), median("clush", "each", 1000, 5.0)]
    found += [median("one_pass", "local", 1000, 3.0), median("raw", "local", 1000, 30.0)]
    found += [median("one_pass", "ssh", 100, 1.0), median("clush", "ssh", 100, 1.0)]
    found += [median("one_pass", "simulated", hosts, 1 + hosts / 200, memory=50 + hosts / 100) for hosts in (100, 1000, 5000)]
    return [*found, median("report", "facts", 649, 4.5), median("no_report", "facts", 649, 3.0)]


def test_every_goal_is_met_by_figures_that_meet_them() -> None:
    found = verdicts(perfect())
    assert [verdict.text for verdict in found if not verdict.met] == []
    assert len(found) == len(GOALS) + 3


@pytest.mark.parametrize(
    ("dearer", "words"),
    [
        (median("action", "ssh", 20, 10.0, cpu=21.0), "action / setup_hardware, cpu"),
        (median("one_pass", "each", 1000, 4.1), "one_pass / clush"),
        (median("one_pass", "simulated", 5000, 40.0, memory=100.0), "seconds for each further host"),
        (median("one_pass", "simulated", 5000, 26.0, memory=150.0), "MiB for each further host"),
        (median("report", "facts", 649, 5.1), "the report of 649 hosts"),
    ],
)
def test_what_is_too_dear_is_named(dearer: Median, words: str) -> None:
    key = (dearer.way, dearer.where, dearer.hosts)
    found = [one for one in perfect() if (one.way, one.where, one.hosts) != key]
    missed = [verdict.text for verdict in verdicts([*found, dearer]) if verdict.met is False]
    assert len(missed) == 1
    assert words in missed[0]


def test_what_was_not_measured_is_neither() -> None:
    assert {verdict.met for verdict in verdicts([])} == {None}


def test_too_few_runs_are_no_verdict() -> None:
    found = verdicts([dataclasses.replace(one, runs=4) for one in perfect()])
    assert {verdict.met for verdict in found} == {None}
    assert all(verdict.text.endswith("(4 runs, needs 5)") for verdict in found)


def test_one_pass_reads_as_often_as_the_others_where_it_is_compared_with_them(tmp_path: Path) -> None:
    where = Each(tmp_path)
    bench = Bench(tmp_path, where, 20, 5, 120.0)
    where.program.write_text(where.program.read_text(encoding="utf-8").replace("\n", f"\necho x >>{tmp_path}/calls\n", 1), encoding="utf-8")
    bench.run("one_pass")
    assert (tmp_path / "calls").read_text(encoding="utf-8") == "x\n" * 20
    assert (tmp_path / "output").read_text(encoding="utf-8").count("--h") == 20
    assert [way for way in memory_ways.WAYS if bench.possible(way) is None] == ["raw", "one_pass", "clush"]
    assert bench.argv("clush")[-1] == memory_ways.READS
    assert bench.argv("raw")[-5:] == ["all", "-m", "ansible.builtin.raw", "-a", memory_ways.READS]
    assert "local" in bench.argv("raw")


def test_ratios_are_of_ways_that_were_measured() -> None:
    assert ratios([median("action", "ssh", 20, 2.0), median("raw", "ssh", 20, 1.0)]) == ["  action / raw, wall: 2.00"]


def test_what_goals_depend_on_comes_first_and_everything_comes() -> None:
    found = stages(OPTIONS)
    needed = [any(is_judged(way, stage.where, stage.hosts) for way in memory_ways.WAYS) and stage.forks == 50 for stage in found]
    assert needed == sorted(needed, reverse=True)
    for goal in GOALS:
        assert Stage(goal.where, goal.hosts, 50) in found
    assert {(stage.hosts, stage.forks) for stage in found if stage.where == "local"} == {(n, f) for n in OPTIONS.hosts for f in (5, 50)}
    assert {stage.hosts for stage in found if stage.where == "ssh"} == {1, 20, 100}


def test_a_way_that_fails_is_named_and_not_tried_with_more_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[tuple[str, int]] = []

    def run(bench: Bench, way: str) -> Cost:
        tried.append((way, bench.hosts))
        if way == "mitogen":
            raise Unable("mitogen: did not end within 60 s")
        return Cost(1.0, 2.0, 0.0, 30.0)

    monkeypatch.setattr(Bench, "run", run)
    comparison = Comparison(OPTIONS, ["raw", "mitogen"], Clock(20))
    for hosts in (1, 20):
        found = comparison.run(Stage("local", hosts, 50), Local(tmp_path))
        assert [one.way for one in found] == ["raw"]
    assert tried.count(("mitogen", 1)) == 1
    assert ("mitogen", 20) not in tried
    assert "not measured from 1 hosts on: mitogen: did not end" in capsys.readouterr().out


def test_nothing_is_begun_when_the_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(20)
    clock.end = 0.0
    monkeypatch.setattr(Bench, "run", lambda _bench, _way: pytest.fail("it was begun"))
    assert Comparison(OPTIONS, ["raw"], clock).run(Stage("ssh", 20, 50), Local(tmp_path)) == []


def test_a_command_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bench, "argv", lambda _bench, way: ["/bin/sh", "-c", way])
    bench = Bench(tmp_path, Local(tmp_path), 1, 5, 1.0)
    with pytest.raises(Unable, match="did not end within 1 s"):
        bench.run("sleep 900; true")
    with pytest.raises(Unable, match="exit code 3: no"):
        bench.run("echo no; exit 3")
    assert bench.run("true").wall < 60
