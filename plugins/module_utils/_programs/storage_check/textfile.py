# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics for the textfile collector of node_exporter. Pure."""

from __future__ import annotations

from typing import Any, Iterator, Sequence, Tuple

from .facts import Facts
from .judge import WORDS, Problem
from .sessions import LOGGED_IN

FILE = "fleetlab_storage.prom"
_PREFIX = "fleetlab_storage_"
Sample = Tuple[str, "dict[str, str]", float]

_HELP = {
    "array_active": "Whether the array runs.",
    "array_missing_members": "Members that the array lacks.",
    "array_members": "Members of the array by state.",
    "array_mismatch_sectors": "Sectors that differed between copies at the last check.",
    "array_sync_ratio": "Progress of the resync, rebuild or check that runs now, from 0 to 1.",
    "array_sync_bytes_per_second": "Speed of the resync, rebuild or check that runs now.",
    "array_degraded_since_timestamp_seconds": "When the degradation that lasts now was first seen.",
    "array_last_recovery_seconds": "How long the last degradation lasted until the array was whole.",
    "array_last_scrub_timestamp_seconds": "When storage-scrub last compared all copies of the array.",
    "session_up": "Whether the session is logged in.",
    "session_disks": "Disks of the session.",
    "session_reconnects_total": "New connections and logins of the session; several within a minute count as one.",
    "session_last_outage_seconds": "How long the last outage of the session lasted.",
    "session_recovery_timeout_seconds": "How long the session waits for its target before it fails reads and writes.",
    "target_up": "Whether the target is enabled.",
    "target_luns": "LUNs of the target by whether their storage is there.",
    "target_sessions": "Initiators that are logged in to the target.",
    "mount_up": "Whether the file system is mounted as fstab declares it.",
    "problems": "Problems by severity, as storage-check reports them.",
    "last_run_timestamp_seconds": "When these metrics were written.",
}


def render(facts: Facts, problems: Sequence[Problem], record: dict[str, Any], scrubs: dict[str, Any]) -> str:
    """The text of the metrics."""
    samples: list[Sample] = [*_arrays(facts, record, scrubs), *_sessions(facts, record), *_targets(facts)]
    for level in (1, 2):
        samples.append(("problems", {"severity": WORDS[level].lower()}, sum(problem.level == level for problem in problems)))
    samples.append(("last_run_timestamp_seconds", {}, record["recorded"]))
    lines = []
    for name, description in _HELP.items():
        own = [sample for sample in samples if sample[0] == name]
        if own:
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {_PREFIX}{name} {description}", f"# TYPE {_PREFIX}{name} {kind}"]
            lines += [f"{_PREFIX}{name}{_labels(labels)} {value:.10g}" for _name, labels, value in own]
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{','.join(pairs)}}}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _arrays(facts: Facts, record: dict[str, Any], scrubs: dict[str, Any]) -> Iterator[Sample]:
    for array in facts.arrays:
        if array.container:
            continue
        own, kind = {"array": array.name}, {"array": array.name, "level": array.level}
        yield "array_active", kind, array.state != "inactive"
        yield "array_missing_members", own, array.degraded
        for state in ("in_sync", "rebuilding", "spare", "journal", "faulty"):
            yield "array_members", {**own, "state": state}, sum(member.state == state for member in array.members)
        if array.mismatches is not None:
            yield "array_mismatch_sectors", own, array.mismatches
        if array.total:
            action = {**own, "action": array.action}
            yield "array_sync_ratio", action, array.done / array.total
            yield "array_sync_bytes_per_second", action, array.speed * 1024
        entry = record["arrays"].get(array.name, {})
        yield from _present("array_degraded_since_timestamp_seconds", own, entry.get("down_since"))
        yield from _present("array_last_recovery_seconds", own, entry.get("last_outage"))
        yield from _present("array_last_scrub_timestamp_seconds", own, scrubs.get(array.uuid, {}).get("finished"))


def _sessions(facts: Facts, record: dict[str, Any]) -> Iterator[Sample]:
    running = {session.key: session for session in facts.sessions}
    # A session that is away is reported as down, not omitted.
    for key in sorted({*running, *record["sessions"]}):
        target, _at, portal = key.partition(" at ")
        labels, session, entry = {"target": target, "portal": portal}, running.get(key), record["sessions"][key]
        yield "session_up", labels, session is not None and session.state == LOGGED_IN
        yield "session_disks", labels, len(session.disks) if session else 0
        yield "session_reconnects_total", labels, entry.get("reconnects", 0)
        yield from _present("session_last_outage_seconds", labels, entry.get("last_outage"))
        yield from _present("session_recovery_timeout_seconds", labels, session.recovery_timeout if session else None)


def _targets(facts: Facts) -> Iterator[Sample]:
    for target in facts.targets:
        own = {"target": target.name}
        yield "target_up", own, target.enabled
        for active in (True, False):
            yield "target_luns", {**own, "active": str(active).lower()}, sum(lun.active == active for lun in target.luns)
        yield "target_sessions", own, sum(state == LOGGED_IN for state in target.initiators.values())
    for mount in facts.mounts:
        yield "mount_up", {"mount": mount.point, "device": mount.device}, mount.state == "mounted"


def _present(name: str, labels: dict[str, str], value: float | None) -> Iterator[Sample]:
    if value is not None:
        yield name, labels, value
