# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which arrays can md reshape to more devices or another chunk without harm? Pure.

Each allowed reshape was tried on Linux 6.1: members full of random bytes, writes during the reshape, a power cut in the middle, then a
comparison of all data and md's own check. A reshape that lost data or left different copies is refused, and the refusal says why.
"""

from __future__ import annotations

from ..model.array import Array
from ..model.layout import far_copies, in_halves


def no_new_devices(array: Array) -> str:
    """Why the array cannot have more devices; empty if it can."""
    return "" if array.kind.mirrored else _obstacle(array)


def no_new_chunk(array: Array, chunk: int) -> str:
    """Why the array cannot have chunks of C(chunk) KiB; empty if it can."""
    if _obstacle(array):
        return _obstacle(array)
    if array.kind.parity:
        return "after a power cut during that change, the kernel begins again with data that it has already moved, and they are lost"
    if far_copies(array.level, array.layout) > 1:
        return "with copies that are not near copies, the kernel puts data in the wrong places, and they are lost"
    if array.component_size % (chunk * 1024):
        return f"the size that it uses of each member, {array.component_size // 1024} KiB, is not a multiple of that chunk"
    return ""


def unsafe_bitmap(array: Array, bitmap: str) -> str:
    """Why the array cannot be reshaped with this bitmap; empty if it can."""
    if not array.kind.copied or bitmap == "none":
        return ""
    return f"it is {array.level} with a bitmap, and after a reshape of such an array the copies in its new room differ"


def _obstacle(array: Array) -> str:
    if not array.kind.reshaped:
        return f"{array.level} has no copies from which data could be moved safely"
    if in_halves(array.level, array.layout):
        return "in its layout the further copies begin at half the size of each member"
    if array.metadata == "1.0":
        return "with metadata 1.0 its data begin at the beginning of the members, which leaves no room to move them"
    return ""
