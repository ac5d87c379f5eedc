# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels and layouts of md: names, the layout word of the kernel, usable size and mirror sets. Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Sequence, Tuple

from .._core.errors import InputError

LEVELS = ("raid0", "raid1", "raid1e", "raid4", "raid5", "raid6", "raid10")
REDUNDANT = ("raid1", "raid4", "raid5", "raid6", "raid10")
"""Levels, as the kernel names them, that survive the loss of a member."""

_FEWEST = {"raid0": 2, "raid1": 2, "raid1e": 2, "raid4": 3, "raid5": 3, "raid6": 4, "raid10": 2}

_PARITY_WORDS = {
    "left-asymmetric": 0,
    "right-asymmetric": 1,
    "left-symmetric": 2,
    "right-symmetric": 3,
    "parity-first": 4,
    "parity-last": 5,
}
_PARITY_LEVELS = ("raid5", "raid6")
_STRIPE_OF_COPIES = re.compile(r"([nfo])([1-9][0-9]?)")

_OFFSET_BIT = 1 << 16


def kernel_level(level: str) -> str:
    """The level as sysfs and mdadm know it: C(raid1e) is raid10 with as many copies as devices."""
    return "raid10" if level == "raid1e" else level


def check_layout(option: str, level: str, layout: Optional[str], devices: int) -> Optional[str]:
    """The layout to create C(level) over C(devices) members with; C(None) leaves the choice to mdadm."""
    if devices < _FEWEST[level]:
        raise InputError(option, f"{level} needs at least {_FEWEST[level]} devices, {devices} given")
    if layout is None:
        return f"o{devices}" if level == "raid1e" else None
    if level in _PARITY_LEVELS:
        if layout not in _PARITY_WORDS:
            raise InputError(option, f"'{layout}' is no layout of {level}; known are {', '.join(_PARITY_WORDS)}")
        return layout
    if kernel_level(level) != "raid10":
        raise InputError(option, f"{level} has no layouts, leave the option out (given: '{layout}')")
    return _check_copies(option, level, layout, devices)


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
    """The kernel's layout word for a checked layout; C(None) when the level has none or it was left open."""
    if layout is None:
        return None
    if level in _PARITY_LEVELS:
        return _PARITY_WORDS[layout]
    kind, copies = layout[0], int(layout[1:])
    # near | far << 8, and bit 16 says that the far copies lie in the next stripe (offset) and not far away.
    if kind == "n":
        return copies | 1 << 8
    return 1 | copies << 8 | (_OFFSET_BIT if kind == "o" else 0)


def decode(level: str, word: int) -> Optional[str]:
    """The name of a layout word of the kernel; C(None) where the level has no layouts."""
    if level in _PARITY_LEVELS:
        names = {number: name for name, number in _PARITY_WORDS.items()}
        return names.get(word, f"word-{word}")
    if level != "raid10":
        return None
    near, far = copies_of(word)
    if far == 1:
        return f"n{near}"
    kind = "o" if word & _OFFSET_BIT else "f"
    return f"{kind}{far}" if near == 1 else f"n{near}{kind}{far}"


def copies_of(word: int) -> Tuple[int, int]:
    """Near and far (or offset) copies of a raid10 layout word."""
    return word & 0xFF, word >> 8 & 0xFF


def redundancy_groups(level: str, word: Optional[int], devices: int) -> List[Tuple[Tuple[int, ...], int]]:
    """Sets of member slots that keep the same data, each with the number of them that may share one failure domain."""
    everyone = tuple(range(devices))
    if level == "raid10":
        return [(group, 1) for group in sorted(_mirror_sets(word if word is not None else 0x102, devices))]
    allowed: Dict[str, int] = {"raid1": 1, "raid4": 1, "raid5": 1, "raid6": 2}
    return [(everyone, allowed[level])] if level in allowed else []


def _mirror_sets(word: int, devices: int) -> List[Tuple[int, ...]]:
    near, far = copies_of(word)
    sets = set()
    for chunk in range(devices):
        first = [(chunk * near + copy) % devices for copy in range(near)]
        # Each further copy of a stripe is shifted by as many slots as there are near copies.
        slots = {(slot + near * shift) % devices for slot in first for shift in range(far)}
        sets.add(tuple(sorted(slots)))
    return list(sets)


def usable_size(level: str, word: Optional[int], sizes: List[int]) -> int:
    """About how many bytes an array over members of these sizes offers, superblocks left out of account."""
    count, smallest = len(sizes), min(sizes)
    if level == "raid0":
        return sum(sizes)
    if level == "raid1":
        return smallest
    if level in ("raid4", "raid5"):
        return smallest * (count - 1)
    if level == "raid6":
        return smallest * (count - 2)
    near, far = copies_of(word if word is not None else 0x102)
    return smallest * count // (near * far)


def survives(level: str, word: int, devices: int, missing: Sequence[int]) -> bool:
    """Whether an array of C(devices) slots still has all its data without those in C(missing)."""
    if level in ("raid4", "raid5", "raid6"):
        return len(missing) <= (2 if level == "raid6" else 1)
    if level == "raid1":
        return len(missing) < devices
    if level == "raid10":
        return not any(set(group) <= set(missing) for group in _mirror_sets(word, devices))
    return not missing
