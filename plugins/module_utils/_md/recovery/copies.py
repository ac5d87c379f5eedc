# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places of copies in arrays whose every member has all data: raid1, and raid10 with a copy for each device. Pure.

Ranges are pairs of a first sector and a number of sectors, of 512 bytes. On a member they count from the beginning of its data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, List, Sequence, Tuple

from ..model.layout import copies_of, decode
from ..model.levels import level_of
from ..model.survivor import Range

_SECTOR = 512


def everywhere(level: str, layout: int, devices: int) -> bool:
    """Whether every member has a copy of all data, in a layout that this file knows."""
    row = level_of(level)
    if not row.copied:
        return row.mirrored
    name = decode(level, layout) or ""
    near, far = copies_of(layout)
    # Higher bits than that of the offset layouts mean far copies within sets of members.
    return layout < 1 << 17 and near * far == devices and name[1:].isdigit()


@dataclass(frozen=True)
class Copies:
    """The places of an array for which L(everywhere) is true. C(chunk) and C(component), the used size of each member, are in bytes."""

    level: str
    layout: int
    devices: int
    chunk: int
    component: int

    def in_array(self, slot: int, ranges: Iterable[Range]) -> List[Range]:
        """Ranges of the member in C(slot) as ranges of the array, sorted and cut at the ends of chunks."""
        return sorted((self._chunk_at(slot, row) * self._sectors + within, size) for row, within, size in self._pieces(ranges))

    def on_member(self, slot: int, ranges: Iterable[Range]) -> List[Range]:
        """Ranges of the array as ranges of the member in C(slot), in the same order."""
        return [(self._row_of(slot, chunk) * self._sectors + within, size) for chunk, within, size in self._pieces(ranges)]

    @property
    def _sectors(self) -> int:
        # A raid1 has no chunks: the whole member counts as one chunk.
        return (self.component if level_of(self.level).mirrored else self.chunk) // _SECTOR

    @property
    def _stride(self) -> int:
        """The distance from one far copy to the next, in chunks."""
        return self.component // self.chunk // self.devices

    def _pieces(self, ranges: Iterable[Range]) -> List[Tuple[int, int, int]]:
        """The ranges, cut at the ends of chunks: number of the chunk, first sector inside it, number of sectors."""
        found = []
        for first, size in ranges:
            end = first + size
            while first < end:
                chunk, within = divmod(first, self._sectors)
                part = min(end - first, self._sectors - within)
                found.append((chunk, within, part))
                first += part
        return found

    def _chunk_at(self, slot: int, row: int) -> int:
        if self._near:
            return row
        if self._offset:
            group, copy = divmod(row, self.devices)
        else:
            copy, group = divmod(row, self._stride)
        return group * self.devices + (slot - copy) % self.devices

    def _row_of(self, slot: int, chunk: int) -> int:
        if self._near:
            return chunk
        group, first = divmod(chunk, self.devices)
        copy = (slot - first) % self.devices
        return group * self.devices + copy if self._offset else copy * self._stride + group

    @property
    def _near(self) -> bool:
        return level_of(self.level).mirrored or copies_of(self.layout)[1] == 1

    @property
    def _offset(self) -> bool:
        return (decode(self.level, self.layout) or "").startswith("o")


def without(ranges: Sequence[Range], others: Sequence[Range]) -> List[Range]:
    """The parts of C(ranges) outside all C(others); both lists are sorted."""
    remaining = []
    for first, size in ranges:
        end = first + size
        for start, length in others:
            if start >= end:
                break
            if start + length > first:
                remaining.append((first, start - first))
                first = start + length
        remaining.append((first, end - first))
    return [(first, size) for first, size in remaining if size > 0]
