# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about the members of an array that has lost all its members, noted until it is assembled again. Frozen data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

Range = Tuple[int, int]
"""A first sector and a number of sectors, of 512 bytes."""


@dataclass(frozen=True)
class Survivor:
    """One member of an array that has lost all its members. C(lacks) are the ranges of the device (from its first sector) whose writes
    failed, C(None) if not all are known; the list is incomplete for a member that md had ejected. C(current): md had not ejected the
    member. C(failed): a write to the member failed. C(events) is its event count before the array was stopped, C(None) if the member did
    not answer then, so that the count on it stays. C(seen) is the time of these facts, in seconds since 1970.
    """

    identity: str
    current: bool
    failed: bool
    lacks: Optional[Tuple[Range, ...]] = ()
    events: Optional[int] = None
    seen: int = 0

    @property
    def complete(self) -> bool:
        """Whether no write to the member failed while it was in the array."""
        return not self.failed and self.lacks == ()


def as_noted(survivors: Mapping[str, Sequence[Survivor]]) -> Dict[str, Any]:
    """The form of the journal."""
    return {uuid: [asdict(one) for one in members] for uuid, members in survivors.items()}


def from_noted(noted: Mapping[str, Any]) -> Dict[str, Tuple[Survivor, ...]]:
    """The survivors from the form of L(as_noted).

    :raises KeyError, TypeError, ValueError: C(noted) does not have this form.
    """
    return {uuid: tuple(_survivor(one) for one in members) for uuid, members in noted.items()}


def _survivor(noted: Mapping[str, Any]) -> Survivor:
    lacks = noted["lacks"]
    ranges = None if lacks is None else tuple((int(first), int(size)) for first, size in lacks)
    events = None if noted["events"] is None else int(noted["events"])
    return Survivor(str(noted["identity"]), bool(noted["current"]), bool(noted["failed"]), ranges, events, int(noted["seen"]))
