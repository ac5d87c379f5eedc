# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What copies showed: extents, proofs, differences, and findings. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

DELAYED = 0x4
"""FIEMAP_EXTENT_DELALLOC: the data of this extent has no place on the disk yet."""

LAST = 0x1
"""FIEMAP_EXTENT_LAST: no extent follows."""


@dataclass(frozen=True)
class Extent:
    """An extent of a file by FIEMAP, in bytes."""

    logical: int
    physical: int
    length: int
    flags: int = 0

    @property
    def end(self) -> int:
        """The first byte of the file after the extent."""
        return self.logical + self.length

    def is_continued_elsewhere(self, following: Extent) -> bool:
        """Whether C(following) continues this extent in the file, but not on the disk."""
        return following.logical == self.end and following.physical != self.physical + self.length


@dataclass(frozen=True)
class Map:
    """How a file lies: its extents, C(None) where the file system has no FIEMAP, and its ranges of data by SEEK_DATA, as offset and end."""

    extents: Optional[Tuple[Extent, ...]]
    data: Optional[Tuple[Tuple[int, int], ...]]


@dataclass(frozen=True)
class Difference:
    """The first difference of a copy. C(what) is C(zeros), C(garbage), C(missing) for a short copy or no copy, C(surplus) for a long one.

    C(total) counts all bytes that differ.
    """

    offset: int
    length: int
    what: str
    total: int


@dataclass(frozen=True)
class Copied:
    """One copy. C(failure) tells how the copier failed, empty if it did not."""

    failure: str
    difference: Optional[Difference]


@dataclass(frozen=True)
class Guarded:
    """A copy under a guard. C(errors) are kinds of memory errors, C(freed) whether memory was read that had been freed or moved."""

    guard: str
    errors: Tuple[str, ...]
    freed: bool


@dataclass(frozen=True)
class Program:
    """The program of a copier. C(version) is its own word, C(patches) the patches of a package that was built by patched_package."""

    version: str = ""
    patches: str = ""


@dataclass(frozen=True)
class Finding:
    """All copies of one layout by one copier on one file system. C(unproved) tells why the layout is not certain, empty if it is."""

    command: Tuple[str, ...]
    layout: str
    unproved: str
    copies: Tuple[Copied, ...]
    guarded: Optional[Guarded] = None
    seconds: float = 0.0
    path: str = ""
    filesystem: str = ""
    program: Program = Program()
