# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much programs waited for memory (PSI), and how many were killed for lack of it. Pure."""

from __future__ import annotations

import re
from typing import Any, Dict, Optional

from .meminfo import whole_number

_LINE = re.compile(r"(some|full) avg10=([0-9.]+) avg60=([0-9.]+) avg300=([0-9.]+) total=([0-9]+)")
_SPANS = ("avg10", "avg60", "avg300")


def describe(text: Optional[str]) -> Dict[str, Any]:
    """The text of /proc/pressure/memory: for C(some) and C(full) the percentages of three spans, and C(total) in microseconds."""
    found: Dict[str, Any] = {"some": None, "full": None, "reason": None}
    for kind, *figures in _LINE.findall(text or ""):
        try:
            found[kind] = {**{span: float(figure) for span, figure in zip(_SPANS, figures)}, "total": int(figures[-1])}
        except ValueError:
            continue
    if found["some"] is None and found["full"] is None:
        found["reason"] = "no /proc/pressure/memory: Linux before 4.20, or PSI is off"
    return found


def parse_oom_kills(text: Optional[str]) -> Optional[int]:
    """The count C(oom_kill) of /proc/vmstat since boot; None before Linux 4.13."""
    return parse_vmstat(text, "oom_kill")


def parse_vmstat(text: Optional[str], wanted: str) -> Optional[int]:
    """One figure of /proc/vmstat; None if this kernel does not print it."""
    for line in (text or "").splitlines():
        name, _space, number = line.strip().partition(" ")
        if name == wanted:
            return whole_number(number)
    return None
