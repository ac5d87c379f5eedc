# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The use of the memory: three sums of counters that should equal MemTotal, each with its unexplained rest. Pure; bytes."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from .meminfo import Meminfo
from .zoneinfo import Zones

_SLAB = ("Slab", "PageTables", "KernelStack")
_A = ("MemFree", "Buffers", "Cached", "SwapCached", "AnonPages") + _SLAB
_B = ("MemFree", "Active", "Inactive") + _SLAB
_EXTENDED = ("Unevictable", "Percpu", "SecPageTables", "Zswap", "Balloon", "Unaccepted")
"""Counters that are added to B if the kernel prints them; a counter that a kernel does not print is zero."""

_IDENTITIES = {
    "Active": ("Active(anon)", "Active(file)"),
    "Inactive": ("Inactive(anon)", "Inactive(file)"),
    "Slab": ("SReclaimable", "SUnreclaim"),
}

_STATISTICAL = (
    "Mapped", "Dirty", "Writeback", "WritebackTmp", "Mlocked", "AnonHugePages", "ShmemHugePages", "ShmemPmdMapped", "FileHugePages",
    "FilePmdMapped", "Committed_AS", "CommitLimit", "CmaTotal", "CmaFree", "Shmem", "Zswapped",
)  # fmt: skip
_VMALLOC_COUNTED = (5, 3, 0)
"""In earlier kernels VmallocUsed included mappings of devices, and from 4.4 to 5.2 it was 0."""


class Account(NamedTuple):
    """One formula: its terms, or the reason why it has no result."""

    terms: Dict[str, int]
    reason: Optional[str] = None


def account(info: Meminfo, zones: Optional[Zones], page_size: Optional[int], version: Optional[Tuple[int, int, int]]) -> Dict[str, object]:
    """The account in the facts. C(unexplained) is MemTotal minus the sum; it is below zero if a formula counts memory twice."""
    shmem_problem = info.lacks("Cached", "Shmem")
    return {
        "a": _describe(info, _sum(info, _A)),
        "b": _describe(info, _sum(info, _B)),
        "extended": _describe(info, _extended(info, zones, page_size, version)),
        "identities": {name: _identity(info, name, parts) for name, parts in _IDENTITIES.items()},
        "statistical_only": statistical_only(info),
        "cached_reclaimable": None if shmem_problem else max(0, info.sizes["Cached"] - info.sizes["Shmem"]),
        "tmpfs": info.sizes.get("Shmem"),
    }


def statistical_only(info: Meminfo) -> List[str]:
    """The counters of this host for memory that other counters include; they must not be added."""
    return [name for name in info.sizes if name in _STATISTICAL or name.startswith("DirectMap")]


def _sum(info: Meminfo, names: Tuple[str, ...]) -> Account:
    problem = info.lacks(*names)
    return Account({}, problem) if problem else Account({name: info.sizes[name] for name in names})


def _extended(info: Meminfo, zones: Optional[Zones], page_size: Optional[int], version: Optional[Tuple[int, int, int]]) -> Account:
    base = _sum(info, _B)
    if base.reason is not None:
        return base
    if not info.is_whole:
        return Account({}, "/proc/meminfo ends before VmallocTotal: it may lack counters that are not zero")
    damaged = [name for name in (*_EXTENDED, "KReclaimable", "Hugetlb", "VmallocUsed", "SReclaimable") if name in info.problems]
    if damaged:
        return Account({}, f"{damaged[0]}: {info.problems[damaged[0]]}")
    terms = dict(base.terms)
    terms.update({name: info.sizes[name] for name in _EXTENDED if name in info.sizes})
    terms["Hugetlb"] = _hugetlb(info)
    if "KReclaimable" in info.sizes and "SReclaimable" in info.sizes:
        terms["KReclaimable - SReclaimable"] = max(0, info.sizes["KReclaimable"] - info.sizes["SReclaimable"])
    if version is not None and version >= _VMALLOC_COUNTED and "VmallocUsed" in info.sizes:
        # Both include the kernel stacks, since these are mapped (VMAP_STACK).
        terms["VmallocUsed - KernelStack"] = max(0, info.sizes["VmallocUsed"] - info.sizes["KernelStack"])
    if zones is not None and page_size is not None:
        terms["per-CPU free lists"] = zones.pcp * page_size
    return Account(terms)


def _hugetlb(info: Meminfo) -> int:
    """Bytes of huge pages of all sizes; kernels before 4.16 only show huge pages of the default size."""
    if "Hugetlb" in info.sizes:
        return info.sizes["Hugetlb"]
    return info.counts.get("HugePages_Total", 0) * info.sizes.get("Hugepagesize", 0)


def _describe(info: Meminfo, found: Account) -> Dict[str, object]:
    if found.reason is not None:
        return {"terms": {}, "unexplained": None, "percent": None, "reason": found.reason}
    unexplained = info.total - sum(found.terms.values())
    return {"terms": found.terms, "unexplained": unexplained, "percent": round(100.0 * unexplained / info.total, 3), "reason": None}


def _identity(info: Meminfo, name: str, parts: Tuple[str, ...]) -> Dict[str, object]:
    problem = info.lacks(name, *parts)
    if problem is not None:
        return {"holds": None, "difference": None, "reason": problem}
    difference = info.sizes[name] - sum(info.sizes[part] for part in parts)
    return {"holds": difference == 0, "difference": difference, "reason": None}
