# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the arrays the kernel knows, from sysfs."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, List, Optional, Tuple

from ..._host.block import SECTOR
from ..._host.files import Host
from ..model.array import Array, Member
from ..model.block_device import Superblock, plain_uuid
from ..model.levels import level_of

_BLOCK = "/sys/block"
# 'clear' is the state of the empty device that the opening of /dev/mdN creates; it is not an array yet.
_NO_ARRAY = (None, "clear")
_ONLY_COLLECTING = "inactive"
_KIB = 1024
_ONLINE = ("running", "live")
"""The states in which a SCSI or NVMe disk answers."""

_MAP = "/run/mdadm/map"
_LONGEST_LIST = 3500
"""sysfs shows one page of a list, so a longer list may have been cut."""

ReadSuperblock = Callable[[str], Optional[Superblock]]


def read_arrays(host: Host, superblock_of: ReadSuperblock) -> Tuple[Array, ...]:
    """Every array, started or only collecting members. C(superblock_of) reads the superblock of a device by its kernel name."""
    names = [name for name in host.names(_BLOCK) if name.startswith("md")]
    found = [read_array(host, name, superblock_of) for name in names]
    return tuple(array for array in found if array)


def versions(host: Host) -> Dict[str, str]:
    """The version of the superblock that the kernel uses on each member of an array, by the member's kernel name."""
    folders = [f"{_BLOCK}/{name}/md" for name in host.names(_BLOCK) if name.startswith("md")]
    return {
        host.base_name(f"{folder}/{entry}/block"): host.value(f"{folder}/metadata_version") or ""
        for folder in folders
        for entry in host.names(folder)
        if entry.startswith("dev-")
    }


def read_array(host: Host, name: str, superblock_of: ReadSuperblock) -> Optional[Array]:
    """One array by its kernel name; C(None) if the device does not exist or is empty."""
    folder = f"{_BLOCK}/{name}/md"
    array_state = host.value(f"{folder}/array_state")
    if array_state in _NO_ARRAY or array_state is None:
        return None
    members = _members(host, folder)
    superblock = _superblock(members, superblock_of)
    level = host.value(f"{folder}/level") or (superblock.level if superblock else "")
    redundant = level_of(level).redundant
    action, done, total = _sync(host, folder)
    return Array(
        kernel_name=name,
        # No superblock can be read from an array whose members all have stopped to answer.
        uuid=superblock.uuid if superblock else plain_uuid(host.value(f"{folder}/uuid") or _mapped_uuid(host, name)),
        label=superblock.label if superblock else "",
        level=level,
        layout=_now(host, f"{folder}/layout"),
        chunk=_now(host, f"{folder}/chunk_size"),
        raid_disks=_now(host, f"{folder}/raid_disks") or (superblock.raid_disks if superblock else 0),
        metadata=host.value(f"{folder}/metadata_version") or "",
        active=array_state != _ONLY_COLLECTING,
        array_state=array_state,
        members=members,
        degraded=host.number(f"{folder}/degraded") or 0,
        bitmap=_bitmap(host.value(f"{folder}/bitmap/location"), host.value(f"{folder}/llbitmap/metadata")),
        bitmap_chunk=host.number(f"{folder}/bitmap/chunksize") or 0,
        sync_action=action,
        sync_done=done,
        sync_total=total,
        component_size=(host.number(f"{folder}/component_size") or 0) * _KIB,
        mismatch_cnt=(host.number(f"{folder}/mismatch_cnt") or 0) if redundant else None,
        sync_speed=host.number(f"{folder}/sync_speed") or 0,
        reshape_position=host.number(f"{folder}/reshape_position"),
        last_action=host.value(f"{folder}/last_sync_action") or "",
        resync_pending=redundant and action == "idle" and host.value(f"{folder}/resync_start") not in (None, "", "none"),
    )


def _members(host: Host, folder: str) -> Tuple[Member, ...]:
    found = []
    for entry in host.names(folder):
        if not entry.startswith("dev-"):
            continue
        slot = host.value(f"{folder}/{entry}/slot") or "none"
        state = host.value(f"{folder}/{entry}/state") or ""
        device = host.base_name(f"{folder}/{entry}/block")
        words = tuple(word for word in state.split(",") if word)
        found.append(
            Member(
                device,
                int(slot) if slot.isdigit() else None,
                words,
                online=_is_online(host, f"{folder}/{entry}/block"),
                offset=_bytes(host.number(f"{folder}/{entry}/offset"), SECTOR),
                size=_bytes(host.number(f"{folder}/{entry}/size"), _KIB) or 0,
            )
        )
    return tuple(sorted(found, key=lambda member: (member.slot is None, member.slot or 0, member.device)))


def _bytes(number: Optional[int], unit: int) -> Optional[int]:
    return None if number is None else number * unit


def _is_online(host: Host, block: str) -> bool:
    """Whether the disk of a member answers, as far as the kernel knows; true for the many kinds of disks without a file for that."""
    state = host.value(f"{block}/device/state") or host.value(f"{block}/../device/state")
    return state in (None, *_ONLINE)


def with_lists(host: Host, array: Array) -> Array:
    """The array with the blocks of each member whose writes failed."""
    folder = f"/sys/block/{array.kernel_name}/md"
    return replace(array, members=tuple(replace(one, lacks=_ranges(host, f"{folder}/dev-{one.device}")) for one in array.members))


def _ranges(host: Host, folder: str) -> Optional[Tuple[Tuple[int, int], ...]]:
    # A block is in both lists if md could not note it in the superblock.
    texts = [host.value(f"{folder}/{name}") or "" for name in ("bad_blocks", "unacknowledged_bad_blocks")]
    if any(len(text) > _LONGEST_LIST for text in texts):
        return None
    rows = [line.split() for text in texts for line in text.splitlines()]
    return tuple(sorted({(int(first), int(size)) for first, size in rows}))


def _superblock(members: Tuple[Member, ...], superblock_of: ReadSuperblock) -> Optional[Superblock]:
    """The superblock of the first member that answers. Failed and lost members are tried last: reading their disks can take long."""
    ordered: List[Member] = sorted(members, key=lambda member: (not member.in_sync, not member.online))
    for member in ordered:
        if not member.faulty:
            found = superblock_of(member.device)
            if found:
                return found
    return None


def _mapped_uuid(host: Host, name: str) -> str:
    """The UUID from mdadm's map, for kernels that do not show it. A line has device, metadata, UUID and path."""
    rows = [line.split() for line in (host.value(_MAP) or "").splitlines()]
    return next((row[2] for row in rows if len(row) > 2 and row[0] == name), "")


def _sync(host: Host, folder: str) -> Tuple[str, int, int]:
    action = host.value(f"{folder}/sync_action") or "idle"
    parts = (host.value(f"{folder}/sync_completed") or "none").split(" / ")
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return action, int(parts[0]), int(parts[1])
    return action, 0, 0


def _bitmap(location: Optional[str], lockless: Optional[str]) -> str:
    """The kind of the bitmap. With newer kernels an array without one has no C(location), and a lockless one has a folder of its own."""
    if lockless is not None:
        return "lockless"
    if location in (None, "", "none"):
        return "none"
    return "file" if location == "file" else "internal"


def _now(host: Host, path: str) -> int:
    """The number after a running reshape; the file gives the former number after it, in brackets."""
    first = (host.value(path) or "").partition(" ")[0]
    return int(first) if first.lstrip("-").isdigit() else 0
