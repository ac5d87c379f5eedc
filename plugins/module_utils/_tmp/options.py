# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of private_tmp. Pure; raises InputError only."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from dataclasses import dataclass, replace
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError
from .._host.systemd import service_name
from .._programs.private_tmp.launcher import UNITS, check_mode, check_size

MOUNT_OPTIONS = ("noexec", "nosuid", "nodev")
DEFAULT_SIZE = "10%"
ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "service": {"type": "str"},
    "launcher": {"type": "path"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "backing": {"type": "str", "choices": ["tmpfs", "disk"]},
    "size": {"type": "str"},
    "mode": {"type": "str"},
    "options": {"type": "list", "elements": "str", "choices": list(MOUNT_OPTIONS)},
    "host_paths": {"type": "list", "elements": "path"},
    "share": {"type": "str"},
    "restart": {"type": "bool", "default": False},
    "settle": {"type": "int"},
}
DEFAULT_SETTLE = 10
_MOST_SETTLE = 600
_SHARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
# Other characters are syntax for systemd.
_HOST_PATH = re.compile(r"/(?:var/)?tmp(?:/[A-Za-z0-9_.+@=,-]+)+\Z")


@dataclass(frozen=True)
class Wanted:
    """A wanted private /tmp for a service, or its removal."""

    service: str
    present: bool = True
    backing: str = "tmpfs"
    size: str = DEFAULT_SIZE
    mode: int = 0o1777
    options: Tuple[str, ...] = MOUNT_OPTIONS
    host_paths: Tuple[str, ...] = ()
    share: str = ""
    """The name of a /tmp on disk that services have in common."""
    restart: bool = False
    settle: int = DEFAULT_SETTLE

    def named(self, service: str) -> Wanted:
        """The task for the unit behind an alias."""
        return replace(self, service=service)


@dataclass(frozen=True)
class WantedLauncher:
    """The wanted launcher at a path, or its removal."""

    path: str
    present: bool = True


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """Check the options of a task about a service.

    :raises InputError: an option is not valid.
    """
    options = params["options"] if params["options"] is not None else list(MOUNT_OPTIONS)
    share = _share(params["share"], params["backing"])
    backing = "disk" if share else params["backing"] or "tmpfs"
    return Wanted(
        service=service_name("service", params["service"]),
        present=params["state"] == "present",
        backing=backing,
        size=_check_size(params["size"], backing),
        mode=_check_mode(params["mode"] or "1777"),
        options=tuple(name for name in MOUNT_OPTIONS if name in options),
        host_paths=_host_paths(params["host_paths"] or ()),
        share=share,
        restart=params["restart"],
        settle=_settle(params["settle"], params["restart"]),
    )


def make_wanted_launcher(params: Mapping[str, Any]) -> WantedLauncher:
    """Check the options of a task about the launcher.

    :raises InputError: an option is not valid, or belongs to a service.
    """
    for name in ("backing", "size", "mode", "options", "host_paths", "share", "settle"):
        if params[name] is not None:
            raise InputError(name, "belongs to service; a launcher takes it on its command line, see its --help")
    if params["restart"]:
        raise InputError("restart", "belongs to service; a launcher does not run by itself")
    path = params["launcher"]
    if not path.startswith("/") or path.endswith("/") or ".." in path.split("/"):
        raise InputError("launcher", f"{path!r} is not an absolute path of a file; give a path such as /usr/local/sbin/private-tmp")
    return WantedLauncher(path, params["state"] == "present")


def _host_paths(paths: Sequence[str]) -> Tuple[str, ...]:
    for path in paths:
        if not _HOST_PATH.match(path) or ".." in path.split("/") or "." in path.split("/"):
            raise InputError("host_paths", f"'{path}' is not a path below /tmp or /var/tmp, of letters, digits and _.+@=,-")
    return tuple(sorted(set(paths)))


def _share(name: Optional[str], backing: Optional[str]) -> str:
    if name is None:
        return ""
    if not _SHARE.match(name):
        raise InputError("share", f"{name!r} is not a name of 1 to 32 letters, digits, hyphens and underscores")
    if backing == "tmpfs":
        raise InputError("share", "needs backing: disk, because systemd gives each service a tmpfs of its own; omit backing")
    return name


def _settle(seconds: Optional[int], restart: bool) -> int:
    if seconds is None:
        return DEFAULT_SETTLE
    if not restart:
        raise InputError("settle", "is the time for which a restarted service is watched, and needs restart: true")
    if not 0 <= seconds <= _MOST_SETTLE:
        raise InputError("settle", f"{seconds} is not between 0 and {_MOST_SETTLE} seconds")
    return seconds


def _check_mode(text: str) -> int:
    try:
        return check_mode(text)
    except ArgumentTypeError as error:
        raise InputError("mode", f"{error}, and in quotes: YAML reads 0770 and 01777 as other numbers") from None


def _check_size(text: Optional[str], backing: str) -> str:
    if text is None:
        return DEFAULT_SIZE
    if backing == "disk":
        raise InputError("size", "limits a tmpfs and has no effect with backing: disk; omit it, or give the folder a quota")
    try:
        return check_size(text)
    except ArgumentTypeError as error:
        raise InputError("size", str(error)) from None


def size_in_bytes(size: str, memory: int = 0) -> int:
    """A checked size in bytes; a percentage is taken of C(memory), in bytes."""
    if size.endswith("%"):
        return memory * int(size[:-1]) // 100
    unit = size[-1].upper() if size[-1].isalpha() else ""
    return int(size[: len(size) - len(unit)]) * UNITS[unit]
