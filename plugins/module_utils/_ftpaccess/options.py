# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ftpaccess_info and ftpaccess. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple

from .._core.errors import InputError

SPEC: Dict[str, Dict[str, Any]] = {
    "config": {"type": "path", "default": "/etc/proftpd/proftpd.conf"},
    "users": {"type": "list", "elements": "str", "default": []},
    "walk": {"type": "int", "default": 2},
    "trial": {"type": "bool", "default": False},
}

CURE_SPEC: Dict[str, Dict[str, Any]] = {
    **{name: option for name, option in SPEC.items() if name != "trial"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "files": {"type": "str", "choices": ["keep", "off"], "default": "keep"},
    "file": {"type": "path", "default": "/etc/proftpd/conf.d/fleetlab-ftpaccess.conf"},
}


@dataclass(frozen=True)
class Wanted:
    """Which sessions to look at. C(users) is empty for all that may log in; C(walk) is the number of levels below the first folder."""

    config: str
    users: Tuple[str, ...] = ()
    walk: int = 2
    trial: bool = False


@dataclass(frozen=True)
class WantedCure:
    """Whose rules shall hold. C(file) is the file of the sections; with C(is_off) ProFTPD no longer looks for .ftpaccess."""

    audit: Wanted
    file: str
    is_present: bool = True
    is_off: bool = False


def make_wanted_cure(params: Mapping[str, Any]) -> WantedCure:
    """The checked options of ftpaccess.

    :raises InputError: an option has a wrong value.
    """
    if not posixpath.isabs(params["file"]):
        raise InputError("file", f"{params['file']!r} is no absolute path")
    is_present, is_off = params["state"] == "present", params["files"] == "off"
    if is_off and not is_present:
        raise InputError("files", "has no effect with state: absent: omit it")
    return WantedCure(make_wanted({**params, "trial": False}), params["file"], is_present, is_off)


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """The checked options.

    :raises InputError: an option has a wrong value.
    """
    if not posixpath.isabs(params["config"]):
        raise InputError("config", f"{params['config']!r} is no absolute path")
    if not 0 <= params["walk"] <= 5:
        raise InputError("walk", f"is {params['walk']}; it has to be 0 to 5 levels")
    for name in params["users"]:
        if not name or set(name) & set(":/\n") or name.startswith("-"):
            raise InputError("users", f"{name!r} is no name of a user")
    return Wanted(params["config"], tuple(dict.fromkeys(params["users"])), params["walk"], params["trial"])
