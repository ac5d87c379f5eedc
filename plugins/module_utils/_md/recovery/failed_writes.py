# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the running kernel knows of an array that lost all its members during writes, and what follows from that. Pure.

A write is acknowledged when one member has it and md has noted that the others failed. Where no member is left to note that on,
all superblocks end up saying the same, and members assembled by them are brought to the state of whichever comes first. But until
the array is stopped, the kernel knows which members a write has failed on (C(write_error)), and in the bad block log of the one
that it did not give up it has every block that this one could not take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, List, Mapping, Optional, Sequence, Tuple

from ..model.array import Array, Member
from ..model.block_device import BlockDevice, Superblock
from ..model.survivor import Range, Survivor
from .copies import Copies, everywhere, without

_STOPPING = 120
"""Seconds within which md has written superblocks for the last time when an array is stopped."""


@dataclass(frozen=True)
class Gap:
    """Blocks that the origin of an array could not take: its first sector of them, how many, and where others have them."""

    first: int
    size: int
    others: Tuple[Tuple[str, int], ...]


@dataclass(frozen=True)
class Origin:
    """What to assemble an array from, as device paths, and what to complete it with if it is only one."""

    members: Tuple[str, ...]
    gaps: Tuple[Gap, ...] = ()


def survivors(array: Array, devices: Mapping[str, BlockDevice], now: int) -> Tuple[Survivor, ...]:
    """What is to be noted of an array before it is stopped; nothing where its superblocks will say it.

    That is so as long as a member that took every write can still be written to.
    """
    if not everywhere(array.level, array.layout, array.raid_disks):
        return ()
    members = [member for member in array.members if member.faulty or member.in_sync]
    found = tuple(_as_survivor(member, devices.get(member.device), now) for member in members)
    # A superblock that can be read now can be written to as well.
    tells = any(one.current and one.complete and one.events is not None for one in found) and not array.broken
    if tells or all(one.current and one.complete for one in found) or not all(one.identity for one in found):
        return ()
    return found


def _as_survivor(member: Member, device: Optional[BlockDevice], now: int) -> Survivor:
    superblock = device.superblock if device else None
    events = superblock.events if superblock else None
    return Survivor(device.identity if device else "", member.in_sync, "write_error" in member.state, member.lacks, events, now)


def holds(noted: Sequence[Survivor], blocks: Iterable[Superblock]) -> bool:
    """Whether what is noted still counts: not if somebody has had the array running since, which its superblocks tell."""
    return bool(noted) and all(block.updated <= noted[0].seen + _STOPPING for block in blocks)


def origin(noted: Sequence[Survivor], blocks: Mapping[str, Superblock], identities: Mapping[str, str]) -> Optional[Origin]:
    """What to assemble an array of, by the superblocks and identities at each path; C(None) if nothing is known that md does not know.

    Members that took every write come first, those that md still held on to before those it had given up, which only count if no
    other has gone on without them: then its event count is higher. Where a write failed on each of them, it is the one that md
    held on to: it lists every block that it could not take, and what the others have of these may be newer (L(_gaps)).
    """
    known = {path: one for path in blocks for one in noted if one.identity == identities[path] and _holds_data(blocks[path])}
    events = {path: blocks[path].events if one.events is None else one.events for path, one in known.items()}
    newest = max(events.values(), default=0)
    whole = [path for path, one in known.items() if one.current and one.complete and events[path] + 1 >= newest]
    equal = [path for path in known if events[path] == newest]
    former = [path for path in equal if known[path].complete]
    if whole or former:
        return Origin(tuple(whole or former))
    last = next((path for path in equal if known[path].current), None)
    if last is None:
        return None
    return Origin((last,), tuple(_gaps(last, {path: known[path] for path in equal}, blocks)))


def _holds_data(block: Superblock) -> bool:
    return block.role is not None and not block.faulty and not block.recovering


def awaited(noted: Sequence[Survivor], identities: Sequence[str]) -> List[str]:
    """Identities of members that are missing, and may have writes which the present members do not have."""
    there = [one for one in noted if one.identity in identities]
    gone = [one for one in noted if one.identity not in identities]
    if any(one.current and one.complete for one in there):
        return []
    # One that md had given up is complete unless another has gone on without it, which only one that md held on to can.
    return [one.identity for one in gone if one.current or not any(other.complete for other in there)]


def _gaps(last: str, known: Mapping[str, Survivor], blocks: Mapping[str, Superblock]) -> List[Gap]:
    """Where the others have what the last one could not take, each without the blocks that it is known not to have taken either.

    They died without md noting it, so all of them did before the first was given up, and all had the same in such a block before the
    write that failed on the last. It was acknowledged if one of the others took it; that is the one whose block differs.
    """
    base = blocks[last]
    places = Copies(base.level, base.layout, base.raid_disks, base.chunk, base.component_size)
    pieces: List[Tuple[Range, Tuple[str, ...]]] = [(piece, ()) for piece in _in_array(places, known[last], base)]
    for path, other in known.items():
        if path != last and other.lacks is not None:
            lacks = _in_array(places, other, blocks[path])
            pieces = [part for piece, others in pieces for part in _parts(piece, others, path, lacks)]
    return [
        Gap(_on_device(places, base, piece), piece[1], tuple((path, _on_device(places, blocks[path], piece)) for path in others))
        for piece, others in pieces
        if others
    ]


def _parts(piece: Range, others: Tuple[str, ...], path: str, lacks: Sequence[Range]) -> List[Tuple[Range, Tuple[str, ...]]]:
    """A piece, cut into the parts that one more member may have and the parts that it lacks."""
    there = without([piece], lacks)
    return [(part, (*others, path)) for part in there] + [(part, others) for part in without([piece], there)]


def _in_array(places: Copies, member: Survivor, block: Superblock) -> List[Range]:
    start, end = block.data_offset // 512, (block.data_offset + block.component_size) // 512
    inside = [(max(first, start), min(first + size, end)) for first, size in member.lacks or ()]
    return places.in_array(block.role or 0, [(first - start, last - first) for first, last in inside if first < last])


def _on_device(places: Copies, block: Superblock, piece: Range) -> int:
    return block.data_offset // 512 + places.on_member(block.role or 0, [piece])[0][0]
