# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service does with the host's /tmp, by its processes and by the files of its user."""

from __future__ import annotations

import os
import re
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple

from ..._host.files import Host
from ..._host.process import name_of
from ..state import Uses

_VARIABLES = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")
# Address, permissions, offset, device and inode come before the path; see proc_pid_maps(5).
_MAPPING = re.compile(r"\S+ ..x\S? \S+ \S+ \d+ +(/.*)\Z")
# A /tmp may have very many files; what is looked for is an example, and their size roughly.
_MOST_FILES = 20000


def find_uses(pids: Sequence[int], places: Sequence[str], uid: Optional[int], host: Host) -> Uses:
    """What the processes use below C(places), and the files there of the user C(uid), if one is given."""
    executed: Set[str] = set()
    variables: Set[str] = set()
    sizes: Dict[Tuple[int, int], int] = {}
    for pid in pids:
        title = f"{name_of(host, pid)}[{pid}]"
        executed.update(f"{path} ({title})" for path in executed_files(host.read(f"/proc/{pid}/maps") or "", places))
        variables.update(
            f"{variable} ({title})" for variable in temporary_folders((host.read(f"/proc/{pid}/environ") or "").split("\0"), places)
        )
        sizes.update(_open_sizes(host, pid, places))
    files = list(_files_of(uid, places, host)) if pids and uid else []
    for _path, found in files:
        sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
    return Uses(tuple(sorted(executed)), tuple(sorted(variables)), tuple(path for path, _found in files), sum(sizes.values()))


def executed_files(maps: str, places: Sequence[str]) -> List[str]:
    """The files below C(places) that a process has mapped to execute them."""
    found = [match.group(1) for match in map(_MAPPING.match, maps.splitlines()) if match]
    return sorted({path for path in found if is_below(path, places)})


def temporary_folders(environment: Sequence[str], places: Sequence[str]) -> List[str]:
    """The variables that name a folder below C(places), which is not in a new /tmp."""
    pairs = [variable.partition("=") for variable in environment]
    return [f"{name}={value}" for name, _equals, value in pairs if name in _VARIABLES and is_below(value, places)]


def is_below(path: str, places: Sequence[str]) -> bool:
    """Whether a path is below one of the folders."""
    return any(path.startswith(f"{place}/") and path.strip("/") != place.strip("/") for place in places)


def _open_sizes(host: Host, pid: int, places: Sequence[str]) -> Dict[Tuple[int, int], int]:
    found: Dict[Tuple[int, int], int] = {}
    folder = f"/proc/{pid}/fd"
    for name in host.names(folder):
        if is_below(host.link(f"{folder}/{name}"), places):
            try:
                status = os.stat(f"{host.root}{folder}/{name}")
            except OSError:
                continue
            found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return found


def _files_of(uid: int, places: Sequence[str], host: Host) -> Iterator[Tuple[str, os.stat_result]]:
    left = _MOST_FILES
    folders = list(places)
    while folders and left > 0:
        folder = folders.pop()
        for entry in _entries(host.root + folder):
            left -= 1
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            path = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif status.st_uid == uid:
                yield path, status


def _entries(folder: str) -> List[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []
