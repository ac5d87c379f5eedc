# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a service, its processes and the files that were written for it. The only command is C(systemctl show)."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass, replace
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .._core.errors import ObservationError
from .._core.runner import Runner
from .claims import CLAIMS, claimed_place, sees_host
from .render import drop_in_folder, drop_in_path, helper_name, helper_path
from .shared import find_shared
from .state import PLACES, LauncherState, Mount, Process, State, Unit, parse_mountinfo

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "MainPID",
    "ControlGroup",
    "PrivateTmp",
    "DynamicUser",
    "User",
    "Group",
    "NeedDaemonReload",
    "DropInPaths",
    "JoinsNamespaceOf",
    *CLAIMS,
)
_RUNNING = ("active", "activating", "reloading", "deactivating")


@dataclass(frozen=True)
class Roots:
    """Where the system is; tests give a recorded one. C(top) stands before the paths of files."""

    proc: str = "/proc"
    top: str = ""


SYSTEM = Roots()


def check_host(roots: Roots = SYSTEM) -> None:
    """
    :raises ObservationError: on a host where no process can have a /tmp of its own, or this one may not see what others have.
    """
    if not os.path.exists(f"{roots.proc}/self/ns/mnt"):
        raise ObservationError("this host's kernel has no mount namespaces, so no process can have a /tmp of its own")
    if os.geteuid() != 0:
        raise ObservationError("a private /tmp is root's to give and to look at: use become")


def observe(service: str, runner: Runner, roots: Roots = SYSTEM) -> State:
    """The service as it is now."""
    if not os.path.isdir(f"{roots.top}/run/systemd/system"):
        raise ObservationError(
            f"{service}: systemd does not run on this host, so it has no service units; install the launcher and start the program with it"
        )
    properties, group = _show(service, runner)
    unit = _unit(service, properties)
    places = tuple(sorted({os.path.realpath(f"{roots.top}{place}")[len(roots.top) :] for place in PLACES}))
    processes = tuple(_processes(group, places, roots)) if group and unit.active else ()
    host = _seen(_read(f"{roots.proc}/1/mountinfo") or "", places)
    state = State(
        unit=unit,
        drop_in=_read(f"{roots.top}{drop_in_path(unit.name)}"),
        helper=_read(f"{roots.top}{helper_path(unit.name)}"),
        folder_there=os.path.isdir(f"{roots.top}{drop_in_folder(unit.name)}"),
        processes=processes,
        host=host,
        places=places,
        gid=_gid(unit),
        memory=_memory(roots),
    )
    open_to_all = [process.pid for process in processes if any(sees_host(process, host, place) for place in places)]
    active = state.helper is not None and _is_active(helper_name(unit.name), runner)
    return replace(state, helper_active=active, shared=find_shared(open_to_all, places, roots.proc))


def parse_properties(text: str) -> Mapping[str, str]:
    """The lines C(NAME=value) of systemctl show."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, equals, value in pairs if equals}


def _show(service: str, runner: Runner) -> Tuple[Mapping[str, str], str]:
    argv = ("systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", service)
    properties = parse_properties(runner.run(argv).stdout)
    if "LoadState" not in properties:
        raise ObservationError(f"{service}: systemctl show does not say whether there is such a unit")
    return properties, properties.get("ControlGroup", "")


def _is_active(name: str, runner: Runner) -> bool:
    found = parse_properties(runner.run(("systemctl", "show", "--property=ActiveState", "--", name)).stdout)
    return found.get("ActiveState") in _RUNNING


def _unit(service: str, properties: Mapping[str, str]) -> Unit:
    return Unit(
        # An alias has drop-ins of its own, which count for nothing once it is gone.
        name=properties.get("Id") or service,
        loaded=properties["LoadState"],
        active=properties.get("ActiveState") in _RUNNING,
        main_pid=int(properties.get("MainPID") or 0),
        private_tmp=properties.get("PrivateTmp") not in ("no", "", None),
        dynamic_user=properties.get("DynamicUser") == "yes",
        user=properties.get("User", ""),
        group=properties.get("Group", ""),
        stale=properties.get("NeedDaemonReload") == "yes",
        drop_ins=tuple(properties.get("DropInPaths", "").split()),
        joins=tuple(properties.get("JoinsNamespaceOf", "").split()),
        claims=_claims(properties),
    )


def _claims(properties: Mapping[str, str]) -> Dict[str, Tuple[str, ...]]:
    found = {}
    for name in CLAIMS:
        words = tuple(word for word in properties.get(name, "").split() if claimed_place(name, word) in PLACES)
        if words:
            found[name] = words
    return found


def _gid(unit: Unit) -> Optional[int]:
    """The group that the service's processes have; C(None) if it or the user is not known on this host."""
    try:
        if unit.group:
            return int(unit.group) if unit.group.isdigit() else grp.getgrnam(unit.group).gr_gid
        if unit.user and not unit.dynamic_user:
            return (pwd.getpwuid(int(unit.user)) if unit.user.isdigit() else pwd.getpwnam(unit.user)).pw_gid
    except KeyError:
        return 0 if unit.dynamic_user else None
    return 0


def _processes(group: str, places: Sequence[str], roots: Roots) -> Iterator[Process]:
    for name in _names(roots.proc):
        if not name.isdigit() or not _is_in(group, _read(f"{roots.proc}/{name}/cgroup") or ""):
            continue
        text = _read(f"{roots.proc}/{name}/mountinfo")
        # A process that ended while it was looked at is as good as none; so is one that only waits to be collected.
        if text:
            title = (_read(f"{roots.proc}/{name}/comm") or "?").strip()
            modes = {place: _mode(f"{roots.proc}/{name}/root{place}") for place in places}
            yield Process(int(name), title, _link(f"{roots.proc}/{name}/ns/mnt"), _seen(text, places), modes)


def _mode(path: str) -> Tuple[int, int]:
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0
    return stat.S_IMODE(found.st_mode), found.st_gid


def _is_in(group: str, text: str) -> bool:
    for line in text.splitlines():
        _number, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        if controllers in ("", "name=systemd") and (path == group or path.startswith(f"{group}/")):
            return True
    return False


def _seen(text: str, places: Sequence[str]) -> Dict[str, Optional[Mount]]:
    mounts = parse_mountinfo(text)
    return {place: mounts.get(place) for place in places}


def _memory(roots: Roots) -> int:
    for line in (_read(f"{roots.proc}/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) << 10
    return 0


def observe_launcher(path: str) -> LauncherState:
    """What is at the launcher's path."""
    there = os.path.isdir(os.path.dirname(path))
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return LauncherState(folder_there=there)
    if not stat.S_ISREG(found.st_mode):
        odd = "a link" if stat.S_ISLNK(found.st_mode) else "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        return LauncherState(odd=odd, folder_there=there)
    return LauncherState(_read(path), stat.S_IMODE(found.st_mode), found.st_uid, folder_there=there)


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return None


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _names(folder: str) -> List[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
