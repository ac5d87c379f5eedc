# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of ZFS, which /proc/meminfo counts as used although most of it can be had. Pure."""

from __future__ import annotations

from typing import Dict, Optional

from .meminfo import whole_number


def parse_arcstats(text: Optional[str]) -> Dict[str, Optional[object]]:
    """Bytes of the cache: C(size), the C(minimum) it shrinks to, and the C(reclaimable) rest; nulls with the reason without it."""
    figures: Dict[str, int] = {}
    for line in (text or "").splitlines():
        words = line.split()
        value = whole_number(words[2]) if len(words) == 3 else None
        if value is not None:
            figures[words[0]] = value
    size, minimum = figures.get("size"), figures.get("c_min")
    if size is None or minimum is None:
        reason = "no ZFS: /proc/spl/kstat/zfs/arcstats is not there" if text is None else "arcstats without size and c_min"
        return {"size": size, "minimum": minimum, "reclaimable": None, "reason": reason}
    return {"size": size, "minimum": minimum, "reclaimable": max(0, size - minimum), "reason": None}
