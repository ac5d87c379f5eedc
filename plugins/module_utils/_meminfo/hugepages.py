# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The huge pages of a host, used and free, by /proc/meminfo and the files below /sys/kernel/mm/hugepages. Pure; bytes."""

from __future__ import annotations

import re
from typing import Dict, Mapping, Optional

from .meminfo import KIB, Meminfo, whole_number

_POOL = re.compile(r"/sys/kernel/mm/hugepages/hugepages-([0-9]+)kB/(nr|free)_hugepages")
_COUNTERS = ("Hugetlb", "HugePages_Total", "HugePages_Free", "Hugepagesize")


def huge_pages(info: Meminfo, pools: Mapping[str, str]) -> Dict[str, object]:
    """Bytes of the huge pages of all sizes. A kernel without the counters has no huge pages.

    :arg pools: the numbers of pages of each size, by path.
    """
    damaged = [name for name in _COUNTERS if name in info.problems]
    if damaged:
        return {"total": None, "used": None, "free": None, "reason": f"{damaged[0]}: {info.problems[damaged[0]]}"}
    size = info.sizes.get("Hugepagesize", 0)
    default, free = info.counts.get("HugePages_Total", 0) * size, info.counts.get("HugePages_Free", 0) * size
    # Kernels before 4.16 only count huge pages of the default size.
    total = info.sizes.get("Hugetlb", default)
    reason: Optional[str] = None
    if total != default:
        if _bytes(pools, "nr") == total:
            free = _bytes(pools, "free")
        else:
            reason = f"of other sizes than {size} bytes it is not known which huge pages are free: they count as used"
    return {"total": total, "used": max(0, total - free), "free": min(total, free), "reason": reason}


def _bytes(pools: Mapping[str, str], kind: str) -> int:
    found = 0
    for path, text in pools.items():
        match = _POOL.fullmatch(path)
        if match and match.group(2) == kind:
            found += int(match.group(1)) * KIB * (whole_number(text.strip()) or 0)
    return found
