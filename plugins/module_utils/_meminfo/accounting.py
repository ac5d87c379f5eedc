# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The use of the memory: three sums of counters that should equal MemTotal, each with its unexplained rest. Pure; bytes.

To add a counter of a new kernel, add it to _EXTENDED if no other counter contains its memory, else to _STATISTICAL.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .available import Surroundings
from .hugepages import huge_pages
from .meminfo import Meminfo

_SLAB = ("Slab", "PageTables", "KernelStack")
_A = ("MemFree", "Buffers", "Cached", "SwapCached", "AnonPages") + _SLAB
_B = ("MemFree", "Active", "Inactive") + _SLAB
_UNEVICTABLE = "Unevictable"
"""Mostly locked memory of programs. The counters of A contain it."""
_EXTENDED = ("Percpu", "SecPageTables", "Zswap", "WritebackTmp", "GPUActive", "GPUReclaim")
"""Counters that are added if the kernel prints them; a counter that a kernel does not print is zero."""

_IDENTITIES = {
    "Active": ("Active(anon)", "Active(file)"),
    "Inactive": ("Inactive(anon)", "Inactive(file)"),
    "Slab": ("SReclaimable", "SUnreclaim"),
}

_STATISTICAL = (
    "Mapped", "Dirty", "Writeback", "Mlocked", "AnonHugePages", "ShmemHugePages", "ShmemPmdMapped", "FileHugePages",
    "FilePmdMapped", "Committed_AS", "CommitLimit", "CmaTotal", "CmaFree", "Shmem", "Zswapped", "Unaccepted",
    "ShadowCallStack", "NFS_Unstable", "MemShared",
)  # fmt: skip
"""Unaccepted memory is part of MemFree."""
_OTHERS = (
    "MemTotal", "MemAvailable", "HighTotal", "HighFree", "LowTotal", "LowFree", "SwapTotal", "SwapFree", "KReclaimable", "Hugetlb",
    "Hugepagesize", "VmallocTotal", "VmallocUsed", "VmallocChunk", "HardwareCorrupted", "Bounce", "Quicklists", "Balloon",
)  # fmt: skip
"""Counters that are known, and neither summed up as they are nor parts of others."""
_MOST_TWICE = 0.05
"""The part of MemTotal that counters may count twice. Kernels with small memory reach 3 %."""
_VMALLOC_COUNTED = (5, 3, 0)
"""In earlier kernels VmallocUsed included mappings of devices, and from 4.4 to 5.2 it was 0."""


class Account(NamedTuple):
    """One formula: its terms, or the reason why it has no result."""

    terms: Dict[str, int]
    reason: Optional[str] = None


def account(info: Meminfo, around: Surroundings, arc: Mapping[str, Any], pools: Mapping[str, str]) -> Dict[str, object]:
    """The account in the facts. C(unexplained) is MemTotal minus the sum; it is below zero if a formula counts memory twice.

    :arg arc: the cache of ZFS, which no counter names.
    :arg pools: the files with the numbers of huge pages.
    """
    foreign = around.foreign
    huge = huge_pages(info, pools) if foreign is None else {"total": None, "used": None, "free": None, "reason": foreign}
    sums = {"a": _sum(info, _A), "b": _sum(info, _B), "extended": _extended(info, around, arc, huge)}
    # Shmem is the container's where lxcfs replaces it, but not every lxcfs does.
    shmem = info.sizes.get("Shmem") if foreign is None else None
    cached = info.sizes.get("Cached")
    return {
        **{name: _describe(info, found if foreign is None else Account({}, foreign)) for name, found in sums.items()},
        "identities": {name: _identity(info, name, parts, foreign) for name, parts in _IDENTITIES.items()},
        "statistical_only": statistical_only(info),
        "unknown": unknown(info),
        "huge_pages": huge,
        "cached_reclaimable": None if shmem is None or cached is None else max(0, cached - shmem),
        "tmpfs": shmem,
    }


def statistical_only(info: Meminfo) -> List[str]:
    """The counters of this host for memory that other counters include; they must not be added."""
    return [name for name in info.sizes if name in _STATISTICAL or name.startswith("DirectMap")]


def unknown(info: Meminfo) -> List[str]:
    """The counters of this host that no formula knows. If memory is unexplained, it may be theirs."""
    parts = [part for both in _IDENTITIES.values() for part in both]
    known = {*_A, *_B, _UNEVICTABLE, *_EXTENDED, *_OTHERS, *parts, *statistical_only(info)}
    return [name for name in info.sizes if name not in known]


def _sum(info: Meminfo, names: Tuple[str, ...]) -> Account:
    problem = info.lacks(*names)
    return Account({}, problem) if problem else Account({name: info.sizes[name] for name in names})


def _extended(info: Meminfo, around: Surroundings, arc: Mapping[str, Any], huge: Mapping[str, Any]) -> Account:
    names: Tuple[str, ...] = (_UNEVICTABLE, *_EXTENDED)
    base = _sum(info, _B)
    if base.reason is not None and info.most_files is not None:
        # Without credible lists of pages, the counters of what is in the pages.
        base, names = _sum(info, _A), _EXTENDED
    if base.reason is not None:
        return base
    if not info.is_whole:
        return Account({}, "/proc/meminfo ends before VmallocTotal: it may lack counters that are not zero")
    damaged = [name for name in (*names, "KReclaimable", "VmallocUsed", "SReclaimable", "Balloon") if name in info.problems]
    if damaged or huge["total"] is None:
        return Account({}, f"{damaged[0]}: {info.problems[damaged[0]]}" if damaged else huge["reason"])
    terms = {**base.terms, **{name: info.sizes[name] for name in names if name in info.sizes}, "Hugetlb": huge["total"]}
    terms.update(_derived(info, around))
    if arc["reclaimable"] is not None:
        # The small buffers of the cache are in Slab, so it is at most what nothing else explains.
        terms["ZFS ARC"] = min(arc["size"], max(0, info.total - sum(terms.values())))
    return Account(terms)


def _derived(info: Meminfo, around: Surroundings) -> Dict[str, int]:
    """The terms that are computed from several figures."""
    terms: Dict[str, int] = {}
    sizes, zones, page = info.sizes, around.zones, around.page_size
    if "KReclaimable" in sizes and "SReclaimable" in sizes:
        terms["KReclaimable - SReclaimable"] = max(0, sizes["KReclaimable"] - sizes["SReclaimable"])
    if around.version is not None and around.version >= _VMALLOC_COUNTED and "VmallocUsed" in sizes:
        # Both include the kernel stacks, since these are mapped (VMAP_STACK).
        terms["VmallocUsed - KernelStack"] = max(0, sizes["VmallocUsed"] - sizes["KernelStack"])
    if around.zspages is not None and page is not None:
        # Zswap may have its pages from elsewhere, then this is too little.
        terms["zsmalloc - Zswap"] = max(0, around.zspages * page - sizes.get("Zswap", 0))
    if zones is not None and page is not None:
        terms["per-CPU free lists"] = zones.pcp * page
        if "Balloon" in sizes and zones.present is not None and zones.managed is not None:
            # Most balloons take their pages out of MemTotal, which leaves them present and no longer managed. A balloon that deflates when
            # memory is short does not.
            taken_out = (zones.present - zones.managed) * page
            terms["Balloon"] = sizes["Balloon"] if sizes["Balloon"] > taken_out else 0
    return terms


def _describe(info: Meminfo, found: Account) -> Dict[str, object]:
    if found.reason is not None:
        return {"terms": {}, "unexplained": None, "percent": None, "reason": found.reason}
    total = sum(found.terms.values())
    unexplained = info.total - total
    if -unexplained > info.total * _MOST_TWICE:
        reason = f"the counters add up to {total} bytes, more than MemTotal, {info.total}: not plausible"
        return {"terms": {}, "unexplained": None, "percent": None, "reason": reason}
    return {"terms": found.terms, "unexplained": unexplained, "percent": round(100.0 * unexplained / info.total, 3), "reason": None}


def _identity(info: Meminfo, name: str, parts: Tuple[str, ...], foreign: Optional[str]) -> Dict[str, object]:
    problem = foreign or info.lacks(name, *parts)
    if problem is not None:
        return {"holds": None, "difference": None, "reason": problem}
    difference = info.sizes[name] - sum(info.sizes[part] for part in parts)
    return {"holds": difference == 0, "difference": difference, "reason": None}
