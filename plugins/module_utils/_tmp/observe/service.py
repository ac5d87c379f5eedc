# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a service, its processes and the files that the module wrote for it. The only command is C(systemctl show)."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from dataclasses import replace
from typing import Dict, Iterator, Mapping, Optional, Sequence, Tuple

from ..._core.errors import ObservationError
from ..._core.module import require_root
from ..._core.runner import Runner
from ..._host import systemd
from ..._host.files import Host
from ..._host.mounts import Mount, read_mounts, top_mounts, visible_points
from ..._host.process import is_in_cgroup, name_of, process_ids
from ..render import common_name, common_names, drop_in_path, helper_name, helper_path
from ..state import PLACES, Common, Process, State, Unit
from ..unit_conflicts import PATH_SETTINGS, place_of
from .shared import find_shared
from .uses import find_uses, is_below, temporary_folders

COMMANDS = ("ExecCondition", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost")
"""The commands of a unit besides the service itself."""

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
    "SubState",
    "Result",
    "NRestarts",
    "WorkingDirectory",
    "PIDFile",
    "Environment",
    *COMMANDS,
    *PATH_SETTINGS,
)


def require(host: Host) -> None:
    """Check that this host and this process can do the task.

    :raises ObservationError: the kernel has no mount namespaces, or this process may not see those of other processes.
    """
    if not host.exists("/proc/self/ns/mnt"):
        raise ObservationError("this host's kernel has no mount namespaces, so no process can have a private /tmp")
    require_root("give a process a private /tmp, and look at the /tmp of other processes")


def observe(service: str, runner: Runner, host: Host, host_paths: Sequence[str] = (), share: str = "") -> State:
    """The state of the service.

    :arg host_paths: paths of the host that it shall have.
    :arg share: the /tmp that it shall share.

    :raises ObservationError: systemd does not run, or its answer cannot be understood.
    """
    if not systemd.is_running(host):
        raise ObservationError(
            f"{service}: systemd does not run on this host, so it has no service units; install the launcher, and start the program with it"
        )
    properties = systemd.show(runner, service, PROPERTIES)
    if "LoadState" not in properties:
        raise ObservationError(f"{service}: systemctl show does not say whether there is such a unit")
    unit, group = _unit(service, properties, host), properties.get("ControlGroup", "")
    places = tuple(sorted({host.resolve(place) for place in PLACES}))
    processes = tuple(_processes(group, places, host)) if group and unit.active else ()
    mounts = _mounts_at(places, host, "1")
    state = State(
        unit=unit,
        drop_in=host.read(drop_in_path(unit.name)),
        helper=host.read(helper_path(unit.name)),
        common=_common(unit.name, share, runner, host),
        has_drop_in_folder=host.is_folder(systemd.drop_in_folder(unit.name)),
        processes=processes,
        host=mounts,
        places=places,
        gid=_gid(unit),
        memory=_memory(host),
        labels=host.exists("/sys/fs/selinux/enforce"),
    )
    open_to_all = [process.pid for process in processes if any(process.sees_host(mounts, place) for place in places)]
    paths = {*host_paths, *(path for process in processes for path in process.inner)}
    state = replace(
        state,
        uses=find_uses([process.pid for process in processes], places, _uid(unit) if open_to_all else None, host),
        existing=tuple(sorted(path for path in paths if host.exists(path))),
        linked=tuple(path for path in host_paths if host.exists(path) and host.resolve(path) != path),
    )
    active = state.helper is not None and _is_active(helper_name(unit.name), runner)
    return replace(state, helper_active=active, shared=find_shared(open_to_all, places, host))


def _common(service: str, share: str, runner: Runner, host: Host) -> Dict[str, Common]:
    """Every /tmp that services share, with the other services whose drop-ins name it."""
    files = host.names(systemd.SYSTEM_FOLDER)
    units = [name for name in files if name == helper_name("", common_name(name))]
    if not units:
        return {}
    others = [name[: -len(".d")] for name in files if name.endswith(".service.d") and name != f"{service}.d"]
    named = {other: common_names(host.read(drop_in_path(other)) or "") for other in others}
    found = {}
    for name in map(common_name, units):
        services = tuple(sorted(other for other, names in named.items() if name in names))
        active = name == share and _is_active(helper_name("", name), runner)
        found[name] = Common(host.read(helper_path("", name)) or "", services, active)
    return found


def _is_active(name: str, runner: Runner) -> bool:
    return systemd.show(runner, name, ("ActiveState",)).get("ActiveState") in systemd.RUNNING


def _unit(service: str, properties: Mapping[str, str], host: Host) -> Unit:
    stays_down = properties.get("ActiveState") == "failed" or properties.get("SubState") == "auto-restart"
    return Unit(
        # An alias has its own drop-ins, which are not used after the removal of the alias.
        name=properties.get("Id") or service,
        loaded=properties["LoadState"],
        active=properties.get("ActiveState") in systemd.RUNNING,
        main_pid=int(properties.get("MainPID") or 0),
        private_tmp=properties.get("PrivateTmp") not in ("no", "", None),
        dynamic_user=properties.get("DynamicUser") == "yes",
        user=properties.get("User", ""),
        group=properties.get("Group", ""),
        stale=properties.get("NeedDaemonReload") == "yes",
        drop_ins=systemd.words(properties.get("DropInPaths", "")),
        joins=systemd.words(properties.get("JoinsNamespaceOf", "")),
        restarts=int(properties.get("NRestarts") or 0),
        failure=properties.get("Result", "") if stays_down else "",
        helpers=tuple(name for name in COMMANDS if _names_tmp(properties.get(name, ""), host)),
        below=tuple(_below(properties)),
        bound=tuple(_bound(properties)),
        path_settings=_path_settings(properties),
    )


def _names_tmp(commands: str, host: Host) -> bool:
    """Whether commands, in the form of systemctl show, name /tmp: in their words, or in the script that they start."""
    texts = re.findall(r"argv\[\]=(.*?) ; ignore_errors=", commands)
    scripts = [_script(path, host) for path in re.findall(r"\bpath=(\S+)", commands)]
    return any(re.search(r"(?<![\w/])/(?:var/)?tmp\b", text) for text in [*texts, *scripts])


def _script(path: str, host: Host) -> str:
    text = host.read(path) or ""
    return text if text.startswith("#!") else ""


def _below(properties: Mapping[str, str]) -> Iterator[str]:
    """Settings with a path below /tmp that systemd or the service would not find in a private one."""
    for name in ("WorkingDirectory", "PIDFile"):
        if is_below(properties.get(name, "").lstrip("!-"), PLACES):
            yield f"{name}={properties[name]}"
    yield from (f"Environment={word}" for word in temporary_folders(systemd.words(properties.get("Environment", "")), PLACES))


def _bound(properties: Mapping[str, str]) -> Iterator[str]:
    for name in ("BindPaths", "BindReadOnlyPaths"):
        yield from (
            place for place in (place_of(name, word) for word in systemd.words(properties.get(name, ""))) if is_below(place, PLACES)
        )


def _uid(unit: Unit) -> Optional[int]:
    """The id of the service's user, unless it is root or not known."""
    try:
        return (int(unit.user) if unit.user.isdigit() else pwd.getpwnam(unit.user).pw_uid) or None
    except KeyError:
        return None


def _path_settings(properties: Mapping[str, str]) -> Dict[str, Tuple[str, ...]]:
    words = {name: systemd.words(properties.get(name, "")) for name in PATH_SETTINGS}
    found = {name: tuple(word for word in some if place_of(name, word) in PLACES) for name, some in words.items()}
    return {name: words for name, words in found.items() if words}


def _gid(unit: Unit) -> Optional[int]:
    """The group of the service's processes; C(None) if the group or the user does not exist on this host."""
    try:
        if unit.group:
            return int(unit.group) if unit.group.isdigit() else grp.getgrnam(unit.group).gr_gid
        if unit.user and not unit.dynamic_user:
            return (pwd.getpwuid(int(unit.user)) if unit.user.isdigit() else pwd.getpwnam(unit.user)).pw_gid
    except KeyError:
        return 0 if unit.dynamic_user else None
    return 0


def _processes(group: str, places: Sequence[str], host: Host) -> Iterator[Process]:
    for pid in process_ids(host):
        # A process without mounts has ended, or is a zombie.
        if is_in_cgroup(host, pid, group) and host.read(f"/proc/{pid}/mountinfo"):
            modes = {place: _mode(f"{host.root}/proc/{pid}/root{place}") for place in places}
            table = read_mounts(host, str(pid))
            mounts = top_mounts(table)
            inner = tuple(sorted(point for point in visible_points(table) if is_below(point, places)))
            yield Process(
                pid, name_of(host, pid), host.link(f"/proc/{pid}/ns/mnt"), {place: mounts.get(place) for place in places}, modes, inner
            )


def _mode(path: str) -> Tuple[int, int]:
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0
    return stat.S_IMODE(found.st_mode), found.st_gid


def _mounts_at(places: Sequence[str], host: Host, process: str) -> Dict[str, Optional[Mount]]:
    mounts = top_mounts(read_mounts(host, process))
    return {place: mounts.get(place) for place in places}


def _memory(host: Host) -> int:
    lines = (host.read("/proc/meminfo") or "").splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemTotal:")), 0)
