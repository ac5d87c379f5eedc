# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds in which every host meets every other host once, and no host is in two measurements at once. Pure."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

Pair = Tuple[str, str]


def make_rounds(hosts: Sequence[str]) -> List[List[Pair]]:
    """All pairs in rounds of disjoint pairs, by the circle method: the first host stays, the others move on by one place in each round.

    N hosts need N-1 rounds, an odd number of hosts N, in each of which one host rests. Each host is the first of about half of its pairs:
    the others are so by moving through both halves of the circle, and the pair of the host that stays is turned in every other round.
    """
    circle: List[Optional[str]] = list(hosts)
    if len(circle) % 2:
        circle.append(None)
    rounds: List[List[Pair]] = []
    for number in range(len(circle) - 1):
        facing = zip(circle[: len(circle) // 2], reversed(circle[len(circle) // 2 :]))
        pairs = [(one, other) for one, other in facing if one is not None and other is not None]
        rounds.append([(other, one) if one == hosts[0] and number % 2 else (one, other) for one, other in pairs])
        circle[1:] = [circle[-1], *circle[1:-1]]
    return rounds


def from_one(host: str, others: Sequence[str]) -> List[List[Pair]]:
    """The rounds in which one host meets each of the others, one after the other."""
    return [[(host, other)] for other in others]
