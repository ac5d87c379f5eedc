# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which arrays md can give more devices or another chunk without harm. Pure.

Each was tried on Linux 6.1 before it was allowed: members full of random bytes, writes meanwhile, a power cut in the middle, then all
data compared, and md's own check. What lost data there, or left copies that differ, is refused with what went wrong.
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
        return "after a power cut in the middle of that, the kernel begins anew on data that it has already moved, and they are lost"
    if far_copies(array.level, array.layout) > 1:
        return "with copies that are not near ones, the kernel puts data in the wrong places, and they are lost"
    if array.component_size % (chunk * 1024):
        return f"what it uses of each member, {array.component_size // 1024} KiB, is no multiple of that"
    return ""


def unsafe_bitmap(array: Array, bitmap: str) -> str:
    """What would go wrong if the array were reshaped with this bitmap; empty if nothing would."""
    if not array.kind.copied or bitmap == "none":
        return ""
    return f"it is {array.level} with a bitmap, and when such an array is reshaped, copies in its new room are not made alike"


def _obstacle(array: Array) -> str:
    if not array.kind.reshaped:
        return f"{array.level} has no copies from which data could be moved safely"
    if in_halves(array.level, array.layout):
        return "in its layout the further copies lie where the members are halved"
    if array.metadata == "1.0":
        return "with metadata 1.0 its data begin where the members do, which leaves no room to move them"
    return ""
