# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd: whether it runs, the names of units, and their properties from C(systemctl show)."""

from __future__ import annotations

import re
from typing import Dict, Sequence, Tuple

from .._core.errors import InputError
from .._core.plan import Command
from .._core.runner import Runner
from .files import Host

SYSTEM_FOLDER = "/etc/systemd/system"
UNIT_FOLDERS = (SYSTEM_FOLDER, "/usr/lib/systemd/system", "/lib/systemd/system")
"""The folders of units of the administrator and of packages."""

RELOAD = Command(("systemctl", "daemon-reload"))

RUNNING = ("active", "activating", "reloading", "deactivating")
"""Values of ActiveState for units that have processes, or may have some."""

_TYPES = frozenset(("service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"))
_LONGEST_NAME = 255
_KEPT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")


def is_running(host: Host) -> bool:
    """Whether systemd is this host's service manager."""
    return host.is_folder("/run/systemd/system")


def has_unit(host: Host, unit: str) -> bool:
    """Whether a unit is installed; no process is started."""
    return any(host.is_file(f"{folder}/{unit}") for folder in UNIT_FOLDERS)


def drop_in_folder(unit: str) -> str:
    """The folder of the administrator's additions to a unit."""
    return f"{SYSTEM_FOLDER}/{unit}.d"


def show(runner: Runner, unit: str, properties: Sequence[str]) -> Dict[str, str]:
    """The named properties of a unit; systemd also gives properties for a name without a unit."""
    return parse_properties(runner.run(("systemctl", "show", f"--property={','.join(properties)}", "--", unit)).stdout)


def parse_properties(text: str) -> Dict[str, str]:
    """The lines C(NAME=value) of systemctl show; a setting that can be given several times has a line of the value for each."""
    found: Dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def words(value: str) -> Tuple[str, ...]:
    """The words of a property with a list; those with special characters, such as the backslash in the name of a unit, are in quotes."""
    return tuple(re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', value))


def service_name(option: str, name: str) -> str:
    """The full name of a service.

    :raises InputError: no service can have this name. It is refused before systemd is asked, which could take it for an option or a path.
    """
    full = name if re.search(r"\.[a-z]+\Z", name) and name.rpartition(".")[2] in _TYPES else f"{name}.service"
    if not re.match(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*\Z", full) or full.startswith("."):
        raise InputError(option, f"{name!r} is not the name of a unit; give a name such as nginx or nginx.service")
    if len(full) > _LONGEST_NAME:
        raise InputError(option, f"a name of {len(full)} characters is longer than {_LONGEST_NAME}, the limit of systemd")
    if not full.endswith(".service"):
        raise InputError(option, f"{name!r} is a {full.rpartition('.')[2]}; give the service that it belongs to")
    template, at, instance = full[: -len(".service")].partition("@")
    if at and not instance:
        raise InputError(option, f"{name!r} is a template; name its instance, such as {template}@one.service")
    if not template:
        raise InputError(option, f"{name!r} has no name before .service or @")
    return full


def escaped_path(path: str) -> str:
    """A path in the form of systemd's unit names; see systemd-escape(1)."""
    text = path.strip("/")
    return "".join(_escaped(position, character) for position, character in enumerate(text))


def _escaped(position: int, character: str) -> str:
    if character == "/":
        return "-"
    if character in _KEPT and not (character == "." and position == 0):
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8"))
