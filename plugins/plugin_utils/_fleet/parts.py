# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of a host in parts that do not overlap, from the terms of C(accounting.extended). Pure.

The parts add up to the memory of the host, because every term is in one part, and the rest is the part C(unexplained). A term that has no
row here, such as a counter of a future kernel, is in the part C(other).
"""

from __future__ import annotations

from typing import Any, Dict, Mapping

PARTS: Mapping[str, str] = {
    "programs": "programs",
    "tmpfs": "tmpfs and shared memory",
    "locked": "locked by programs (unevictable)",
    "huge_used": "huge pages, used",
    "huge_free": "huge pages, free",
    "kernel": "kernel",
    "zswap": "compressed swap (zswap, zram)",
    "arc": "ZFS cache (ARC)",
    "other": "other counters",
    "unknown": "in use, by whom is not known",
    "unexplained": "unexplained",
    "caches": "caches",
    "free": "free",
}
"""The labels, in the order of the bars: memory in use first, memory that can still be had last."""

_OF_TERM = {
    "MemFree": "free",
    "per-CPU free lists": "free",
    "PageTables": "kernel",
    "SecPageTables": "kernel",
    "KernelStack": "kernel",
    "Percpu": "kernel",
    "VmallocUsed - KernelStack": "kernel",
    "KReclaimable - SReclaimable": "caches",
    "Zswap": "zswap",
    "zsmalloc - Zswap": "zswap",
    "AnonPages": "programs",
    "SwapCached": "programs",
    "Buffers": "caches",
    "ZFS ARC": "arc",
}
_SPLIT = ("Active", "Inactive", "Unevictable", "Cached", "Slab", "Hugetlb")
"""Terms that are divided between parts, by other counters of the host."""


def parts(meminfo: Mapping[str, Any]) -> Dict[str, int]:
    """Bytes of each part. C(unexplained) is the figure of the account, below zero if the counters count memory twice.

    Where a control group limits the host, the parts are those of the group, and add up to its limit. Without an account, only the free
    memory is known, and the rest is C(unknown).
    """
    account, columns = meminfo["accounting"]["extended"], meminfo["free"]
    found = dict.fromkeys(PARTS, 0)
    if meminfo["machine"] is None and account["terms"]:
        _add_terms(found, meminfo, account["terms"])
        return {**found, "unexplained": columns["total"] - sum(found.values())}
    if meminfo["machine"] is not None and columns["others"] is not None:
        _add_columns(found, columns, meminfo["cgroup"]["tmpfs"] or 0)
    found["free"] = columns["free"]
    return {**found, "unknown": columns["total"] - sum(found.values())}


def _add_columns(found: Dict[str, int], columns: Mapping[str, Any], tmpfs: int) -> None:
    anonymous = columns["anonymous"] or 0
    found["tmpfs"] = min(tmpfs, anonymous)
    found["programs"] = anonymous - found["tmpfs"]
    found.update({name: columns[name] or 0 for name in ("kernel", "caches")})


def _add_terms(found: Dict[str, int], meminfo: Mapping[str, Any], terms: Mapping[str, int]) -> None:
    sizes = meminfo["bytes"]
    for name, value in terms.items():
        if name not in _SPLIT:
            found[_OF_TERM.get(name, "other")] += value
    _add_pages(found, sizes, terms)
    reclaimable = min(terms.get("Slab", 0), sizes.get("SReclaimable", 0))
    found["caches"] += reclaimable
    found["kernel"] += terms.get("Slab", 0) - reclaimable
    huge = terms.get("Hugetlb", 0)
    found["huge_free"] = min(huge, meminfo["accounting"]["huge_pages"]["free"] or 0)
    found["huge_used"] = huge - found["huge_free"]


def _add_pages(found: Dict[str, int], sizes: Mapping[str, int], terms: Mapping[str, int]) -> None:
    """Add the pages of programs and files, by the lists on which they are, or by the counter C(Cached).

    The kernel counts tmpfs as anonymous memory, or as unevictable if it is locked; C(Cached) contains it.
    """
    pages, cached, locked = terms.get("Active", 0) + terms.get("Inactive", 0), terms.get("Cached", 0), terms.get("Unevictable", 0)
    if "Active" not in terms:
        found["tmpfs"] = min(sizes.get("Shmem", 0), cached)
        found["caches"] += cached - found["tmpfs"]
        found["programs"] += pages
        found["locked"] += locked
        return
    files = sizes.get("Active(file)", 0) + sizes.get("Inactive(file)", 0)
    if "Active(file)" not in sizes:
        # Linux before 2.6.28 does not tell them apart.
        files = max(0, sizes.get("Cached", 0) + sizes.get("Buffers", 0) - sizes.get("Shmem", 0))
    files = min(pages, files)
    tmpfs = min(sizes.get("Shmem", 0), pages - files + locked)
    of_programs = min(tmpfs, pages - files)
    found["caches"] += files + cached
    found["tmpfs"] += tmpfs
    found["programs"] += pages - files - of_programs
    found["locked"] += locked - (tmpfs - of_programs)
