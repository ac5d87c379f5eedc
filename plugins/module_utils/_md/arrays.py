# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the arrays the kernel knows, from sysfs."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, List, Optional, Tuple

from .array_state import Array, Member
from .block_device import Superblock, plain_uuid
from .host import Host
from .layout import REDUNDANT

_BLOCK = "/sys/block"
# 'clear' is the empty device that opening /dev/mdN makes; it is no array yet.
_NO_ARRAY = (None, "clear")
_ONLY_COLLECTING = "inactive"
_KIB = 1024
_MAP = "/run/mdadm/map"
_LONGEST_LIST = 3500
"""sysfs shows one page of a list, so a longer one may have been cut."""

ReadSuperblock = Callable[[str], Optional[Superblock]]


def read_arrays(host: Host, superblock_of: ReadSuperblock) -> Tuple[Array, ...]:
    """Every array, started or collecting members. C(superblock_of) reads the superblock of a device by its kernel name."""
    names = [name for name in host.names(_BLOCK) if name.startswith("md")]
    found = [read_array(host, name, superblock_of) for name in names]
    return tuple(array for array in found if array)


def read_array(host: Host, name: str, superblock_of: ReadSuperblock) -> Optional[Array]:
    """One array by its kernel name; C(None) if the device is not there or empty."""
    folder = f"{_BLOCK}/{name}/md"
    array_state = host.text(f"{folder}/array_state")
    if array_state in _NO_ARRAY or array_state is None:
        return None
    members = _members(host, folder)
    superblock = _superblock(members, superblock_of)
    level = host.text(f"{folder}/level") or (superblock.level if superblock else "")
    action, done, total = _sync(host, folder)
    return Array(
        kernel_name=name,
        # An array whose members all fell silent has no superblock to read.
        uuid=superblock.uuid if superblock else plain_uuid(host.text(f"{folder}/uuid") or _mapped_uuid(host, name)),
        label=superblock.label if superblock else "",
        level=level,
        layout=_now(host, f"{folder}/layout"),
        chunk=_now(host, f"{folder}/chunk_size"),
        raid_disks=_now(host, f"{folder}/raid_disks") or (superblock.raid_disks if superblock else 0),
        metadata=host.text(f"{folder}/metadata_version") or "",
        active=array_state != _ONLY_COLLECTING,
        array_state=array_state,
        members=members,
        degraded=_number(host.text(f"{folder}/degraded")),
        bitmap=_bitmap(host.text(f"{folder}/bitmap/location")),
        bitmap_chunk=_number(host.text(f"{folder}/bitmap/chunksize")),
        sync_action=action,
        sync_done=done,
        sync_total=total,
        component_size=_number(host.text(f"{folder}/component_size")) * _KIB,
        mismatch_cnt=_number(host.text(f"{folder}/mismatch_cnt")) if level in REDUNDANT else None,
        sync_speed=_number(host.text(f"{folder}/sync_speed")),
        resync_pending=level in REDUNDANT and action == "idle" and host.text(f"{folder}/resync_start") not in (None, "", "none"),
    )


def _members(host: Host, folder: str) -> Tuple[Member, ...]:
    found = []
    for entry in host.names(folder):
        if not entry.startswith("dev-"):
            continue
        slot = host.text(f"{folder}/{entry}/slot") or "none"
        state = host.text(f"{folder}/{entry}/state") or ""
        device = host.target(f"{folder}/{entry}/block").rpartition("/")[2]
        found.append(Member(device, int(slot) if slot.isdigit() else None, tuple(word for word in state.split(",") if word)))
    return tuple(sorted(found, key=lambda member: (member.slot is None, member.slot or 0, member.device)))


def with_lists(host: Host, array: Array) -> Array:
    """The array with the blocks that could not be written to each of its members."""
    folder = f"/sys/block/{array.kernel_name}/md"
    return replace(array, members=tuple(replace(one, lacks=_ranges(host, f"{folder}/dev-{one.device}")) for one in array.members))


def _ranges(host: Host, folder: str) -> Optional[Tuple[Tuple[int, int], ...]]:
    # Those that md could not write to the superblock either are in both.
    texts = [host.text(f"{folder}/{name}") or "" for name in ("bad_blocks", "unacknowledged_bad_blocks")]
    if any(len(text) > _LONGEST_LIST for text in texts):
        return None
    rows = [line.split() for text in texts for line in text.splitlines()]
    return tuple(sorted({(int(first), int(size)) for first, size in rows}))


def _superblock(members: Tuple[Member, ...], superblock_of: ReadSuperblock) -> Optional[Superblock]:
    """Of the first member that answers, sound ones first: reading a failed disk can take long."""
    ordered: List[Member] = sorted(members, key=lambda member: not member.in_sync)
    for member in ordered:
        if not member.faulty:
            found = superblock_of(member.device)
            if found:
                return found
    return None


def _mapped_uuid(host: Host, name: str) -> str:
    """What mdadm noted when it started the array, for kernels that do not show it: device, metadata, UUID, path."""
    rows = [line.split() for line in (host.text(_MAP) or "").splitlines()]
    return next((row[2] for row in rows if len(row) > 2 and row[0] == name), "")


def _sync(host: Host, folder: str) -> Tuple[str, int, int]:
    action = host.text(f"{folder}/sync_action") or "idle"
    parts = (host.text(f"{folder}/sync_completed") or "none").split(" / ")
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return action, int(parts[0]), int(parts[1])
    return action, 0, 0


def _bitmap(location: Optional[str]) -> str:
    if location in (None, "", "none"):
        return "none"
    return "file" if location == "file" else "internal"


def _now(host: Host, path: str) -> int:
    """The number that a reshape leads to; what it was before follows in brackets."""
    return _number((host.text(path) or "").split(" ")[0])


def _number(text: Optional[str]) -> int:
    try:
        return int(text or 0)
    except ValueError:
        return 0
