# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of patched_package and patched_package_info. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_SUFFIX = re.compile(r"[a-z]{2,20}")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+:~-]*")
_SUITE = re.compile(r"[a-z][a-z0-9-]*")
_SOURCE = re.compile(r"deb(-src)? (\[[^\]\n]*\] )?[^\s]+ [^\n]+")
DIRECTORY = "/var/lib/fleetlab/patched-packages"
FINDINGS = ("security", "newer", "masked", "lost", "unheld", "stale", "files_changed")

SPEC: Dict[str, Dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["built", "present", "absent"], "default": "present"},
    "patches": {"type": "list", "elements": "path", "default": []},
    "follow": {"type": "bool", "default": False},
    "suffix": {"type": "str", "default": "fleetlab"},
    "suite": {"type": "str"},
    "sources": {"type": "list", "elements": "str", "default": []},
    "directory": {"type": "path", "default": DIRECTORY},
    "debs": {"type": "list", "elements": "path", "default": []},
    "version": {"type": "str"},
    "hold": {"type": "bool", "default": True},
    "check": {"type": "list", "elements": "str", "default": []},
    "allow_essential": {"type": "bool", "default": False},
    "max_lists_age": {"type": "int", "default": 3600},
    "timeout": {"type": "int", "default": 3600},
}
REQUIRED_IF = [("state", "built", ["patches"]), ("state", "present", ["debs", "version"], True)]
MUTUALLY_EXCLUSIVE = [("debs", "version")]

INFO_SPEC: Dict[str, Dict[str, Any]] = {
    "names": {"type": "list", "elements": "str", "default": []},
    "max_lists_age": {"type": "int", "default": 86400},
    "fail_when": {"type": "list", "elements": "str", "choices": list(FINDINGS), "default": []},
    "verify": {"type": "bool", "default": True},
}


@dataclass(frozen=True)
class Wanted:
    """The checked options of patched_package. C(suite) is C(None) for the suite of the builder."""

    name: str
    state: str
    patches: Tuple[str, ...]
    is_following: bool
    suffix: str
    suite: Optional[str]
    sources: Tuple[str, ...]
    directory: str
    debs: Tuple[str, ...]
    version: Optional[str]
    is_held: bool
    check: Tuple[str, ...]
    allow_essential: bool
    max_lists_age: int
    timeout: int


@dataclass(frozen=True)
class WantedInfo:
    """The checked options of patched_package_info. Without names, all patched packages are meant."""

    names: Tuple[str, ...]
    max_lists_age: int
    fail_when: Tuple[str, ...]
    verify: bool


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """The checked options of patched_package."""
    if params["state"] == "built" and not params["patches"]:
        raise InputError("patches", "is empty; without a patch the distribution's own package does")
    if params["state"] == "present" and not (params["debs"] or params["version"]):
        raise InputError("debs", "is empty; give the files that state=built returned, or the version of an archive that apt knows")
    if params["version"] is not None and not _VERSION.fullmatch(params["version"]):
        raise InputError("version", f"{params['version']!r} is no version of a Debian package")
    if not _SUFFIX.fullmatch(params["suffix"]):
        raise InputError("suffix", f"is {params['suffix']!r}; it has to be 2 to 20 lower-case letters, because +0LETTERS sorts right")
    if params["suite"] is not None and not _SUITE.fullmatch(params["suite"]):
        raise InputError("suite", f"{params['suite']!r} is no code name of a release, such as bookworm")
    _check_sources(params["sources"])
    _check_paths(params)
    return Wanted(
        name=check_name("name", params["name"]),
        state=params["state"],
        patches=tuple(params["patches"]),
        is_following=params["follow"],
        suffix=params["suffix"],
        suite=params["suite"],
        sources=tuple(params["sources"]),
        directory=params["directory"],
        debs=tuple(params["debs"]),
        version=params["version"],
        is_held=params["hold"],
        check=tuple(params["check"]),
        allow_essential=params["allow_essential"],
        max_lists_age=params["max_lists_age"],
        timeout=params["timeout"],
    )


def make_wanted_info(params: Mapping[str, Any]) -> WantedInfo:
    """The checked options of patched_package_info."""
    names = tuple(dict.fromkeys(check_name("names", name) for name in params["names"]))
    if params["max_lists_age"] < 0:
        raise InputError("max_lists_age", f"is {params['max_lists_age']}; it cannot be negative")
    return WantedInfo(names, params["max_lists_age"], tuple(params["fail_when"]), params["verify"])


def check_name(option: str, name: str) -> str:
    """The name of a package."""
    if not _NAME.fullmatch(name):
        raise InputError(option, f"{name!r} is no name of a Debian package: lower-case letters, digits, plus, minus and dots")
    return name


def _check_sources(lines: Sequence[str]) -> None:
    for line in lines:
        if not _SOURCE.fullmatch(line):
            raise InputError(
                "sources", f"{line!r} is no line of sources.list, such as 'deb-src http://archive.example.org/debian bookworm main'"
            )
        if re.search(r"://[^/\s]*@", line):
            found = re.sub(r"://[^/\s]*@", "://********@", line)
            raise InputError("sources", f"{found!r} has a password; write it into a file of /etc/apt/auth.conf.d that only root can read")
        # apt has many words for yes, and joins the values of an option that is given twice.
        if re.search(r"(trusted|allow-insecure|allow-weak|allow-downgrade-to-insecure)\s*[+-]?=", line, re.IGNORECASE):
            raise InputError("sources", f"{line!r} takes packages without a signature; give signed-by=KEY instead")


def _check_paths(params: Mapping[str, Any]) -> None:
    for option in ("patches", "debs"):
        for path in params[option]:
            if not path.startswith("/") or re.search(r"\s", path):
                raise InputError(option, f"{path!r} has to be absolute and without white space")
    if not params["directory"].startswith("/") or re.search(r"[^A-Za-z0-9/._+-]", params["directory"]):
        raise InputError("directory", f"{params['directory']!r} has to be absolute, of letters, digits and . _ + - only")
