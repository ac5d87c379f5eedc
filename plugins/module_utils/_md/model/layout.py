# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layouts of md: names, the layout word of the kernel, usable size, mirror sets, and which losses an array survives. Pure."""

from __future__ import annotations

import re
from typing import List, Optional, Sequence, Tuple

from ..._core.errors import InputError
from .levels import LEVELS, level_of

_STRIPE_OF_COPIES = re.compile(r"([nfo])([1-9][0-9]?)")
_OFFSET_BIT = 1 << 16
_DEFAULT_COPIES = 0x102
"""The layout that mdadm gives to a raid10 by default: n2."""


def check_layout(option: str, level: str, layout: Optional[str], devices: int) -> Optional[str]:
    """The checked layout of a new array of C(level) over C(devices) members; C(None) leaves the choice to mdadm.

    :raises InputError: the level cannot have this layout, or needs more devices. C(option) is the name of the option in the error.
    """
    row = LEVELS[level]
    if devices < row.fewest:
        raise InputError(option, f"{level} needs at least {row.fewest} devices, {devices} given")
    if layout is None:
        return row.layout.format(devices=devices) or None
    if row.copied:
        return _check_copies(option, level, layout, devices)
    if not row.layouts:
        raise InputError(option, f"{level} has no layouts; omit the option (given: '{layout}')")
    if layout not in row.layouts:
        raise InputError(option, f"'{layout}' is no layout of {level}; known are {', '.join(row.layouts)}")
    return layout


def _check_copies(option: str, level: str, layout: str, devices: int) -> str:
    match = _STRIPE_OF_COPIES.fullmatch(layout)
    if not match:
        raise InputError(
            option,
            f"'{layout}' is no layout of {level}: expected n (near), f (far) or o (offset) and the number of copies, such as n2 or o3",
        )
    copies = int(match.group(2))
    if not 2 <= copies <= devices:
        raise InputError(option, f"'{layout}' asks for {copies} copies; with {devices} devices {level} keeps 2 to {devices}")
    return layout


def encode(level: str, layout: Optional[str]) -> Optional[int]:
    """The kernel's layout word for a checked layout; C(None) if the level has no layouts or the task omits the layout."""
    if layout is None:
        return None
    named = level_of(level).layouts
    if named:
        return named[layout]
    kind, copies = layout[0], int(layout[1:])
    # near | far << 8; with bit 16 the far copies are in the next stripe (offset) and not in another part of the member.
    if kind == "n":
        return copies | 1 << 8
    return 1 | copies << 8 | (_OFFSET_BIT if kind == "o" else 0)


def decode(level: str, word: int) -> Optional[str]:
    """The name of a layout word of the kernel; C(None) where the level has no layouts."""
    row = level_of(level)
    if row.layouts:
        return next((name for name, number in row.layouts.items() if number == word), f"word-{word}")
    if not row.copied:
        return None
    near, far = copies_of(word)
    if far == 1:
        return f"n{near}"
    kind = "o" if word & _OFFSET_BIT else "f"
    return f"{kind}{far}" if near == 1 else f"n{near}{kind}{far}"


def copies_of(word: int) -> Tuple[int, int]:
    """The numbers of near and of far (or offset) copies in a raid10 layout word."""
    return word & 0xFF, word >> 8 & 0xFF


def far_copies(level: str, word: int) -> int:
    """The number of copies in different stripes: 1 for a level without such copies."""
    return copies_of(word)[1] if level_of(level).copied else 1


def in_halves(level: str, word: int) -> bool:
    """Whether further copies are in another part of each member (far, not offset), so that their place depends on the members' size."""
    return far_copies(level, word) > 1 and not word & _OFFSET_BIT


def redundancy_groups(level: str, word: Optional[int], devices: int) -> List[Tuple[Tuple[int, ...], int]]:
    """Sets of member slots that keep the same data, each with the number of its slots that may share one failure domain."""
    row = level_of(level)
    if row.copied:
        return [(group, 1) for group in sorted(_mirror_sets(_DEFAULT_COPIES if word is None else word, devices))]
    return [(tuple(range(devices)), max(1, row.parity))] if row.redundant else []


def _mirror_sets(word: int, devices: int) -> List[Tuple[int, ...]]:
    near, far = copies_of(word)
    sets = set()
    for chunk in range(devices):
        first = [(chunk * near + copy) % devices for copy in range(near)]
        # Each further copy of a stripe is shifted by the number of near copies, in slots.
        slots = {(slot + near * shift) % devices for slot in first for shift in range(far)}
        sets.add(tuple(sorted(slots)))
    return list(sets)


def usable_size(level: str, word: Optional[int], sizes: List[int]) -> int:
    """The approximate size in bytes of an array over members of these sizes; the room of superblocks is not subtracted."""
    row, smallest = level_of(level), min(sizes)
    if row.mirrored:
        return smallest
    if row.copied:
        near, far = copies_of(_DEFAULT_COPIES if word is None else word)
        return smallest * len(sizes) // (near * far)
    return smallest * (len(sizes) - row.parity) if row.parity else sum(sizes)


def survives(level: str, word: int, devices: int, missing: Sequence[int]) -> bool:
    """Whether an array of C(devices) slots still has all its data without the slots in C(missing)."""
    row = level_of(level)
    if row.mirrored:
        return len(missing) < devices
    if row.copied:
        return not any(set(group) <= set(missing) for group in _mirror_sets(word, devices))
    return len(missing) <= row.parity
