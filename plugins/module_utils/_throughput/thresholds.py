# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a measurement is fast enough. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Mapping, Optional

from .._core.errors import InputError
from .layers import as_text
from .options import parse_rate


@dataclass(frozen=True)
class Thresholds:
    """C(below) is a rate of payload in bit/s, C(percent) one of the wire, in percent of the interface's speed."""

    below: Optional[int] = None
    percent: Optional[float] = None


def make_thresholds(fail_below: Optional[str], percent: Optional[float]) -> Thresholds:
    """Check the two options.

    :raises InputError: a rate without decimal unit, or a percentage that cannot be.
    """
    if percent is not None and not 0 < percent <= 100:
        raise InputError("fail_below_percent", f"{percent:g} is not a percentage above 0 and up to 100")
    return Thresholds(parse_rate("fail_below", fail_below) if fail_below else None, percent)


def check_speed(thresholds: Thresholds, interface: str, link: Mapping[str, Any]) -> None:
    """Refuse a percentage of a speed that does not exist.

    :raises InputError: the driver of the interface has no speed, or makes one up.
    """
    if thresholds.percent is not None and not link.get("speed"):
        raise InputError(
            "fail_below_percent",
            f"the interface {interface} (driver {link.get('driver') or 'unknown'}) has no real speed to take a percentage of:"
            " use fail_below. Nothing was sent",
        )


def problems(name: str, measured: Mapping[str, Any], thresholds: Thresholds, speed: Optional[int]) -> List[str]:
    """A sentence for each threshold that was missed."""
    found: List[str] = []
    rate = measured["rate"]
    if thresholds.below and rate["payload"] < thresholds.below:
        found.append(f"{name}: {as_text(rate['payload'])} of payload is less than {as_text(thresholds.below)}")
    if thresholds.percent is not None and speed and rate["wire"] * 100 < thresholds.percent * speed:
        found.append(f"{name}: {rate['wire'] * 100 / speed:.1f} % of {as_text(speed)} is less than {thresholds.percent:g} %")
    doubt = f"; limited by {measured['limited_by']}" + (f"; not trusted: {measured['reason']}" if measured["reason"] else "")
    return [text + doubt for text in found]
