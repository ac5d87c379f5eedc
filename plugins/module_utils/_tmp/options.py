# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of private_tmp, checked and made into what the plan wants. Pure; raises InputError only."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from dataclasses import dataclass, replace
from typing import Any, Mapping, Optional, Tuple, Union

from .._core.errors import InputError
from .launcher import UNITS, check_mode, check_size

MOUNT_OPTIONS = ("noexec", "nosuid", "nodev")
DEFAULT_SIZE = "10%"
_LONGEST_UNIT = 255


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
        """The same for the unit that systemd has under the name that was given, which may be an alias."""
        return replace(self, service=service)


@dataclass(frozen=True)
class WantedLauncher:
    """The launcher at this path, or nothing there."""

    path: str
    present: bool = True


def make_wanted(params: Mapping[str, Any]) -> Union[Wanted, WantedLauncher]:
    """The options of a task."""
    present = params["state"] == "present"
    if params["launcher"] is not None:
        return _make_launcher(params, present)
    options = params["options"] if params["options"] is not None else list(MOUNT_OPTIONS)
    return Wanted(
        service=check_service(params["service"]),
        present=present,
        backing=params["backing"] or "tmpfs",
        size=_check_size(params["size"], params["backing"] or "tmpfs"),
        mode=_check_mode(params["mode"] or "1777"),
        options=tuple(name for name in MOUNT_OPTIONS if name in options),
        restart=params["restart"],
    )


def _make_launcher(params: Mapping[str, Any], present: bool) -> WantedLauncher:
    for name in ("backing", "size", "mode", "options"):
        if params[name] is not None:
            raise InputError(name, "belongs to service; a launcher is told on its command line, see its --help")
    if params["restart"]:
        raise InputError("restart", "belongs to service; a launcher is not running by itself")
    path = params["launcher"]
    if not path.startswith("/") or path.endswith("/") or ".." in path.split("/"):
        raise InputError("launcher", f"{path!r} is no absolute path of a file; give one such as /usr/local/sbin/private-tmp")
    return WantedLauncher(path, present)


def check_service(name: str, option: str = "service") -> str:
    """The full name of a service unit.

    :raises InputError: for what is no name of a service, before systemd is asked: it would take some of it for an option or a path.
    """
    full = name if re.search(r"\.[a-z]+\Z", name) and name.rpartition(".")[2] in _UNIT_TYPES else f"{name}.service"
    if not re.match(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*\Z", full) or full.startswith("."):
        raise InputError(option, f"{name!r} is no name of a unit; give one such as nginx or nginx.service")
    if len(full) > _LONGEST_UNIT:
        raise InputError(option, f"a name of {len(full)} characters is longer than the {_LONGEST_UNIT} that systemd takes")
    if not full.endswith(".service"):
        raise InputError(option, f"{name!r} is a {full.rpartition('.')[2]}; only a service runs processes that see a /tmp")
    template, at, instance = full[: -len(".service")].partition("@")
    if at and not instance:
        raise InputError(option, f"{name!r} is a template; name an instance of it, such as {template}@one.service")
    if not template:
        raise InputError(option, f"{name!r} has no name before .service or @")
    return full


_UNIT_TYPES = {"service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"}


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
