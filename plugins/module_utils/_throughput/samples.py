# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The window of a measurement, chosen from samples of payload and counters. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from .state import Counters

_HALF = 0.05
"""Half of the time between two samples, in seconds."""


@dataclass(frozen=True)
class Sample:
    """What all streams together had read at a moment, and the counters of the interface at the same moment."""

    moment: float
    payload: int
    counters: Optional[Counters]


def choose_window(samples: Sequence[Sample], omit: float, seconds: float) -> Optional[Tuple[Sample, Sample]]:
    """The first and last sample of the window: C(omit) seconds after the first payload, until C(seconds) later or the last growth.

    Rate and counters of one window can be compared; a rate of one window and counters of another cannot.
    """
    growing = [after for before, after in zip(samples, samples[1:]) if after.payload > before.payload]
    if not growing:
        return None
    begin = growing[0].moment + omit
    # At the last growth the streams may already have ended, in the middle of the sample.
    late = [one for one in growing[:-1] if one.moment >= begin]
    inside = [one for one in late if one.moment <= late[0].moment + seconds + _HALF]
    return (inside[0], inside[-1]) if len(inside) > 1 else None
