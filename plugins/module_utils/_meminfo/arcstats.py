# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of ZFS, which /proc/meminfo counts as used although most of it can be reclaimed. Pure."""

from __future__ import annotations

from typing import Any, Dict, Optional

from .meminfo import whole_number


def parse_arcstats(text: Optional[str]) -> Dict[str, Any]:
    """Bytes of the cache: C(size), the C(minimum) to which it shrinks, and the C(reclaimable) rest; without ZFS nulls with the reason."""
    figures: Dict[str, int] = {}
    for line in (text or "").splitlines():
        words = line.split()
        value = whole_number(words[2]) if len(words) == 3 else None
        if value is not None:
            figures[words[0]] = value
    size, minimum = figures.get("size"), figures.get("c_min")
    if size is None or minimum is None:
        reason = "no ZFS: /proc/spl/kstat/zfs/arcstats does not exist" if text is None else "arcstats without size and c_min"
        return {"size": size, "minimum": minimum, "reclaimable": None, "reason": reason}
    return {"size": size, "minimum": minimum, "reclaimable": max(0, size - minimum), "reason": None}


def of_this_machine(arc: Dict[str, Any], total: int, free: int, foreign: Optional[str]) -> Dict[str, Any]:
    """The cache, with null for C(reclaimable) if it is not of the machine with this MemTotal.

    In a container arcstats are the host's, even if /proc/meminfo is not.

    :arg foreign: the reason why other files are known to be another machine's, None if they are not.
    """
    if arc["reclaimable"] is None:
        return arc
    reason = None
    if foreign is not None:
        reason = f"the cache belongs to the machine of /proc/zoneinfo: {foreign}"
    elif arc["size"] + free > total:
        reason = (
            f"the cache of {arc['size']} bytes and MemFree, {free}, are more than MemTotal, {total}: it is another machine's (a container?)"
        )
    return arc if reason is None else dict(arc, reclaimable=None, reason=reason)
