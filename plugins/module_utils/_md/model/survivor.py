# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is noted of the members of an array that had lost all of them, until it is assembled again. Frozen data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

Range = Tuple[int, int]
"""A first sector and a number of sectors, of 512 bytes."""


@dataclass(frozen=True)
class Survivor:
    """One member of such an array. C(lacks) are the ranges of the device (from its first sector) that could not be written, C(None)
    where not all of them are known; C(current) tells that md had not given up the member, C(failed) that a write to it failed. Of a
    member that md had given up not every block is listed. C(events) is its event count before the array was stopped, C(None) if the
    member did not answer then, so that the count on it stays. C(seen) is the time of that, in seconds since 1970.
    """

    identity: str
    current: bool
    failed: bool
    lacks: Optional[Tuple[Range, ...]] = ()
    events: Optional[int] = None
    seen: int = 0

    @property
    def complete(self) -> bool:
        """Whether it took every write while it was in the array."""
        return not self.failed and self.lacks == ()


def as_noted(survivors: Mapping[str, Sequence[Survivor]]) -> Dict[str, Any]:
    """For the journal."""
    return {uuid: [asdict(one) for one in members] for uuid, members in survivors.items()}


def from_noted(noted: Mapping[str, Any]) -> Dict[str, Tuple[Survivor, ...]]:
    """What L(as_noted) gave.

    :raises KeyError, TypeError, ValueError: it is something else.
    """
    return {uuid: tuple(_survivor(one) for one in members) for uuid, members in noted.items()}


def _survivor(noted: Mapping[str, Any]) -> Survivor:
    lacks = noted["lacks"]
    ranges = None if lacks is None else tuple((int(first), int(size)) for first, size in lacks)
    events = None if noted["events"] is None else int(noted["events"])
    return Survivor(str(noted["identity"]), bool(noted["current"]), bool(noted["failed"]), ranges, events, int(noted["seen"]))
