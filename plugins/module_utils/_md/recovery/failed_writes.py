# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An array lost all its members during writes: the facts that only the running kernel knows, and the members to assemble from. Pure.

A write is acknowledged when one member has it and md has recorded that the others failed. If no member is left for this record, all
superblocks say the same, and an assembly by superblocks makes all members equal to an arbitrary member. But until the array is stopped,
the kernel knows the members on which a write failed (C(write_error)), and the bad block log of the one member that md did not eject
has every block whose write failed on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, List, Mapping, Optional, Sequence, Tuple

from ..model.array import Array, Member
from ..model.block_device import BlockDevice, Superblock
from ..model.survivor import Range, Survivor
from .copies import Copies, everywhere, without

_STOPPING = 120
"""The time after which md writes no more superblocks of an array that is being stopped, in seconds."""


@dataclass(frozen=True)
class Gap:
    """Blocks whose writes failed on the origin of an array: first sector, number of sectors, and the copies on other members as path and
    first sector."""

    first: int
    size: int
    others: Tuple[Tuple[str, int], ...]


@dataclass(frozen=True)
class Origin:
    """The members to assemble an array from, as device paths, and the gaps to complete if it is only one member."""

    members: Tuple[str, ...]
    gaps: Tuple[Gap, ...] = ()


def survivors(array: Array, devices: Mapping[str, BlockDevice], now: int) -> Tuple[Survivor, ...]:
    """The facts to note about the members of an array before it is stopped; none if the superblocks will have them.

    The superblocks have these facts as long as a member on which no write failed can still be written to.
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
    """Whether the noted facts are still valid: the superblocks show whether the array has run since."""
    return bool(noted) and all(block.updated <= noted[0].seen + _STOPPING for block in blocks)


def origin(noted: Sequence[Survivor], blocks: Mapping[str, Superblock], identities: Mapping[str, str]) -> Optional[Origin]:
    """The members to assemble an array from, by the superblock and identity at each path; C(None) if the notes add nothing to it.

    First choice are members on which no write failed: members that md had not ejected, else ejected members, if no other member ran on
    without them (its event count would be higher). If a write failed on each member, the choice is the member that md had not ejected:
    its list of failed blocks is complete, and other members may have newer data for these blocks (L(_gaps)).
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
    """Identities of missing members that may have writes which all present members lack."""
    there = [one for one in noted if one.identity in identities]
    gone = [one for one in noted if one.identity not in identities]
    if any(one.current and one.complete for one in there):
        return []
    # An ejected member is complete unless another member ran on without it, and only a member that md had not ejected can do that.
    return [one.identity for one in gone if one.current or not any(other.complete for other in there)]


def _gaps(last: str, known: Mapping[str, Survivor], blocks: Mapping[str, Superblock]) -> List[Gap]:
    """The blocks whose writes failed on the C(last) member, with the other members that may have them.

    md did not record the loss of the other members, so all of them failed before md ejected the first. In such a block all had the
    same data before the write that failed on the last member. That write was acknowledged if another member has it; then its block differs.
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
    """A piece, cut into the parts that the member at C(path) may have and the parts that it lacks."""
    there = without([piece], lacks)
    return [(part, (*others, path)) for part in there] + [(part, others) for part in without([piece], there)]


def _in_array(places: Copies, member: Survivor, block: Superblock) -> List[Range]:
    start, end = block.data_offset // 512, (block.data_offset + block.component_size) // 512
    inside = [(max(first, start), min(first + size, end)) for first, size in member.lacks or ()]
    return places.in_array(block.role or 0, [(first - start, last - first) for first, last in inside if first < last])


def _on_device(places: Copies, block: Superblock, piece: Range) -> int:
    return block.data_offset // 512 + places.on_member(block.role or 0, [piece])[0][0]
