# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of patched_package_archive. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from ..._core.errors import InputError
from ..options import DIRECTORY, check_name

_PATH = re.compile(r"/[A-Za-z0-9/._+-]+")
_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

SPEC: Dict[str, Dict[str, Any]] = {
    "path": {"type": "path", "default": "/var/lib/fleetlab/patched-archive"},
    "names": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "path", "default": DIRECTORY},
    "origin": {"type": "str", "default": "fleetlab-patched"},
    "signing_key": {"type": "path", "no_log": False},
}


@dataclass(frozen=True)
class WantedArchive:
    """The checked options. Without C(names), all builds are published; C(signing_key) is a file with a secret key."""

    path: str
    names: Tuple[str, ...]
    directory: str
    origin: str
    signing_key: Optional[str] = None

    @property
    def keys(self) -> str:
        """The folder of GnuPG."""
        return f"{self.directory}/.keys"

    @property
    def public_key(self) -> str:
        """The public key, for the hosts."""
        return f"{self.path}/archive-key.asc"


def make_wanted(params: Mapping[str, Any]) -> WantedArchive:
    """The checked options.

    :raises InputError: an option has a wrong value.
    """
    for option in ("path", "directory"):
        if not _PATH.fullmatch(params[option]) or ".." in params[option].split("/"):
            raise InputError(option, f"{params[option]!r} has to be absolute, of letters, digits and . _ + - only")
    path, directory = params["path"].rstrip("/"), params["directory"].rstrip("/")
    if f"{directory}/".startswith(f"{path}/"):
        raise InputError("path", f"{path} is a folder above the builds and the secret key, and would publish them; choose another one")
    if not _ORIGIN.fullmatch(params["origin"]):
        raise InputError("origin", f"{params['origin']!r} has to be of letters, digits and . _ - only, because hosts pin by it")
    if params["signing_key"] is not None and not params["signing_key"].startswith("/"):
        raise InputError("signing_key", f"{params['signing_key']!r} is no absolute path")
    names = tuple(dict.fromkeys(check_name("names", name) for name in params["names"]))
    return WantedArchive(path, names, directory, params["origin"], params["signing_key"])
