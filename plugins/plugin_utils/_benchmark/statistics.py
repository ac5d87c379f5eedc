# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Means, spreads and shares of counts. Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

Sample = Tuple[float, int, int]
"""Seconds since 1970, and busy and total ticks of the CPUs since boot."""


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean of at least one value."""
    return sum(values) / len(values)


def spread(values: Sequence[float]) -> float:
    """The difference of the largest and the smallest value, in parts of the mean; 0 for a single value or a mean of 0."""
    middle = mean(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def percent(busy: float, total: float) -> Optional[float]:
    """The busy time in percent of the total; C(None) if no time passed."""
    return 100 * busy / total if total > 0 else None


def shares(counts: Mapping[str, float]) -> Dict[str, float]:
    """Each count in parts of the sum; empty if the sum is 0."""
    whole = sum(counts.values())
    return {name: count / whole for name, count in counts.items()} if whole else {}


def imbalance(counts: Mapping[str, float]) -> Optional[float]:
    """The largest difference of a count from an equal share, in parts of that share."""
    found = shares(counts).values()
    return max(abs(share * len(found) - 1) for share in found) if found else None


def parse_samples(text: str) -> List[Sample]:
    """The lines C(TIME BUSY TOTAL) that the program on a server writes; an incomplete last line is skipped."""
    samples: List[Sample] = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3:
            samples.append((float(fields[0]), int(fields[1]), int(fields[2])))
    return samples


def busy_between(samples: Sequence[Sample], start: float, end: float) -> Optional[float]:
    """The busy time in percent between the first and the last sample of this period; C(None) with fewer than two samples."""
    inside = [sample for sample in samples if start <= sample[0] <= end]
    if len(inside) < 2:
        return None
    return percent(inside[-1][1] - inside[0][1], inside[-1][2] - inside[0][2])
