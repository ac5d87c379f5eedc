# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program remembers between its runs: since when there is a problem, reconnects, and the lengths of outages. Pure.

The record has C(problems), the first sight of each problem by its key; C(arrays) and C(sessions), an entry for each; C(told), the problems
that were reported last by each channel; and C(recorded), the time of the last run.
"""

from __future__ import annotations

from typing import Any, Sequence

from .facts import Facts
from .judge import Problem
from .sessions import LOGGED_IN, Session
from .tree import RECORDS

RECORD = f"{RECORDS}/storage-check.json"


def update(record: dict[str, Any], facts: Facts, problems: Sequence[Problem], now: int) -> dict[str, Any]:
    """The record after a run."""
    arrays, sessions = _entries(record, "arrays"), _entries(record, "sessions")
    return {
        "recorded": now,
        "problems": {problem.key: since(record, problem, now) for problem in problems},
        "arrays": {
            array.name: _outage(arrays.get(array.name, {}), bool(array.degraded) or array.state == "inactive", now)
            for array in facts.arrays
            if not array.container
        },
        # A session that is away keeps its entry: its return is a reconnect.
        "sessions": {
            **{key: _outage(entry, True, now) for key, entry in sessions.items() if _is_wanted(key, facts)},
            **{session.key: _session(sessions.get(session.key), session, now) for session in facts.sessions},
        },
        "told": dict(_entries(record, "told")),
    }


def _entries(record: dict[str, Any], name: str) -> dict[str, Any]:
    found = record.get(name, {})
    return found if isinstance(found, dict) else {}


def since(record: dict[str, Any], problem: Problem, now: int) -> int:
    """When a problem was first seen; now for a new problem, and for a time when the clock was ahead."""
    first = _entries(record, "problems").get(problem.key, now)
    return min(int(first), now)


def _is_wanted(key: str, facts: Facts) -> bool:
    return key.partition(" at ")[0] in facts.automatic_targets


def _outage(entry: dict[str, Any], is_down: bool, now: int) -> dict[str, Any]:
    """The entry with the begin of an outage, or, after it, with its length."""
    begin = entry.get("down_since")
    if is_down:
        return {**entry, "down_since": now if begin is None else begin}
    return entry if begin is None else {**entry, "down_since": None, "last_outage": max(0, now - int(begin))}


def _session(entry: dict[str, Any] | None, session: Session, now: int) -> dict[str, Any]:
    """A new local port, or a new session, is a reconnect. Several between two runs count as one."""
    known = entry or {"source": session.source, "reconnects": 0}
    up = session.state == LOGGED_IN
    changed = up and known["source"] != session.source
    counted = {**known, "reconnects": known["reconnects"] + changed, "source": session.source if up else known["source"]}
    return _outage(counted, not up, now)


def signature(problems: Sequence[Problem]) -> list[str]:
    """The problems as far as a change of them is worth a message: without numbers such as the progress of a rebuild."""
    return sorted(f"{problem.level} {problem.key}" for problem in problems)
