# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of lab_kernel. Pure; raises InputError only."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping

from ..._core.errors import InputError
from .state import Wanted

_SUITE = re.compile(r"[a-z]+")

ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "kernel": {"type": "str", "choices": ["auto", "host", "newest", "build"], "default": "auto"},
    "suite": {"type": "str", "default": "forky"},
    "cache": {"type": "path", "required": True},
    "directory": {"type": "path"},
    "files": {"type": "path", "required": True},
}


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """Check the options of a task.

    :raises InputError: the cache or the release is not valid.
    """
    if not _SUITE.fullmatch(params["suite"]):
        raise InputError("suite", f"'{params['suite']}' is not the name of a Debian release, such as forky")
    cache = params["cache"].rstrip("/")
    if not cache.startswith("/") or any(character in cache for character in ":;'\"\n"):
        raise InputError("cache", f"'{params['cache']}' is not an absolute path without colons, semicolons and quotes")
    return Wanted(params["kernel"], params["suite"], cache, params["files"], params["directory"])
