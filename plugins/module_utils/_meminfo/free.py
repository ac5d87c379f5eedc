# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The columns of the C(free) replacement: memory by its use, with tmpfs counted as used. Pure; bytes throughout."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Tuple

from .meminfo import Meminfo

_ANONYMOUS = ("Active(anon)", "Inactive(anon)")
_KERNEL = ("SUnreclaim", "PageTables", "KernelStack")
_CACHES = ("Active(file)", "Inactive(file)", "SReclaimable")

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


def columns(info: Meminfo, available: int) -> Dict[str, object]:
    """The columns; null for a column if the host's kernel lacks one of its counters."""
    total, free = info.total, info.sizes["MemFree"]
    anonymous, kernel, caches = (_sum(info, names) for names in (_ANONYMOUS, _KERNEL, _CACHES))
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
        "swap": _swap(info),
        "extended": {label: _sum(info, names, optional) for label, (names, optional) in EXTENDED.items()},
    }


def _sum(info: Meminfo, names: Tuple[str, ...], optional: Tuple[str, ...] = ()) -> Optional[int]:
    if info.lacks(*names) is not None or any(name in info.problems for name in optional):
        return None
    return sum(info.sizes[name] for name in names) + sum(info.sizes.get(name, 0) for name in optional)


def _swap(info: Meminfo) -> Dict[str, Optional[int]]:
    total, free = info.sizes.get("SwapTotal"), info.sizes.get("SwapFree")
    used = None if total is None or free is None else total - free
    return {"total": total, "used": used, "free": free}
