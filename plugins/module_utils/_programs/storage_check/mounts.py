# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file systems of /etc/fstab that lie on md arrays: are they mounted, and can they be written?"""

from __future__ import annotations

from dataclasses import dataclass

from .tree import Tree


@dataclass
class Mount:
    """A file system; C(state) is C(mounted), C(read-only) although it shall be writable, or C(missing)."""

    device: str
    point: str
    state: str


def read_mounts(tree: Tree) -> list[Mount]:
    """The file systems that fstab mounts from an array at boot."""
    active = _active(tree)
    found = []
    for line in (tree.text("/etc/fstab") or "").splitlines():
        words = line.split()
        # Swap has no mount point.
        if len(words) < 4 or not words[0].startswith("/dev/md") or words[2] == "swap" or "noauto" in words[3].split(","):
            continue
        point = words[1].rstrip("/") or "/"
        wanted_read_only = "ro" in words[3].split(",")
        found.append(Mount(words[0], point, _state(active.get(point), wanted_read_only)))
    return found


def _state(options: set[str] | None, wanted_read_only: bool) -> str:
    if options is None:
        return "missing"
    return "read-only" if options & {"ro", "shutdown", "emergency_ro"} and not wanted_read_only else "mounted"


def _active(tree: Tree) -> dict[str, set[str]]:
    """The options of each mount point, those of the mount and those of the file system."""
    found = {}
    for line in (tree.text("/proc/self/mountinfo") or "").splitlines():
        words = line.split()
        if "-" in words[6:]:
            end = words.index("-", 6)
            found[words[4]] = {*words[5].split(","), *words[end + 3 :][:1][0].split(",")} if len(words) > end + 3 else set()
    return found
