# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a task, checked. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError

ARGUMENT_SPEC: Dict[str, Any] = {
    "targets": {"type": "list", "elements": "str", "required": True},
    "luns": {"type": "list", "elements": "int"},
    "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
    "take_over": {"type": "bool", "default": False},
    "key": {"type": "str", "no_log": False},
    "initiator_name": {"type": "str"},
    "path": {"type": "path", "default": "/etc/udev/rules.d/62-fleetlab-disk_reservation.rules"},
}

_RULES = re.compile(r"/.+\.rules")
# The name of a target becomes a pattern of a udev rule.
_TARGET = re.compile(r"(iqn|eui|naa)\.[A-Za-z0-9.:_-]+")
_LUNS = 16384
_KEY = re.compile(r"(0x)?([0-9a-fA-F]{1,16})")


@dataclass(frozen=True)
class Wanted:
    """The disks of C(targets), held for this host or released. C(key) is C(None) for the key that belongs to this host.

    C(luns) are the numbers of the LUNs of each target, C(None) for all that it shows. C(initiator) is the name that this host has, or is
    about to get; C(None) for that of its configuration.
    """

    targets: Tuple[str, ...]
    path: str
    held: bool = True
    take_over: bool = False
    key: Optional[int] = None
    initiator: Optional[str] = None
    luns: Optional[Tuple[int, ...]] = None


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """Check every option.

    :raises InputError: a path that udev does not read, a name that no target has, or a key that is none.
    """
    if not _RULES.fullmatch(params["path"]):
        raise InputError("path", f"{params['path']!r}: udev only reads files whose names end in .rules; give the absolute path of one")
    for target in params["targets"]:
        if not _TARGET.fullmatch(target):
            raise InputError("targets", f"{target!r} is not the name of an iSCSI target, such as iqn.2026-01.com.example:server1")
    if not params["targets"]:
        raise InputError("targets", "is empty: name at least one target")
    held = params["state"] == "held"
    if params["take_over"] and not held:
        raise InputError("take_over", "has no effect on disks that are released: omit it")
    return Wanted(
        targets=tuple(sorted(set(params["targets"]))),
        path=params["path"],
        held=held,
        take_over=params["take_over"],
        key=_make_key(params["key"]),
        initiator=params["initiator_name"],
        luns=_make_luns(params["luns"]),
    )


def _make_luns(numbers: Optional[Sequence[int]]) -> Optional[Tuple[int, ...]]:
    if numbers is None:
        return None
    if not numbers:
        raise InputError("luns", "is empty: name at least one LUN, or omit it for all LUNs of the targets")
    wrong = [number for number in numbers if not 0 <= number < _LUNS]
    if wrong:
        raise InputError("luns", f"{wrong[0]} is not the number of a LUN: give numbers from 0 to {_LUNS - 1}")
    return tuple(sorted(set(numbers)))


def _make_key(text: Optional[str]) -> Optional[int]:
    if text is None:
        return None
    match = _KEY.fullmatch(text)
    if match is None or int(match.group(2), 16) == 0:
        raise InputError("key", f"{text!r} is not a key: give 1 to 16 hexadecimal digits that are not all 0")
    return int(match.group(2), 16)
