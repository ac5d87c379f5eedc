# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of htaccess_info. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from ..._core.errors import InputError

SPEC: Dict[str, Dict[str, Any]] = {
    "config": {"type": "path"},
    "paths": {"type": "list", "elements": "path", "default": []},
    "trial": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class Wanted:
    """Which folders to look at. C(config) is C(None) for Apache's own default, C(paths) is empty for the DocumentRoot of each server."""

    config: Optional[str]
    paths: Tuple[str, ...] = ()
    trial: bool = False


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """The checked options.

    :raises InputError: a path is not absolute.
    """
    for name, paths in (("config", [params["config"]] if params["config"] else []), ("paths", params["paths"])):
        for path in paths:
            if not posixpath.isabs(path):
                raise InputError(name, f"{path!r} is no absolute path")
    return Wanted(params["config"], tuple(dict.fromkeys(map(posixpath.normpath, params["paths"]))), params["trial"])
