# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of private_tmp. Pure; raises InputError only."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import dataclass, replace
from typing import Any, Dict, Mapping, Optional, Tuple

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
    "restart": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class Wanted:
    """A /tmp of its own for a service, or none."""

    service: str
    present: bool = True
    backing: str = "tmpfs"
    size: str = DEFAULT_SIZE
    mode: int = 0o1777
    options: Tuple[str, ...] = MOUNT_OPTIONS
    restart: bool = False

    def named(self, service: str) -> Wanted:
        """The same for the unit that an alias stands for."""
        return replace(self, service=service)


@dataclass(frozen=True)
class WantedLauncher:
    """The launcher at this path, or no file."""

    path: str
    present: bool = True


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """The options of a task about a service."""
    options = params["options"] if params["options"] is not None else list(MOUNT_OPTIONS)
    return Wanted(
        service=service_name("service", params["service"]),
        present=params["state"] == "present",
        backing=params["backing"] or "tmpfs",
        size=_check_size(params["size"], params["backing"] or "tmpfs"),
        mode=_check_mode(params["mode"] or "1777"),
        options=tuple(name for name in MOUNT_OPTIONS if name in options),
        restart=params["restart"],
    )


def make_wanted_launcher(params: Mapping[str, Any]) -> WantedLauncher:
    """The options of a task about the launcher."""
    for name in ("backing", "size", "mode", "options"):
        if params[name] is not None:
            raise InputError(name, "belongs to service; a launcher is told on its command line, see its --help")
    if params["restart"]:
        raise InputError("restart", "belongs to service; a launcher is not running by itself")
    path = params["launcher"]
    if not path.startswith("/") or path.endswith("/") or ".." in path.split("/"):
        raise InputError("launcher", f"{path!r} is no absolute path of a file; give one such as /usr/local/sbin/private-tmp")
    return WantedLauncher(path, params["state"] == "present")


def _check_mode(text: str) -> int:
    try:
        return check_mode(text)
    except ArgumentTypeError as error:
        raise InputError("mode", f"{error}, and in quotes: YAML makes other numbers of 0770 and 01777") from None


def _check_size(text: Optional[str], backing: str) -> str:
    if text is None:
        return DEFAULT_SIZE
    if backing == "disk":
        raise InputError("size", "limits a tmpfs; with backing: disk it would limit nothing, so leave it out or give the folder a quota")
    try:
        return check_size(text)
    except ArgumentTypeError as error:
        raise InputError("size", str(error)) from None


def size_in_bytes(size: str, memory: int = 0) -> int:
    """Bytes of a size that has been checked; C(memory) is what a percentage is of."""
    if size.endswith("%"):
        return memory * int(size[:-1]) // 100
    unit = size[-1].upper() if size[-1].isalpha() else ""
    return int(size[: len(size) - len(unit)]) * UNITS[unit]
