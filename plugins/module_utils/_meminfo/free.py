# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The columns of the C(free) replacement: memory by its use, with tmpfs counted as used. Pure; bytes throughout."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Tuple

from .meminfo import FILES, Meminfo

_ANONYMOUS = ("Active(anon)", "Inactive(anon)")
_KERNEL = ("SUnreclaim", "PageTables", "KernelStack")

EXTENDED: Mapping[str, Tuple[Tuple[str, ...], Tuple[str, ...]]] = {
    "Buffers": (("Buffers",), ()),
    "Cached": (("Cached",), ()),
    "SwapCached": (("SwapCached",), ()),
    "Shmem": (("Shmem",), ()),
    "AnonPages": (("AnonPages",), ()),
    "Mapped": (("Mapped",), ()),
    "Unevict+Mlocked": (("Unevictable", "Mlocked"), ()),
    "Dirty+Writeback": (("Dirty", "Writeback"), ("WritebackTmp",)),
    "NFS+Bounce": (("NFS_Unstable", "Bounce"), ()),
}
"""Rows by label: the counters to add, and optional counters that not every kernel has."""


def columns(info: Meminfo, available: int, foreign: Optional[str]) -> Dict[str, object]:
    """The columns; null for a column if the host's kernel lacks one of its counters, or if these are another machine's.

    :arg foreign: the reason why counters are known to be another machine's, None if they are not.
    """
    anonymous, kernel = _sum(info, _ANONYMOUS), _sum(info, _KERNEL)
    slab = _sum(info, ("SReclaimable",))
    caches = None if slab is None or info.files is None else slab + info.files
    extended = {label: _sum(info, names, optional) for label, (names, optional) in EXTENDED.items()}
    reason = foreign or info.lacks(*_ANONYMOUS, *_KERNEL, "SReclaimable") or (info.lacks(*FILES) if info.files is None else None)
    if foreign is not None:
        anonymous = kernel = caches = None
        extended = dict.fromkeys(extended)
    found = _table(info.total, info.sizes["MemFree"], available, (anonymous, kernel, caches))
    return {**found, "swap": _swap(info), "extended": extended, "reason": reason}


def columns_of_group(group: Mapping[str, Optional[int]], available: int, info: Meminfo) -> Dict[str, object]:
    """The columns of a host that a control group limits: the group's own figures, as far as it tells them."""
    anonymous, kernel, caches = group["anonymous"], group["kernel"], group["caches"]
    found = _table(group["total"] or 0, group["free"] or 0, available, (anonymous, kernel or 0, caches))
    reason = None
    if found["others"] is None:
        reason = "memory.stat of the control group lacks figures for some columns"
    elif kernel is None:
        reason = "version 1 of control groups does not tell the memory of the kernel, which is in the column others"
    extended = {label: group.get(label) for label in EXTENDED}
    return {**found, "kernel": kernel, "swap": _swap(info), "extended": extended, "reason": reason}


def _table(total: int, free: int, available: int, parts: Tuple[Optional[int], ...]) -> Dict[str, object]:
    anonymous, kernel, caches = parts
    others = None
    if anonymous is not None and kernel is not None and caches is not None:
        others = total - free - anonymous - kernel - caches
    used = total - free
    return {
        "total": total,
        "used": used,
        "free": free,
        "anonymous": anonymous,
        "kernel": kernel,
        "caches": caches,
        "others": others,
        "minus_caches": {"used": None if caches is None else used - caches, "free": None if caches is None else free + caches},
        "minus_available": {"used": total - available, "free": available},
    }


def _sum(info: Meminfo, names: Tuple[str, ...], optional: Tuple[str, ...] = ()) -> Optional[int]:
    if info.lacks(*names) is not None or any(name in info.problems for name in optional):
        return None
    return sum(info.sizes[name] for name in names) + sum(info.sizes.get(name, 0) for name in optional)


def _swap(info: Meminfo) -> Dict[str, object]:
    total, free = info.sizes.get("SwapTotal"), info.sizes.get("SwapFree")
    used = None if total is None or free is None else total - free
    return {"total": total, "used": used, "free": free, "reason": info.lacks("SwapTotal", "SwapFree")}
