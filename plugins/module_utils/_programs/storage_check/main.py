# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of storage-check. argparse is not used, because its import takes longer than the whole check."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from typing import Any, Sequence

from . import history, notify, textfile
from .facts import Facts, read_facts
from .judge import CRITICAL, OK, UNKNOWN, WARNING, WORDS, Problem, find_problems
from .scrub import POSITIONS
from .tree import Tree

HELP = """\
usage: storage-check [--json | --record]

Reports the md arrays, iSCSI sessions, iSCSI targets and file systems of this host to a monitoring system: one line, and by exit code
0 (all is well), 1 (warning), 2 (critical) or 3 (unknown). Run it as root. It reads no disk, and so never waits for one.

  --json     print everything that was found, as JSON
  --record   remember since when problems last, write the metrics, and report new problems; a timer runs this every minute
  --help     show this
"""
_SHOWN = 5
"""The most problems in a line."""


def main(argv: list[str] | None = None) -> int:
    """Check, and return the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] in (["--help"], ["-h"]):
        sys.stdout.write(HELP)
        return OK
    if words not in ([], ["--json"], ["--record"]):
        sys.stderr.write(HELP)
        return UNKNOWN
    if os.geteuid() != 0:
        sys.stdout.write("UNKNOWN - only root can read the node records of iSCSI: run storage-check as root\n")
        return UNKNOWN
    tree, now = Tree(), int(time.time())
    return record(tree, now) if words == ["--record"] else report(tree, now, as_json=bool(words))


def report(tree: Tree, now: int, as_json: bool) -> int:
    """Print the check's line, or everything as JSON."""
    facts = read_facts(tree)
    problems, known = find_problems(facts), tree.load(history.RECORD)
    code = worst(facts, problems)
    text = json.dumps(view(facts, problems, known, now)) if as_json else line(facts, problems, known, now)
    sys.stdout.write(f"{text}\n")
    return OK if as_json else code


def record(tree: Tree, now: int) -> int:
    """Remember, write the metrics, and tell of changes. What was not told because of a failure is told by the next run.

    The timer's run and that of an administrator wait for each other: a run that tells from the record of another would tell twice, or
    forget what was told.
    """
    with tree.locked():
        return _record(tree, now)


def _record(tree: Tree, now: int) -> int:
    facts = read_facts(tree)
    problems = find_problems(facts)
    known = history.update(tree.load(history.RECORD), facts, problems, now)
    reached = _tell(tree, facts, problems, known, now)
    tree.save(history.RECORD, json.dumps(known) + "\n")
    folder = tree.load(notify.SETTINGS).get("textfile")
    if folder:
        tree.save(f"{folder}/{textfile.FILE}", textfile.render(facts, problems, known, tree.load(POSITIONS)))
    return OK if reached else WARNING


def _tell(tree: Tree, facts: Facts, problems: Sequence[Problem], known: dict[str, Any], now: int) -> bool:
    """Tell of changes by each channel, and remember for each what it has told."""
    code, text, news = worst(facts, problems), line(facts, problems, known, now), history.signature(problems)
    event = "StorageProblem" if code in (WARNING, CRITICAL) else "StorageRecovered"
    details = {"status": WORDS[code], "problems": [problem.text for problem in problems]}
    reached, named = True, tree.load(notify.SETTINGS)
    for channel in notify.CHANNELS:
        if named.get(channel) and known["told"].get(channel, []) != news:
            if notify.tell(tree, channel, event, text, [text], **details):
                known["told"][channel] = news
            else:
                reached = False
    return reached


def worst(facts: Facts, problems: Sequence[Problem]) -> int:
    """The exit code. A host without storage is unknown, because a check that sees nothing must not be green."""
    if facts.empty:
        return UNKNOWN
    return max((problem.level for problem in problems), default=OK)


def line(facts: Facts, problems: Sequence[Problem], known: dict[str, Any], now: int) -> str:
    """The answer for a monitoring system."""
    if facts.empty:
        return "UNKNOWN - this host has no array, iSCSI session or target, and none is configured"
    if not problems:
        return f"OK - {_counted(facts)}"
    shown = [f"{problem.text}, since {stamp(history.since(known, problem, now))}" for problem in problems[:_SHOWN]]
    rest = [f"{len(problems) - _SHOWN} more problems"] if len(problems) > _SHOWN else []
    return f"{WORDS[worst(facts, problems)]} - {'; '.join([*shown, *rest])}"


def _counted(facts: Facts) -> str:
    arrays = [array for array in facts.arrays if not array.container]
    containers = [array for array in facts.arrays if array.container]
    counts = (
        (arrays, "arrays"),
        (containers, "containers"),
        (facts.sessions, "sessions"),
        (facts.targets, "targets"),
        (facts.mounts, "file systems"),
    )
    busy = [f"{array.name}: {array.action} {array.percent} %" for array in arrays if array.percent is not None]
    return "; ".join([", ".join(f"{word}: {len(found)}" for found, word in counts if found), *busy])


def view(facts: Facts, problems: Sequence[Problem], known: dict[str, Any], now: int) -> dict[str, Any]:
    """Everything as data, for the status page."""
    return {
        "host": os.uname().nodename,
        "now": now,
        "recorded": known.get("recorded"),
        "status": WORDS[worst(facts, problems)],
        "problems": [{**asdict(problem), "since": history.since(known, problem, now)} for problem in problems],
        **asdict(facts),
    }


def stamp(instant: int) -> str:
    """An instant in UTC, in the form of ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(instant))
