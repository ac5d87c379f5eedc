# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a task, checked. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple

from .._core.errors import InputError

TRANSPORTS: Mapping[str, str] = {"iscsi": "*-iscsi-*"}
"""The kinds of disks that a task can name, each with its pattern of udev's ID_PATH."""

ARGUMENT_SPEC: Dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "transport": {"type": "str", "choices": sorted(TRANSPORTS), "default": "iscsi"},
    "settings": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "timeout": {"type": "int", "default": 10},
}
REQUIRED_IF = [("state", "present", ["settings"])]

_RULES = re.compile(r"/.+\.rules")
_NAME = re.compile(r"[a-z0-9_]+")
# udev ends a value at a quote, and expands the text after a percent or dollar sign.
_VALUE = re.compile(r"""[^"\\%$\s]+""")


@dataclass(frozen=True)
class Wanted:
    """The rule at C(path), and the wanted values of the queues of the disks; empty if the rule is to be removed.

    C(timeout) is the number of seconds within which the disks have to follow the rule.
    """

    path: str
    transport: str
    settings: Tuple[Tuple[str, str], ...]
    timeout: float = 10.0

    @property
    def present(self) -> bool:
        """Whether there shall be a rule."""
        return bool(self.settings)


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """Check every option.

    :raises InputError: a path that udev does not read, or a name or value that a rule cannot have.
    """
    if not _RULES.fullmatch(params["path"]):
        raise InputError("path", f"{params['path']!r}: udev only reads files whose names end in .rules; give the absolute path of one")
    if params["timeout"] < 1:
        raise InputError("timeout", f"{params['timeout']} is not a number of seconds of 1 or more")
    if params["state"] == "absent":
        return Wanted(params["path"], params["transport"], ())
    settings = tuple(sorted(((_name(name), _value(name, value)) for name, value in params["settings"].items()), key=_order))
    if not settings:
        raise InputError("settings", "there is no setting: name at least one, or set state to absent")
    return Wanted(params["path"], params["transport"], settings, float(params["timeout"]))


def _order(setting: Tuple[str, str]) -> Tuple[bool, str]:
    # The scheduler is set first, because a new scheduler resets other values, such as nr_requests.
    return setting[0] != "scheduler", setting[0]


def _name(name: Any) -> str:
    if not _NAME.fullmatch(str(name)):
        raise InputError("settings", f"{name!r} is not the name of a file in /sys/block/DISK/queue, such as scheduler")
    return str(name)


def _value(name: Any, value: Any) -> str:
    text = "" if value is None else str(value)
    if not _VALUE.fullmatch(text):
        raise InputError(
            f"settings.{name}", f"{value!r} is not a value that a udev rule can set: give one word without quotes, %, $ and backslashes"
        )
    return text
