# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The md arrays of the host, from sysfs, and the arrays that mdadm.conf declares."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .tree import Tree

_BLOCK = "/sys/block"
_MAP = "/run/mdadm/map"
_CONFS = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")
_ONLINE = (None, "running", "live")
_REDUNDANT = ("raid1", "raid4", "raid5", "raid6", "raid10")
SECTOR = 512


@dataclass
class Member:
    """A device of an array. C(state) is C(in_sync), C(faulty), C(rebuilding), C(spare) or C(journal)."""

    device: str
    slot: int | None
    state: str
    online: bool


@dataclass
class Array:
    """An array. C(name) is the last name of the path in mdadm's map, else the kernel's name; C(done) and C(total) are sectors."""

    name: str
    kernel_name: str
    uuid: str
    level: str
    state: str
    size: int = 0
    raid_disks: int = 0
    degraded: int = 0
    action: str = "idle"
    done: int = 0
    total: int = 0
    speed: int = 0
    mismatches: int | None = None
    last_action: str = ""
    container: bool = False
    members: list[Member] = field(default_factory=list)

    @property
    def redundant(self) -> bool:
        """Whether the array survives the loss of a member, so that md can compare its copies."""
        return self.level in _REDUNDANT

    @property
    def percent(self) -> float | None:
        """The progress of the action, in percent; None without an action."""
        return round(self.done * 100 / self.total, 1) if self.total else None


def read_arrays(tree: Tree) -> list[Array]:
    """Every array of the kernel, also one that only collects members."""
    mapped = {row[0]: row for row in map(str.split, (tree.text(_MAP) or "").splitlines()) if len(row) > 2}
    found = (_read(tree, name, mapped.get(name, [])) for name in tree.names(_BLOCK) if name.startswith("md"))
    return [array for array in found if array]


def _read(tree: Tree, name: str, mapped: list[str]) -> Array | None:
    folder = f"{_BLOCK}/{name}/md"
    state = tree.text(f"{folder}/array_state")
    # 'clear' is the state of the empty device that the opening of /dev/mdN creates.
    if state in (None, "clear"):
        return None
    path = mapped[3] if len(mapped) > 3 else ""
    done, total = _progress(tree.text(f"{folder}/sync_completed") or "")
    metadata = tree.text(f"{folder}/metadata_version") or ""
    return Array(
        name=path.rpartition("/")[2] or name,
        kernel_name=name,
        uuid=plain_uuid(tree.text(f"{folder}/uuid") or (mapped[2] if mapped else "")),
        level=tree.text(f"{folder}/level") or "",
        state=state or "",
        size=(tree.number(f"{_BLOCK}/{name}/size") or 0) * SECTOR,
        raid_disks=_first_number(tree.text(f"{folder}/raid_disks")),
        degraded=tree.number(f"{folder}/degraded") or 0,
        action=tree.text(f"{folder}/sync_action") or "idle",
        done=done,
        total=total,
        speed=tree.number(f"{folder}/sync_speed") or 0,
        # Levels without redundancy have no such file.
        mismatches=tree.number(f"{folder}/mismatch_cnt"),
        last_action=tree.text(f"{folder}/last_sync_action") or "",
        # The volumes in a container have metadata such as "external:/md127/0".
        container=metadata.startswith("external:") and "/" not in metadata,
        members=_members(tree, folder),
    )


def _progress(text: str) -> tuple[int, int]:
    done, _slash, total = text.partition(" / ")
    return (int(done), int(total)) if done.isdigit() and total.isdigit() else (0, 0)


def _first_number(text: str | None) -> int:
    """While an array grows, the file gives the former number after the new one, in brackets."""
    first = (text or "").partition(" ")[0]
    return int(first) if first.isdigit() else 0


def _members(tree: Tree, folder: str) -> list[Member]:
    found = [_member(tree, f"{folder}/{entry}") for entry in tree.names(folder) if entry.startswith("dev-")]
    return sorted(found, key=lambda member: (member.slot is None, member.slot or 0, member.device))


def _member(tree: Tree, folder: str) -> Member:
    slot = tree.text(f"{folder}/slot") or "none"
    state = _member_state((tree.text(f"{folder}/state") or "").split(","), slot)
    block = f"{folder}/block"
    answer = tree.text(f"{block}/device/state") or tree.text(f"{block}/../device/state")
    # Without the link, the name of the folder gives the name of the device.
    device = tree.last_name(block) if tree.link(block) else folder.rpartition("/dev-")[2]
    return Member(device, int(slot) if slot.isdigit() else None, state, answer in _ONLINE)


def _member_state(words: list[str], slot: str) -> str:
    if "faulty" in words:
        return "faulty"
    if "journal" in words or slot == "journal":
        return "journal"
    if "in_sync" in words:
        return "in_sync"
    return "rebuilding" if slot.isdigit() else "spare"


def plain_uuid(text: str) -> str:
    """A UUID in mdadm's or the kernel's spelling as 32 hexadecimal digits; empty for other texts."""
    digits = re.sub("[^0-9a-f]", "", text.lower())
    return digits if len(digits) == 32 else ""


def declared_arrays(tree: Tree) -> dict[str, str]:
    """The arrays that are assembled at boot: by UUID, each with its device as mdadm.conf names it."""
    found = {}
    for words in _conf_lines(tree):
        uuid = next((plain_uuid(word[5:]) for word in words if word.lower().startswith("uuid=")), "")
        # mdadm takes three letters of a keyword for the whole.
        if words[0].upper() in ("ARR", "ARRA", "ARRAY") and uuid and "<ignore>" not in words:
            found[uuid] = words[1] if len(words) > 1 and "=" not in words[1] else f"UUID {uuid}"
    return found


def _conf_lines(tree: Tree) -> list[list[str]]:
    """The words of each line; a line that begins with white space continues the line before it."""
    paths = [
        path for conf in _CONFS for path in (conf, *(f"{conf}.d/{name}" for name in tree.names(f"{conf}.d") if name.endswith(".conf")))
    ]
    lines: list[list[str]] = []
    for path in paths:
        for line in (tree.text(path) or "").splitlines():
            words = line.partition("#")[0].split()
            if words and line[0].isspace() and lines:
                lines[-1] += words
            elif words:
                lines.append(words)
    return lines
