# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The RAID levels: a row for each, with all differences between levels. To add a level, add its row. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

_PARITY_LAYOUTS = {
    "left-asymmetric": 0,
    "right-asymmetric": 1,
    "left-symmetric": 2,
    "right-symmetric": 3,
    "parity-first": 4,
    "parity-last": 5,
}


@dataclass(frozen=True)
class Level:
    """A level. C(name) is its name in a task, C(kernel) its name in sysfs and for mdadm, C(number) its number in superblocks.

    C(fewest) is the smallest number of devices; C(parity) is the number of devices that can be lost. If a level is C(mirrored), each
    member has all data; if it is C(copied), the layout decides which members have the same data. C(layouts) are the named layouts with
    the kernel's numbers. C(layout) is the layout of a new array if the task gives none, with C({devices}) filled in; if it is empty,
    mdadm chooses. C(chunked) tells whether data are cut into chunks.
    """

    name: str
    kernel: str
    number: int
    fewest: int = 2
    parity: int = 0
    mirrored: bool = False
    copied: bool = False
    chunked: bool = True
    layouts: Mapping[str, int] = field(default_factory=dict)
    layout: str = ""

    @property
    def redundant(self) -> bool:
        """Whether an array survives the loss of a member. Then it can have spares and a bitmap, be healed, resynced and checked, and use
        more of its members after these have grown. A level without redundancy uses all of each member, and counts no events."""
        return self.mirrored or self.copied or self.parity > 0

    @property
    def reshaped(self) -> bool:
        """Whether new devices or another chunk move data inside an array."""
        return self.copied or self.parity > 0


LEVELS = {
    level.name: level
    for level in (
        Level("raid0", "raid0", 0),
        Level("raid1", "raid1", 1, mirrored=True, chunked=False),
        Level("raid1e", "raid10", 10, copied=True, layout="o{devices}"),
        Level("raid4", "raid4", 4, fewest=3, parity=1),
        Level("raid5", "raid5", 5, fewest=3, parity=1, layouts=_PARITY_LAYOUTS),
        Level("raid6", "raid6", 6, fewest=4, parity=2, layouts=_PARITY_LAYOUTS),
        Level("raid10", "raid10", 10, copied=True),
    )
}
"""The levels of the option C(level), by name."""

_KERNEL = {-1: "linear", **{level.number: level.kernel for level in LEVELS.values()}}


def level_of(kernel: str) -> Level:
    """The level with this name of the kernel. For a level that no task can declare, only the name is known."""
    return LEVELS.get(kernel) or Level(kernel, kernel, 0, chunked=False)


def level_name(number: int) -> str:
    """The kernel's name for the level with this number in superblocks."""
    return _KERNEL.get(number, f"level {number}")
