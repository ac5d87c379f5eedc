# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The goals of the memory benchmark, and whether its figures reach them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Median:
    """Medians of the runs of one way: seconds of wall and CPU time, all and the targets' alone, and its largest process in MiB."""

    way: str
    where: str
    hosts: int
    forks: int
    wall: float
    cpu: float
    target_cpu: float
    memory: float
    runs: int


@dataclass(frozen=True)
class Goal:
    """One way may cost at most C(most) times as much as another, for a number of hosts at one place."""

    way: str
    other: str
    figure: str
    most: float
    where: str
    hosts: int


GOALS = (
    Goal("action", "raw", "wall", 1.10, "ssh", 20),
    Goal("action", "setup_hardware", "wall", 0.15, "ssh", 20),
    # The same among more, where the half second in which Ansible starts counts for less.
    Goal("action", "setup_hardware", "wall", 0.15, "ssh", 100),
    Goal("action", "setup_hardware", "cpu", 0.2, "ssh", 20),
    Goal("module", "ping", "cpu", 1.15, "ssh", 20),
    Goal("one_pass", "raw", "wall", 0.12, "local", 1000),
    Goal("one_pass", "clush", "wall", 0.8, "each", 1000),
    Goal("one_pass", "clush", "wall", 1.25, "ssh", 100),
)
_SHOWN = (
    *((goal.way, goal.other, goal.figure) for goal in GOALS),
    ("mitogen", "action", "wall"),
    ("mitogen", "action", "cpu"),
    ("pyinfra", "action", "wall"),
    ("setup", "action", "cpu"),
    ("setup_min", "action", "cpu"),
)
_LINEAR = 1.25
"""The factor by which each further host may cost more among thousands than among hundreds."""
_REPORT_ADDS = 2.0
_REPORTED = 649
_ENOUGH = 5
"""The number of runs that a verdict needs."""


@dataclass(frozen=True)
class Verdict:
    """A goal and its verdict; C(met) is None if the goal was not measured."""

    text: str
    met: bool | None


@dataclass(frozen=True)
class Figures:
    """All medians, to look one up."""

    medians: Sequence[Median] = field(default_factory=tuple)

    def get(self, way: str, where: str, hosts: int) -> Median | None:
        """The median with the most hosts at a time, as for a fleet."""
        found = [median for median in self.medians if (median.way, median.where, median.hosts) == (way, where, hosts)]
        return max(found, key=lambda median: median.forks, default=None)


def is_judged(way: str, where: str, hosts: int) -> bool:
    """Whether a goal needs this figure, so that it has to be the median of enough runs."""
    if where in ("simulated", "facts"):
        return way != "clush"
    # Whatever is judged is shown against a raw task too.
    return any((goal.where, goal.hosts) == (where, hosts) and way in (goal.way, goal.other, "raw") for goal in GOALS)


def ratios(medians: Sequence[Median]) -> list[str]:
    """The costs of the ways compared with each other, for one place and number of hosts, as lines of text."""
    by_way = {median.way: median for median in medians}
    return [
        f"  {way} / {other}, {figure}: {getattr(by_way[way], figure) / getattr(by_way[other], figure):.2f}"
        for way, other, figure in dict.fromkeys(_SHOWN)
        if way in by_way and other in by_way
    ]


def verdicts(medians: Sequence[Median]) -> list[Verdict]:
    """Every goal."""
    figures = Figures(medians)
    return [*(_verdict(figures, goal) for goal in GOALS), *_linear(figures), _report(figures)]


def _verdict(figures: Figures, goal: Goal) -> Verdict:
    text = f"{goal.way} / {goal.other}, {goal.figure}, {goal.hosts} hosts, {goal.where}: at most {goal.most}"
    way, other = (figures.get(name, goal.where, goal.hosts) for name in (goal.way, goal.other))
    if way is None or other is None:
        return Verdict(text, None)
    ratio = getattr(way, goal.figure) / getattr(other, goal.figure)
    return _judged(f"{text}, is {ratio:.2f}", ratio <= goal.most, (way, other))


def _judged(text: str, met: bool, medians: Sequence[Median]) -> Verdict:
    """A verdict, if there were enough runs."""
    runs = min(median.runs for median in medians)
    return Verdict(f"{text} ({runs} runs)", met) if runs >= _ENOUGH else Verdict(f"{text} ({runs} runs, needs {_ENOUGH})", None)


def _linear(figures: Figures) -> list[Verdict]:
    sizes = sorted({median.hosts for median in figures.medians if median.where == "simulated"})
    texts = {"wall": "one pass, seconds for each further host", "memory": "one pass, MiB for each further host"}
    if len(sizes) < 3:
        return [Verdict(f"{text}: needs three numbers of simulated hosts", None) for text in texts.values()]
    found = [figures.get("one_pass", "simulated", hosts) for hosts in (sizes[0], sizes[-2], sizes[-1])]
    few, many, most = found
    if few is None or many is None or most is None:
        return [Verdict(f"{text}: one pass over simulated hosts failed", None) for text in texts.values()]
    result = []
    for figure, text in texts.items():
        first, second = _slope(few, many, figure), _slope(many, most, figure)
        text += f": {first:.5f} up to {many.hosts} hosts, {second:.5f} up to {most.hosts}, at most {_LINEAR} times as much"
        result.append(_judged(text, second <= _LINEAR * first, (few, many, most)))
    return result


def _slope(few: Median, many: Median, figure: str) -> float:
    difference: float = getattr(many, figure) - getattr(few, figure)
    return difference / (many.hosts - few.hosts)


def _report(figures: Figures) -> Verdict:
    text = f"the report of {_REPORTED} hosts adds less than {_REPORT_ADDS:g} s"
    report, without = (figures.get(way, "facts", _REPORTED) for way in ("report", "no_report"))
    if report is None or without is None:
        return Verdict(text, None)
    adds = report.wall - without.wall
    return _judged(f"{text}, adds {adds:.2f} s", adds < _REPORT_ADDS, (report, without))
