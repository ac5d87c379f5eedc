# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory limit of the reading process's control group, versions 1 and 2. Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from .meminfo import whole_number

_V1 = "/sys/fs/cgroup/memory"
_V2 = "/sys/fs/cgroup"
_FILE = re.compile(r"(/sys/fs/cgroup.*)/memory\.(max|current|stat|limit_in_bytes|usage_in_bytes)", re.DOTALL)
_KERNEL = ("slab_unreclaimable", "kernel_stack", "pagetables", "sec_pagetables", "percpu", "sock", "vmalloc")
"""The memory of the kernel that version 2 counts for a group, one by one. From Linux 5.18 on C(kernel) has the sum."""
STATISTICS = (
    "anon", "file", "inactive_file", "shmem", "slab_reclaimable", "kernel", *_KERNEL, "hierarchical_memory_limit", "total_rss",
    "total_cache", "total_inactive_file", "total_shmem",
)  # fmt: skip
"""The lines of memory.stat that are read, of both versions."""


class Group(NamedTuple):
    """One group and its bytes. C(reclaimable) is the page cache that is reclaimed first, and the reclaimable slab."""

    path: str
    limit: Optional[int]
    usage: Optional[int]
    reclaimable: int
    statistics: Mapping[str, int]


def version_and_path(text: Optional[str]) -> Tuple[Optional[int], str]:
    """The version that accounts this process's memory and the path of its group, from /proc/self/cgroup; C(None) if no version does."""
    unified: Optional[str] = None
    for line in (text or "").splitlines():
        number, _colon, rest = line.strip().partition(":")
        controllers, colon, path = rest.partition(":")
        if not colon:
            continue
        if "memory" in controllers.split(","):
            return 1, path
        if number == "0" and not controllers:
            unified = path
    return (None, "") if unified is None else (2, unified)


def files_to_read(text: Optional[str]) -> List[str]:
    """The files with the limits of the group and of every group above it, because all these limits apply."""
    version, path = version_and_path(text)
    if version is None:
        return []
    root, names = (_V1, ("limit_in_bytes", "usage_in_bytes")) if version == 1 else (_V2, ("max", "current"))
    path = path.rstrip("/")
    found: List[str] = []
    while True:
        found += [f"{root}{path}/memory.{name}" for name in (*names, "stat")]
        if "/" not in path:
            return found
        path = path.rpartition("/")[0]


def describe(self_cgroup: Optional[str], files: Mapping[str, str], total: int, init_cgroup: Optional[str] = None) -> Dict[str, object]:
    """The tightest limit on this host up to MemTotal, in bytes, or a null limit with the reason.

    C(available) is the rest in the group with the smallest rest, which need not have the tightest limit. The rest is the limit minus the
    working set, which is the usage minus the memory that is reclaimed first.

    :arg init_cgroup: /proc/1/cgroup. A limit on groups without process 1, such as user.slice, limits the reading process and not the host.
    """
    version, _path = version_and_path(self_cgroup)
    result: Dict[str, object] = {"version": version, **dict.fromkeys(("path", "limit", "usage", "available", "tmpfs", "reason"))}
    if version is None:
        return dict(result, reason="no control group accounts this process's memory")
    groups = _groups(files, version)
    if not groups:
        # The kernel lacks the controller, or a container does not see its group.
        return dict(result, reason="no memory limits under /sys/fs/cgroup")
    # Under lxcfs MemTotal is the limit. A limit of 0 is none, because process 1 could not run under it.
    limited = [(group.limit, group) for group in groups if group.limit and group.limit <= total]
    ours = [(limit, group) for limit, group in limited if _has_init(group.path, version, init_cgroup)]
    if not ours:
        others = ", ".join(f"{group.path} to {limit} bytes" for limit, group in limited)
        reason = f"only a part of the host without process 1 is limited: {others}" if others else "no limit up to MemTotal"
        return dict(result, reason=reason)
    limit, group = min(ours, key=lambda entry: entry[0])
    result.update(path=group.path, limit=limit, usage=group.usage, tmpfs=group.statistics.get("shmem"))
    unread = [group.path for _limit, group in ours if group.usage is None]
    if unread:
        return dict(result, reason=f"the usage of {', '.join(unread)} could not be read")
    result["available"] = min(_left(limit, group) for limit, group in ours)
    return result


def columns(files: Mapping[str, str], described: Mapping[str, object]) -> Dict[str, Optional[int]]:
    """The columns of C(free), and some rows below them, by the statistics of the group in C(described); None for unknown values."""
    group = next(group for group in _groups(files, 1 if described["version"] == 1 else 2) if group.path == described["path"])
    found = group.statistics
    limit, usage = group.limit or 0, group.usage or 0
    programs, cache, tmpfs = found.get("anon"), found.get("file"), found.get("shmem")
    anonymous = programs + tmpfs if programs is not None and tmpfs is not None else None
    caches = max(0, cache - tmpfs) + found.get("slab_reclaimable", 0) if cache is not None and tmpfs is not None else None
    return {
        "total": limit, "free": limit - usage, "anonymous": anonymous, "kernel": _kernel(found), "caches": caches,
        "AnonPages": programs, "Cached": cache, "Shmem": tmpfs,
    }  # fmt: skip


def _kernel(found: Mapping[str, int]) -> Optional[int]:
    """The memory of the kernel that cannot be reclaimed; version 1 does not tell."""
    if "kernel" in found:
        return max(0, found["kernel"] - found.get("slab_reclaimable", 0))
    parts = [found[name] for name in _KERNEL if name in found]
    return sum(parts) if parts else None


def _has_init(path: str, version: int, init_cgroup: Optional[str]) -> bool:
    """Whether process 1, and so the whole host, is in a group. The root that a container sees is its own group."""
    init_version, init_path = version_and_path(init_cgroup)
    return path == "/" or init_version != version or f"{init_path}/".startswith(f"{path}/")


def _left(limit: int, group: Group) -> int:
    usage = group.usage or 0
    return min(limit, max(0, limit - (usage - min(usage, group.reclaimable))))


def _groups(files: Mapping[str, str], version: int) -> List[Group]:
    found: Dict[str, Dict[str, str]] = {}
    for path, text in files.items():
        match = _FILE.fullmatch(path)
        if match:
            found.setdefault(match.group(1), {})[match.group(2)] = text
    limit, usage = ("limit_in_bytes", "usage_in_bytes") if version == 1 else ("max", "current")
    root = _V1 if version == 1 else _V2
    return [
        _group(path[len(root) :] or "/", texts[limit], texts.get(usage, ""), texts.get("stat", ""))
        for path, texts in found.items()
        if limit in texts
    ]


def _group(path: str, limit: str, usage: str, stat: str) -> Group:
    statistics = _statistics(stat)
    # "max", and any other text that is not a number, means no limit.
    limits = [whole_number(limit.strip())]
    if path == "/":
        # Version 1 also tells the limits of the groups above the one that a container sees as its root.
        limits.append(statistics.get("hierarchical_memory_limit"))
    return Group(
        path=path,
        limit=min((known for known in limits if known is not None), default=None),
        usage=whole_number(usage.strip()),
        reclaimable=statistics.get("inactive_file", 0) + statistics.get("slab_reclaimable", 0),
        statistics=statistics,
    )


def _statistics(text: str) -> Dict[str, int]:
    """The figures of memory.stat by the names of version 2. In version 1 a group's own figures leave out the groups below it."""
    found: Dict[str, int] = {}
    for line in text.splitlines():
        words = line.split()
        value = whole_number(words[1]) if len(words) == 2 and words[0] in STATISTICS else None
        if value is not None:
            found[words[0]] = value
    if any(name.startswith("total_") for name in found):
        for name, old in (
            ("anon", "total_rss"),
            ("file", "total_cache"),
            ("inactive_file", "total_inactive_file"),
            ("shmem", "total_shmem"),
        ):
            found.pop(name, None)
            if old in found:
                found[name] = found.pop(old)
    return found
