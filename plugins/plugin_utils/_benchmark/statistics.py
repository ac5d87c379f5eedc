# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Means, spreads and shares of what was counted. Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

Sample = Tuple[float, int, int]
"""Seconds since 1970, and busy and total ticks of the CPUs since boot."""


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean of at least one value."""
    return sum(values) / len(values)


def spread(values: Sequence[float]) -> float:
    """How far the largest is from the smallest, in parts of the mean; 0 for a single value or a mean of 0."""
    middle = mean(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def percent(busy: float, total: float) -> Optional[float]:
    """How busy, in percent; C(None) where no time passed."""
    return 100 * busy / total if total > 0 else None


def shares(counts: Mapping[str, float]) -> Dict[str, float]:
    """Each count in parts of the sum; nothing where nothing was counted."""
    whole = sum(counts.values())
    return {name: count / whole for name, count in counts.items()} if whole else {}


def imbalance(counts: Mapping[str, float]) -> Optional[float]:
    """How far the count that is farthest from an equal share is from it, in parts of that share."""
    found = shares(counts).values()
    return max(abs(share * len(found) - 1) for share in found) if found else None


def parse_samples(text: str) -> List[Sample]:
    """The lines C(TIME BUSY TOTAL) that the program on a server writes; a last line cut short is left out."""
    samples: List[Sample] = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3:
            samples.append((float(fields[0]), int(fields[1]), int(fields[2])))
    return samples


def busy_between(samples: Sequence[Sample], start: float, end: float) -> Optional[float]:
    """How busy in percent between the first and the last sample of that time; C(None) with less than two."""
    inside = [sample for sample in samples if start <= sample[0] <= end]
    if len(inside) < 2:
        return None
    return percent(inside[-1][1] - inside[0][1], inside[-1][2] - inside[0][2])
