# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for the largest segment that passes a path, several sizes at a time. Pure."""

from __future__ import annotations

from typing import List, Mapping, Optional

SMALLEST = 500
"""A payload that every path of IPv4 carries (RFC 791: a packet of 576 bytes)."""

_AT_ONCE = 12


class Search:
    """Begins with nothing known; L(sizes) are the next ones to try, L(learn) takes what was found, L(found) is the answer."""

    def __init__(self, largest: int) -> None:
        """C(largest) is the payload that the two ends have agreed on."""
        self.largest = largest
        self._passes = 0
        self._fails = largest + 1

    def sizes(self) -> List[int]:
        """First the agreed size; then, if that does not pass, sizes that are evenly spread between what passes and what does not."""
        if self._fails > self.largest:
            return [] if self._passes == self.largest else [self.largest]
        if not self._passes:
            return [SMALLEST, *_spread(SMALLEST, self._fails)]
        return _spread(self._passes, self._fails)

    def learn(self, passed: Mapping[int, bool]) -> None:
        """Take results. A size that passed by luck of timing above one that failed does not count."""
        self._fails = min([self._fails, *(size for size, well in passed.items() if not well)])
        self._passes = max([self._passes, *(size for size, well in passed.items() if well and size < self._fails)])

    @property
    def nothing_passes(self) -> bool:
        """Whether not even the smallest size passes, which is no question of size."""
        return self._fails <= min(SMALLEST, self.largest)

    @property
    def found(self) -> Optional[int]:
        """The largest payload that passes, C(None) while it is not known."""
        return self._passes if self._fails - self._passes == 1 and self._passes else None


def _spread(low: int, high: int) -> List[int]:
    """Up to so many sizes between two, without the two."""
    count = min(_AT_ONCE, high - low - 1)
    return sorted({low + (high - low) * (place + 1) // (count + 1) for place in range(count)} - {low, high})
