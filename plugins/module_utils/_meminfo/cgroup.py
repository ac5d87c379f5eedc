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


class Group(NamedTuple):
    """One group and its bytes. C(inactive_file) is page cache that is reclaimed first."""

    path: str
    limit: Optional[int]
    usage: Optional[int]
    inactive_file: Optional[int]


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


def describe(self_cgroup: Optional[str], files: Mapping[str, str], total: int) -> Dict[str, object]:
    """The tightest limit below MemTotal, in bytes, or a null limit with the reason.

    C(available) is the rest in the group with the smallest rest, which need not have the tightest limit. The rest is the limit minus the
    working set, which is the usage minus the page cache that is reclaimed first.
    """
    version, _path = version_and_path(self_cgroup)
    result: Dict[str, object] = {"version": version, "path": None, "limit": None, "usage": None, "available": None, "reason": None}
    if version is None:
        return dict(result, reason="no control group accounts this process's memory")
    groups = _groups(files, version)
    if not groups:
        # The kernel lacks the controller, or a container does not see its group.
        return dict(result, reason="no memory limits under /sys/fs/cgroup")
    limited = [(group.limit, group) for group in groups if group.limit is not None and group.limit < total]
    if not limited:
        return dict(result, reason="no limit below MemTotal")
    limit, group = min(limited, key=lambda entry: entry[0])
    result.update(path=group.path, limit=limit, usage=group.usage)
    unread = [group.path for _limit, group in limited if group.usage is None]
    if unread:
        return dict(result, reason=f"the usage of {', '.join(unread)} could not be read")
    result["available"] = min(_left(limit, group.usage or 0, group.inactive_file) for limit, group in limited)
    return result


def _left(limit: int, usage: int, inactive_file: Optional[int]) -> int:
    return min(limit, max(0, limit - (usage - min(usage, inactive_file or 0))))


def _groups(files: Mapping[str, str], version: int) -> List[Group]:
    found: Dict[str, Dict[str, str]] = {}
    for path, text in files.items():
        match = _FILE.fullmatch(path)
        if match:
            found.setdefault(match.group(1), {})[match.group(2)] = text
    limit, usage, cache = (
        ("limit_in_bytes", "usage_in_bytes", "total_inactive_file") if version == 1 else ("max", "current", "inactive_file")
    )
    root = _V1 if version == 1 else _V2
    return [
        Group(
            path=path[len(root) :] or "/",
            # "max", and any other text that is not a number, means no limit.
            limit=whole_number(texts[limit].strip()),
            usage=whole_number(texts.get(usage, "").strip()),
            inactive_file=_statistic(texts.get("stat", ""), cache),
        )
        for path, texts in found.items()
        if limit in texts
    ]


def _statistic(text: str, name: str) -> Optional[int]:
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] == name:
            return whole_number(words[1])
    return None
