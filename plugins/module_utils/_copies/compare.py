# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy compared with its expected content, byte by byte. Pure."""

from __future__ import annotations

from typing import Iterator, Optional, Tuple

from .state import Difference

_CHUNK = 4096
_RIGHT = 16
"""So many right bytes in a row end a damaged range: fewer may be right by chance."""


def find_difference(wanted: bytes, copy: bytes) -> Optional[Difference]:
    """The first damaged range of a copy, or C(None) for an equal copy."""
    if wanted == copy:
        return None
    surplus = abs(len(wanted) - len(copy))
    common = min(len(wanted), len(copy))
    wrong = tuple(_wrong_bytes(wanted[:common], copy[:common]))
    if not wrong:
        return Difference(common, surplus, "missing" if len(copy) < len(wanted) else "surplus", surplus)
    end = _end_of_range(wrong)
    damaged = copy[wrong[0] : end]
    what = "garbage" if damaged.strip(b"\0") else "zeros"
    return Difference(wrong[0], end - wrong[0], what, len(wrong) + surplus)


def _wrong_bytes(wanted: bytes, copy: bytes) -> Iterator[int]:
    for start in range(0, len(wanted), _CHUNK):
        right, found = wanted[start : start + _CHUNK], copy[start : start + _CHUNK]
        if right != found:
            yield from (start + place for place, (one, other) in enumerate(zip(right, found)) if one != other)


def _end_of_range(wrong: Tuple[int, ...]) -> int:
    end = wrong[0] + 1
    for place in wrong[1:]:
        if place - end >= _RIGHT:
            break
        end = place + 1
    return end
