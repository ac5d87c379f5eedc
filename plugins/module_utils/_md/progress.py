# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of the kernel's work on arrays, from a few files of sysfs. Pure; used by the action plugin that waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

_FILES = ("sync_action", "sync_completed", "sync_speed", "resync_start", "degraded", "array_state", "dev-*/state")
_WORKING = ("resync", "recover", "reshape", "check", "repair")
_READ_ONLY = ("readonly", "read-auto")
_WORDS = {"resync": "resync", "recover": "rebuild", "reshape": "reshape", "check": "check", "repair": "repair"}


@dataclass(frozen=True)
class Progress:
    """The work on one array at one moment. C(done) and C(total) are sectors, C(speed) is KiB/s; C(begins): work is about to begin."""

    kernel_name: str
    action: str
    done: int = 0
    total: int = 0
    speed: int = 0
    begins: bool = False

    @property
    def working(self) -> bool:
        """Whether the kernel works on the array, or is about to."""
        return self.action in _WORKING

    @property
    def percent(self) -> float:
        """The finished part of the work; 0 while it waits for its turn."""
        return round(self.done * 100 / self.total, 1) if self.total else 0.0

    @property
    def seconds_left(self) -> Optional[int]:
        """The rest of the time at the present speed; C(None) if the work makes no progress."""
        return (self.total - self.done) // 2 // self.speed if self.total and self.speed else None

    def line(self, name: str) -> str:
        """A line for people, with the time that is left."""
        what = _WORDS.get(self.action, "waits to begin")
        if not self.total:
            return f"{name}: {what}"
        left = self.seconds_left
        time = f", {left // 60}:{left % 60:02d} min left" if left is not None else ""
        return f"{name}: {what} {self.percent:.1f} %, {self.speed * 1024 / 1e6:.1f} MB/s{time}"


def progress_command(kernel_names: Sequence[str]) -> str:
    """A shell command whose output L(parse_progress) reads. Kernel names need no quotes."""
    files = " ".join(f"{name}/md/{file}" for name in kernel_names for file in _FILES)
    return f"cd /sys/block && grep -s . {files} /dev/null"


def parse_progress(text: str) -> Dict[str, Progress]:
    """The arrays in C(text) by kernel name; an array that no longer exists is omitted."""
    found: Dict[str, Dict[str, str]] = {}
    for line in text.splitlines():
        path, _colon, value = line.strip().partition(":")
        name, _md, file = path.partition("/md/")
        if file:
            found.setdefault(name, {})[file] = value
    return {name: _progress(name, values) for name, values in found.items()}


def _progress(name: str, values: Dict[str, str]) -> Progress:
    done, total = _completed(values.get("sync_completed", ""))
    speed = values.get("sync_speed", "")
    return Progress(
        kernel_name=name,
        action=values.get("sync_action", "idle"),
        done=done,
        total=total,
        speed=int(speed) if speed.isdigit() else 0,
        begins=values.get("array_state") not in _READ_ONLY and (_resync_due(values) or _rebuild_due(values)),
    )


def _completed(text: str) -> Tuple[int, int]:
    parts = text.split(" / ")
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(part.isdigit() for part in parts) else (0, 0)


def _resync_due(values: Dict[str, str]) -> bool:
    return values.get("resync_start", "none").isdigit()


def _rebuild_due(values: Dict[str, str]) -> bool:
    states = [value.split(",") for file, value in values.items() if file.startswith("dev-")]
    return values.get("degraded", "0") != "0" and any("spare" in words and "faulty" not in words for words in states)
