# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Combinations of counters that cannot be: they are named, and not believed. Pure."""

from __future__ import annotations

from typing import Iterable, Optional, Tuple

from .meminfo import FILES, Meminfo

_LARGEST_SWAP = 1 << 50
"""Bytes. lxcfs prints a limit that is not set, close to 2^63 bytes, as swap."""
_LISTS = (*FILES, "Active", "Inactive")
_PARTS = (
    "Buffers", "Cached", "SwapCached", "Active", "Inactive", "Active(anon)", "Inactive(anon)", *FILES, "Unevictable", "Mlocked",
    "AnonPages", "Mapped", "Shmem", "KReclaimable", "Slab", "SReclaimable", "SUnreclaim", "KernelStack", "PageTables", "SecPageTables",
    "Percpu", "Hugetlb", "Zswap", "AnonHugePages", "ShmemHugePages", "FileHugePages", "Dirty", "Writeback", "Unaccepted", "GPUActive",
    "GPUReclaim",
)  # fmt: skip
"""Counters of memory that MemTotal contains."""


def believe(info: Meminfo, foreign: Optional[str]) -> Tuple[Meminfo, Optional[str]]:
    """The credible counters, and the reason why some counters are another machine's, None if they are not.

    :arg foreign: this reason as far as other files tell it.
    """
    info = _swap(info)
    if foreign is None:
        info = _files(info)
    info = _tmpfs(info)
    for name in _PARTS:
        if name in info.sizes and info.sizes[name] > info.total:
            reason = f"is {info.sizes[name]} bytes, more than MemTotal, {info.total}"
            foreign = foreign or f"{name} {reason}: one of them is another machine's (a container?)"
            info = _without(info, (name,), reason)
    return info, foreign


def _without(info: Meminfo, names: Iterable[str], reason: str) -> Meminfo:
    dropped = [name for name in names if name in info.sizes]
    sizes = {name: size for name, size in info.sizes.items() if name not in dropped}
    return info._replace(sizes=sizes, problems={**info.problems, **dict.fromkeys(dropped, reason)})


def _swap(info: Meminfo) -> Meminfo:
    total, free = info.sizes.get("SwapTotal", 0), info.sizes.get("SwapFree", 0)
    if total >= _LARGEST_SWAP:
        return _without(info, ("SwapTotal", "SwapFree"), f"SwapTotal is {total} bytes, which is not plausible")
    if free > total and "SwapTotal" in info.sizes:
        return _without(info, ("SwapTotal", "SwapFree"), f"SwapFree is {free} bytes, more than SwapTotal, {total}")
    return info


def _tmpfs(info: Meminfo) -> Meminfo:
    if info.lacks("Cached", "Shmem") or info.sizes["Shmem"] <= info.sizes["Cached"] + _moved(info):
        return info
    return _without(info, ("Shmem",), f"is {info.sizes['Shmem']} bytes, more than Cached, {info.sizes['Cached']}, which contains it")


def _files(info: Meminfo) -> Meminfo:
    """Without the lists of files if these are longer than the page cache, from which leaked pages are missing."""
    needed = (*FILES, "Active(anon)", "Inactive(anon)", "Buffers", "Cached", "SwapCached", "Shmem", "AnonPages")
    if info.lacks(*needed):
        return info
    size = info.sizes
    # Pages of programs that were given back with MADV_FREE are on the list of inactive files, until they are reclaimed.
    given_back = max(0, size["AnonPages"] + size["SwapCached"] + size["Shmem"] - size["Active(anon)"] - size["Inactive(anon)"])
    most = max(0, size["Buffers"] + size["Cached"] - size["Shmem"]) + given_back
    files = size[FILES[0]] + size[FILES[1]]
    if files <= most + _moved(info):
        return info
    reason = f"Active(file) and Inactive(file) are {files} bytes; by Buffers, Cached and Shmem they cannot be more than {most}"
    return _without(info, _LISTS, reason)._replace(most_files=most)


def _moved(info: Meminfo) -> int:
    """Bytes by which two counters can differ because the kernel does not print them at the same moment."""
    return info.total // 100
