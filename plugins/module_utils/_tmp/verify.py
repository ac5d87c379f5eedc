# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the /tmp of a service's running processes with the wanted one. Pure."""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from .._host.mounts import Mount
from .options import Wanted, size_in_bytes
from .render import COMMON_FOLDER, FOLDER, folder_group, let_in, short_name
from .state import Process, State
from .unit_conflicts import foreign_settings, place_of

_PAGE = 4096
# A percentage of the memory changes when memory is plugged in or removed.
_TOLERANCE = 0.05


def problems(state: State, wanted: Wanted) -> Tuple[str, ...]:
    """The differences of the processes from the task; empty if none differs, or none runs."""
    return tuple(
        f"process {process.pid} ({process.name}): {place} {problem}"
        for process in judged(state)
        for place in state.places
        for problem in _problems(state, wanted, process, place)
    )


def unmet(state: State, wanted: Wanted) -> Tuple[str, ...]:
    """The differences of the running service from its unit."""
    return problems(state, wanted) if wanted.present else leftovers(state)


def judged(state: State) -> List[Process]:
    """The processes that count: all except processes that made their own mount namespace with another /tmp."""
    main = next((process for process in state.processes if process.pid == state.unit.main_pid), None)
    if main is None:
        return list(state.processes)
    return [
        process
        for process in state.processes
        if process.namespace == main.namespace or any(process.sees_host(state.host, place) for place in state.places)
    ]


def _problems(state: State, wanted: Wanted, process: Process, place: str) -> Iterator[str]:
    mount = process.mounts.get(place)
    if mount is None or process.sees_host(state.host, place):
        yield "is that of the host"
        return
    yield from _path_problems(state, wanted, process, place)
    missing = [name for name in wanted.options if name not in mount.options]
    if missing:
        yield f"is mounted without {', '.join(missing)}"
    if "noexec" in mount.options and "noexec" not in wanted.options and "NoExecPaths" not in foreign_settings(state):
        yield "is mounted with noexec"
    if wanted.backing == "disk":
        yield from _disk_problems(state, wanted, mount, process.modes.get(place, (wanted.mode, state.gid or 0)))
    elif mount.kind != "tmpfs" or mount.root != "/":
        yield f"is not a private tmpfs, but {mount.kind} of {mount.source}"
    else:
        yield from _tmpfs_problems(state, wanted, mount)


def _path_problems(state: State, wanted: Wanted, process: Process, place: str) -> Iterator[str]:
    """The paths of the host that the process lacks, or still has. A path that the host does not have is not bound."""
    explained = {*wanted.host_paths, *(path for path in state.unit.bound if path not in let_in(state.drop_in))}
    for path in wanted.host_paths:
        if path.startswith(f"{place}/") and path not in process.inner and path in state.existing:
            yield f"is without {path} of the host"
    for path in process.inner:
        if path.startswith(f"{place}/") and path not in explained and path in state.existing:
            yield f"still has {path} of the host"


def failure(state: State) -> Tuple[str, ...]:
    """Why the service does not stay up with the private /tmp that its unit has."""
    if state.drop_in is None or not state.unit.failure:
        return ()
    often = f", restarted {state.unit.restarts} times" if state.unit.restarts else ""
    return (f"{state.unit.name} does not stay up ({state.unit.failure}{often}): see journalctl --unit={state.unit.name}",)


def _disk_problems(state: State, wanted: Wanted, mount: Mount, found: Tuple[int, int]) -> Iterator[str]:
    group = folder_group(wanted, state.gid or 0)
    if not (common_of(mount) == wanted.share if wanted.share else is_from_disk(mount, state.unit.name)):
        yield f"is not the folder on disk, but {mount.kind} of {mount.source}"
    elif found != (wanted.mode, group):
        yield f"has the mode {found[0]:04o} and the group {found[1]}, not {wanted.mode:04o} and {group}"


def is_from_disk(mount: Mount, service: str) -> bool:
    """Whether the mount is a folder on disk that belongs to the service."""
    # The root of a mount is relative to its file system, which may be mounted anywhere above the folder.
    top = FOLDER.rsplit("/", 1)[1]
    return f"/{top}/{short_name(service)}/" in f"/{mount.root}"


def common_of(mount: Mount) -> str:
    """The name of the /tmp of several services from which the mount is, or the empty string."""
    top = COMMON_FOLDER.rsplit("/", 1)[1]
    return f"/{mount.root}".partition(f"/{top}/")[2].partition("/")[0]


def _tmpfs_problems(state: State, wanted: Wanted, mount: Mount) -> Iterator[str]:
    limit, has = size_in_bytes(wanted.size, state.memory), kib(mount.parameters.get("size"))
    # The kernel counts in pages.
    room = limit * _TOLERANCE if wanted.size.endswith("%") else _PAGE - 1
    if has is None or abs(has - limit) > room:
        yield f"has the size {mount.parameters.get('size', 'of half the memory')}, not {wanted.size}"
    mode = int(mount.parameters.get("mode", "1777"), 8)
    if mode != wanted.mode:
        yield f"has the mode {mode:04o}, not {wanted.mode:04o}"
    gid = int(mount.parameters.get("gid", "0"))
    if state.gid is not None and gid != state.gid:
        yield f"belongs to the group {gid}, not {state.gid}"


def kib(text: Optional[str]) -> Optional[int]:
    """Bytes of a size in the kernel's form for a tmpfs; C(None) for other forms."""
    return int(text[:-1]) << 10 if text and text.endswith("k") and text[:-1].isdigit() else None


def leftovers(state: State) -> Tuple[str, ...]:
    """The processes with a private /tmp that no setting of their unit explains after the removal of the drop-in."""
    return tuple(
        f"process {process.pid} ({process.name}): {place} is still its own"
        for process in judged(state)
        for place, mount in process.mounts.items()
        if mount is not None and not process.sees_host(state.host, place) and not _explained(state, place, mount)
    )


def _explained(state: State, place: str, mount: Mount) -> bool:
    if is_from_disk(mount, state.unit.name) or common_of(mount):
        return False
    # systemd's own names for the folders of PrivateTmp: on the host's /tmp, or since version 257 on a tmpfs (PrivateTmp=disconnected,
    # DynamicUser=yes).
    if "/systemd-private-" in mount.root or mount.root == f"/{place.strip('/').replace('/', '-')}":
        return True
    return any(place_of(name, word) == place for name, words in foreign_settings(state).items() for word in words)


def uses_folder(state: State) -> bool:
    """Whether a process still has the folder on disk as its /tmp."""
    return any(
        mount is not None and is_from_disk(mount, state.unit.name) for process in state.processes for mount in process.mounts.values()
    )


def used_common(state: State) -> str:
    """The name of the /tmp of several services that a process still has, or the empty string."""
    mounts = (mount for process in state.processes for mount in process.mounts.values())
    return next((common_of(mount) for mount in mounts if mount is not None and common_of(mount)), "")
