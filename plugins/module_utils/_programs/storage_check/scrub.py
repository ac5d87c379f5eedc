# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the copies of arrays within a window of time and below a speed, and go on from there the next time.

md's C(check) reads all members of an array and counts the sectors that differ. The arrays are checked one after the other, so that the
speed is that of the whole host.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any, Callable

from .arrays import Array, read_arrays
from .tree import RECORDS, Tree

POSITIONS = f"{RECORDS}/storage-scrub.json"
"""By UUID: C(position), the sector from which to go on, and C(finished), the time of the last whole check."""

HELP = """\
usage: storage-scrub MINUTES SPEED [ARRAY ...]

Compares the copies of redundant md arrays, one array after the other, and ends after MINUTES; the next call goes on from there. SPEED is
the limit in KiB/s of each disk. Without names of arrays, it checks all of them, the array whose last check is the oldest first. An array
that is degraded, busy or read-only is skipped. Exit code: 0; 1 if copies differ; 2 for wrong usage.
"""
_PAUSE = 1.0


class Window:
    """The time that is left. A signal ends it, so that a check is always ended in an orderly way."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def open(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._end

    def close(self, *_signal: Any) -> None:
        """End the window now."""
        self._end = 0.0


def main(argv: list[str] | None = None) -> int:
    """Scrub, and return the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] in (["--help"], ["-h"]):
        sys.stdout.write(HELP)
        return 0
    if len(words) < 2 or not all(word.isascii() and word.isdigit() and int(word) for word in words[:2]):
        sys.stderr.write(HELP)
        return 2
    window = Window(int(words[0]) * 60)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, window.close)
    return scrub(Tree(), window, int(words[1]), words[2:])


def scrub(tree: Tree, window: Window, speed: int, names: list[str], wait: Callable[[float], None] = time.sleep) -> int:
    """Check the arrays within the window; 1 if copies differ."""
    differing = []
    for array in _in_turn(tree, names):
        if not window.open:
            break
        _check(tree, array, window, speed, wait)
        count = tree.number(f"/sys/block/{array.kernel_name}/md/mismatch_cnt") or 0
        if count:
            differing.append(f"{array.name}: {count} sectors differ between copies")
    for text in differing:
        sys.stdout.write(f"WARNING: {text}\n")
    return 1 if differing else 0


def _in_turn(tree: Tree, names: list[str]) -> list[Array]:
    positions = tree.load(POSITIONS)
    able = [array for array in read_arrays(tree) if _is_able(array) and (not names or {array.name, array.kernel_name} & set(names))]
    # An interrupted check comes first, then the array whose last check is the oldest.
    return sorted(able, key=lambda array: _turn(positions.get(array.uuid, {})))


def _turn(entry: dict[str, Any]) -> tuple[bool, int]:
    return not entry.get("position"), entry.get("finished") or 0


def _is_able(array: Array) -> bool:
    whole = not array.degraded and not array.container and array.state in ("clean", "active", "active-idle", "write-pending")
    return array.redundant and whole and array.action == "idle" and bool(array.uuid)


def _check(tree: Tree, array: Array, window: Window, speed: int, wait: Callable[[float], None]) -> None:
    folder = f"{tree.root}/sys/block/{array.kernel_name}/md"
    begin = tree.load(POSITIONS).get(array.uuid, {}).get("position", 0)
    reached = begin
    try:
        _write(f"{folder}/sync_speed_max", str(speed))
        # Another limit of the same kind: without it md goes at least as fast as this.
        _write(f"{folder}/sync_speed_min", str(min(speed, 1000)))
        _write(f"{folder}/sync_min", str(begin))
        _write(f"{folder}/sync_action", "check")
        while True:
            wait(_PAUSE)
            now = next((one for one in read_arrays(tree) if one.uuid == array.uuid), None)
            if now is None or now.action != "check":
                break
            reached = max(reached, now.done)
            if not window.open:
                _write(f"{folder}/sync_action", "idle")
                _keep(tree, array, {"position": reached})
                return
        if now is not None and not now.degraded:
            # md sets this to 0 at the end of a check, and to the place that was reached if somebody else ended it.
            rest = tree.number(f"/sys/block/{array.kernel_name}/md/sync_min")
            _keep(tree, array, {"position": rest} if rest else {"position": 0, "finished": int(time.time())})
    finally:
        # An array that was stopped meanwhile has no files.
        for name, value in (("sync_min", "0"), ("sync_speed_max", "system"), ("sync_speed_min", "system")):
            if os.path.exists(f"{folder}/{name}"):
                _write(f"{folder}/{name}", value)


def _keep(tree: Tree, array: Array, changes: dict[str, Any]) -> None:
    with tree.locked():
        positions = tree.load(POSITIONS)
        positions[array.uuid] = {**positions.get(array.uuid, {}), **changes}
        tree.save(POSITIONS, json.dumps(positions) + "\n")


def _write(path: str, value: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
