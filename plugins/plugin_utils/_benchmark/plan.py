# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements of a storage benchmark, their order and their time. Pure; runs on the controller."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .subjects import BenchmarkError

LAYOUTS = ("raid1", "n3", "f3", "o3")
"""The layouts with three copies that are compared."""

COPIES = 3
"""Number of servers that the comparison of layouts needs."""

OVERHEAD_SECONDS = 1.0
"""Time of a run besides its warm-up and its measurement: fio's start, and the queues that run empty."""


@dataclass(frozen=True)
class Pattern:
    """How a device is used. C(depth) is the queue depth for each volume; C(most) limits the sum over all volumes at the usual depth."""

    name: str
    operation: str
    block: str
    depth: int
    most: int
    streams: int = 1

    @property
    def sequential(self) -> bool:
        """Whether it is measured in bytes per second, and not in operations per second."""
        return not self.operation.startswith("rand")


PATTERNS: Mapping[str, Pattern] = {
    "seq": Pattern("seq", "read", "1M", 4, 64),
    "seq4": Pattern("seq4", "read", "1M", 4, 64, streams=4),
    "rand": Pattern("rand", "randread", "4k", 16, 256),
    "write": Pattern("write", "write", "1M", 4, 64),
    "randwrite": Pattern("randwrite", "randwrite", "4k", 16, 256),
}


@dataclass(frozen=True)
class Run:
    """One run of fio: the C(repeat)-th repeat of C(pattern) on C(subject)."""

    subject: str
    pattern: str
    depth: Optional[int] = None
    repeat: int = 1


@dataclass(frozen=True)
class Stage:
    """Runs that need the same state of the machines.

    C(speed) is the throttle of each volume, in MB/s and operations per second, or C(None). C(scratch) names the scratch arrays that the
    runs need: C(none), C(layouts) (one for each layout, each over three volumes) or C(chain) (mirrors and a stripe over all volumes, on
    sessions with the settings of C(tuning)). C(lost) is the number of servers that these arrays have lost.
    """

    title: str
    runs: Tuple[Run, ...]
    speed: Optional[Tuple[float, int]] = None
    scratch: str = "none"
    rotational: bool = False
    lost: int = 0
    tuning: str = "tuned"


@dataclass(frozen=True)
class Settings:
    """The user's choices. Times are in seconds; C(speeds) are pairs of MB/s and operations per second, the first pair is the main speed.

    C(only) is a regular expression that is searched in the titles of stages; an empty one selects all stages.
    """

    extent: str
    seconds: float
    warm_up: float
    repeats: int
    speeds: Tuple[Tuple[float, int], ...]
    mirror: str
    stripe: str
    servers: int
    volumes: int
    only: str = ""

    def __post_init__(self) -> None:
        wrong = [name for name in ("seconds", "repeats", "servers", "volumes") if getattr(self, name) < 1]
        if self.warm_up < 0:
            wrong.append("warm_up")
        if any(rate <= 0 or operations <= 0 for rate, operations in self.speeds):
            wrong.append("speeds")
        if self.extent not in ("short", "full"):
            wrong.append("extent")
        try:
            re.compile(self.only)
        except re.error:
            wrong.append("only")
        if wrong:
            raise BenchmarkError(f"the benchmark cannot be planned with this value of {', '.join(wrong)}: {self}")


def make_stages(settings: Settings) -> List[Stage]:
    """The stages in their order. Without a speed for the throttle, only the stages at full speed."""
    if settings.extent == "short":
        return [_throttled(speed, ("one_lun", settings.mirror, settings.stripe), 1) for speed in settings.speeds[:1]]
    stages: List[Stage] = []
    for speed in settings.speeds[:1]:
        for name in ("one_lun", "one_server", settings.mirror, settings.stripe):
            stages += [_throttled(speed, (name,), settings.repeats), _depths(speed, name)]
        stages.append(_throttled(speed, tuple(f"scale_{count}" for count in _scale(settings)), settings.repeats))
    for speed in settings.speeds[1:]:
        stages.append(_throttled(speed, (settings.mirror, settings.stripe), settings.repeats))
    stages.append(Stage("volumes at full speed", _runs(("one_lun", settings.mirror, settings.stripe), ("seq", "rand"), settings.repeats)))
    if settings.servers == COPIES:
        for speed in settings.speeds[:1]:
            stages += _layouts(settings, speed)
    return stages + _chains(settings)


def _scale(settings: Settings) -> List[int]:
    most = settings.servers * settings.volumes
    return [count for count in (1, 3, 5, 10, 15) if count < most] + [most]


def _runs(subjects: Sequence[str], patterns: Sequence[str], repeats: int, depth: Optional[int] = None) -> Tuple[Run, ...]:
    return tuple(Run(name, pattern, depth, repeat + 1) for name in subjects for pattern in patterns for repeat in range(repeats))


def _throttled(speed: Tuple[float, int], subjects: Sequence[str], repeats: int) -> Stage:
    title = f"{', '.join(subjects)} at {speed[0]:g} MB/s and {speed[1]} IOPS a volume"
    return Stage(title, _runs(subjects, ("seq", "rand"), repeats), speed)


def _depths(speed: Tuple[float, int], name: str) -> Stage:
    """A quarter of the usual depth, which may be too low, and twice the usual depth, which may help."""
    runs: List[Run] = []
    for pattern in ("seq", "rand"):
        for depth in (PATTERNS[pattern].depth // 4, PATTERNS[pattern].depth * 2):
            runs += _runs((name,), (pattern,), 1, depth)
    return Stage(f"{name} at other queue depths", tuple(runs), speed)


def _layouts(settings: Settings, speed: Tuple[float, int]) -> List[Stage]:
    names = tuple(f"layout_{layout}" for layout in LAYOUTS)
    stage = Stage("", (), speed, "layouts")
    stages: List[Stage] = []
    for rotational in (False, True):
        word = f"layouts, rotational {int(rotational)}"
        whole = _runs(names, ("seq", "seq4", "rand"), settings.repeats)
        stages.append(replace(stage, title=word, runs=whole, rotational=rotational))
        if not rotational:
            stages.append(replace(stage, title="layouts, writes", runs=_runs(names, ("write", "randwrite"), 1)))
        for lost in (1, 2):
            title = f"{word}, {lost} of {COPIES} servers lost"
            stages.append(replace(stage, title=title, runs=_runs(names, ("seq", "rand"), 1), rotational=rotational, lost=lost))
    return stages


def _chains(settings: Settings) -> List[Stage]:
    """A chain like the one in use, with the defaults of kernel and distribution, and with the settings of the roles."""
    stages = []
    for tuning in ("untuned", "tuned"):
        for speed in (*settings.speeds[:1], None):
            word = "at full speed" if speed is None else f"at {speed[0]:g} MB/s and {speed[1]} IOPS a volume"
            # At full speed the CPU is the limit, which varies, so one more repeat.
            name = f"chain_{tuning}"
            runs = _runs((name,), ("seq", "rand"), settings.repeats + (speed is None))
            if speed is not None:
                # The session's limit of commands in flight shows only at a higher depth.
                runs += _runs((name,), ("seq",), settings.repeats, PATTERNS["seq"].depth * 2)
            stages.append(Stage(f"{tuning} chain {word}", runs, speed, "chain", tuning=tuning))
    return stages


def describe(settings: Settings) -> Dict[str, Any]:
    """The plan in the form for Ansible.

    C(stages) have the fields of L(Stage) and C(number), C(label), C(speed) as a list; each of their runs has an C(id) besides its
    fields. C(runs) and C(seconds) are the totals. The label shows the progress to a person: the numbers of the runs, their total, and
    the remaining time. C(problem) names the parts of C(only) that match no stage, and is empty if all parts match.
    """
    possible = [stage for stage in make_stages(settings) if stage.runs]
    stages = [stage for stage in possible if re.search(settings.only, stage.title)]
    each = settings.seconds + settings.warm_up + OVERHEAD_SECONDS
    count = sum(len(stage.runs) for stage in stages)
    described: List[Dict[str, Any]] = []
    done = 0
    for number, stage in enumerate(stages, 1):
        first, done = done + 1, done + len(stage.runs)
        left = (count - done) * each
        runs = [{**asdict(run), "id": f"{first + index}: {run.subject} {run.pattern}"} for index, run in enumerate(stage.runs)]
        label = f"runs {first} to {done} of {count}, {stage.title}; then {_minutes(left)} left"
        described.append({**asdict(stage), "number": number, "label": label, "speed": list(stage.speed or (0, 0)), "runs": runs})
    return {
        "stages": described,
        "runs": count,
        "seconds": round(count * each),
        "duration": _minutes(count * each),
        "problem": _problem(settings, [stage.title for stage in possible]),
    }


def _problem(settings: Settings, titles: Sequence[str]) -> str:
    """The parts of C(only) that match no stage. Without this, a misspelt part would only be noticed after the benchmark."""
    if not titles:
        needed = "storage_benchmark_mb_per_s and storage_benchmark_iops"
        return f"the extent {settings.extent} only measures throttled volumes: give {needed}"
    unmatched = [one for one in _alternatives(settings.only) if not any(re.search(one, title) for title in titles)]
    if not unmatched:
        return ""
    asked = " or ".join(f"'{one}'" for one in unmatched)
    return f"storage_benchmark_only: no stage matches {asked}. The stages of {settings.extent} are: {'; '.join(titles)}"


def _alternatives(only: str) -> List[str]:
    """The alternatives of a regular expression, which are separated by bars outside groups and sets."""
    found, depth, in_set = [""], 0, False
    for token in re.findall(r"\\.|.", only, re.DOTALL):
        if token == "|" and depth == 0 and not in_set:
            found.append("")
            continue
        in_set = token == "[" or (in_set and token != "]")
        depth += 0 if in_set else {"(": 1, ")": -1}.get(token, 0)
        found[-1] += token
    try:
        flags = re.compile(only).flags & re.IGNORECASE
        return [f"(?i:{one})" if flags and not one.startswith("(?i)") else one for one in found if re.compile(one)]
    except re.error:
        # An alternative refers to another, so the expression cannot be split.
        return [only]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
