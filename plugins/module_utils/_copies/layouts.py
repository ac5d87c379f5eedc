# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that are copied: how each is made, what it contains, and what proves that it lies on the disk as it is meant to. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from .state import DELAYED, Extent, Map

ADJACENT, ODD, HOLES, WRITTEN, OVER = LAYOUTS = ("adjacent", "adjacent_odd", "holes", "just_written", "holes_over_data")

ALL_COPIERS = LAYOUTS[:-1]
"""The layouts by default: not every copier is meant to write over a copy that exists."""

BATCH = 72
"""The extents that cp of coreutils 8.10 to 8.19 reads at once."""

_GROUPS = 150
_TOGETHER = 4
"""Files that are written and copied at the same time: the copies with zeros of OpenZFS needed several."""


@dataclass(frozen=True)
class Recipe:
    """How a file is made. Numbers are numbers of blocks of C(block) bytes.

    All of C(count) blocks are written but those in C(skipped). Of the result C(punched) become holes, and C(collapsed) are taken out, the
    last first, so that all behind them moves forward. Where the file system cannot do that, the file is written as it has to be in the
    end, and the blocks that follow a collapsed one are written once more: file systems that never overwrite give them a new place.
    With C(is_over) there is a longer copy of other data already.
    """

    layout: str
    block: int
    count: int
    skipped: Tuple[int, ...] = ()
    punched: Tuple[int, ...] = ()
    collapsed: Tuple[int, ...] = ()
    is_synced: bool = True
    is_over: bool = False
    files: int = 1

    def cells(self) -> List[Optional[int]]:
        """For each block of the finished file, the number of its content, or C(None) for a hole."""
        holes, gone = {*self.skipped, *self.punched}, set(self.collapsed)
        return [None if number in holes else number for number in range(self.count) if number not in gone]

    def moved(self) -> Tuple[int, ...]:
        """The contents that follow a collapsed block."""
        return tuple(number + 1 for number in self.collapsed)

    def data(self) -> Tuple[Tuple[int, int], ...]:
        """The ranges of data in the finished file, as offset and end."""
        ranges: List[Tuple[int, int]] = []
        for place, number in enumerate(self.cells()):
            if number is None:
                continue
            start, end = place * self.block, (place + 1) * self.block
            if ranges and ranges[-1][1] == start:
                start = ranges.pop()[0]
            ranges.append((start, end))
        return tuple(ranges)


def make_recipe(layout: str, block: int, limit: int) -> Recipe:
    """The recipe of a layout. C(limit) is for the bytes of all its files and their copies."""
    groups = min(_GROUPS, limit // (8 * block))
    if layout in (HOLES, OVER):
        return _with_holes(layout, block, groups)
    if layout == WRITTEN:
        return Recipe(layout, block, limit // (4 * _TOGETHER * block), is_synced=False, files=_TOGETHER)
    front = 2 if layout == ODD else 0
    starts = range(front, front + 4 * groups, 4)
    # Each group is a block, a block that is taken out, a block that the first one then touches, and a hole.
    return Recipe(
        layout,
        block,
        front + 4 * groups,
        punched=tuple([1] if front else []) + tuple(start + 3 for start in starts),
        collapsed=tuple(start + 1 for start in starts),
    )


def _with_holes(layout: str, block: int, groups: int) -> Recipe:
    """Islands and holes of one to four blocks, a hole at the end."""
    skipped: List[int] = []
    place = 0
    for group in range(groups // 2):
        place += 1 + group % 4
        width = 1 + group // 4 % 4
        skipped += range(place, place + width)
        place += width
    return Recipe(layout, block, place, skipped=tuple(skipped), is_over=layout == OVER)


def make_blocks(recipe: Recipe, seed: bytes) -> Tuple[bytes, ...]:
    """The contents of all blocks. Each occurs once, and has no zero byte, so that each zero in a copy is damage or a hole."""
    return tuple(_make_block(seed, number, recipe.block) for number in range(recipe.count))


def _make_block(seed: bytes, number: int, size: int) -> bytes:
    return hashlib.shake_128(seed + number.to_bytes(8, "big")).digest(size).replace(b"\0", b"\1")


def expected(recipe: Recipe, blocks: Sequence[bytes]) -> bytes:
    """The content of the finished file."""
    hole = bytes(recipe.block)
    return b"".join(hole if number is None else blocks[number] for number in recipe.cells())


def former_copy(recipe: Recipe) -> bytes:
    """The copy that exists already; empty for none."""
    return b"\xff" * (len(recipe.cells()) + 1) * recipe.block if recipe.is_over else b""


def why_unproved(recipe: Recipe, found: Map) -> str:
    """Why a file does not lie on the disk as its layout says; empty if it does."""
    if recipe.layout in (HOLES, OVER):
        if found.data is None:
            return "no SEEK_DATA"
        return "" if found.data == recipe.data() else "the holes of the file are not where they were made"
    if found.extents is None:
        return "no FIEMAP"
    return _CHECKS[recipe.layout](found.extents)


def _why_no_pairs(extents: Tuple[Extent, ...]) -> str:
    pairs = sum(1 for one, following in zip(extents[: BATCH - 1], extents[1:BATCH]) if one.is_continued_elsewhere(following))
    if len(extents) <= BATCH:
        return f"the file has {len(extents)} extents, {BATCH + 1} are needed"
    return "" if pairs else f"no extent among the first {BATCH} continues another one in the file but not on the disk"


def _why_not_odd(extents: Tuple[Extent, ...]) -> str:
    problem = _why_no_pairs(extents)
    if problem or extents[BATCH - 1].is_continued_elsewhere(extents[BATCH]):
        return problem
    return f"extent {BATCH} does not continue in the next one"


def _why_not_delayed(extents: Tuple[Extent, ...]) -> str:
    return "" if any(extent.flags & DELAYED for extent in extents) else "the data had been written to the disk before it was copied"


_CHECKS: Dict[str, Callable[[Tuple[Extent, ...]], str]] = {ADJACENT: _why_no_pairs, ODD: _why_not_odd, WRITTEN: _why_not_delayed}
