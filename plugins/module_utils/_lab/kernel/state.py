# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernels of User-mode Linux that guests can boot, each in a folder of its own in the cache."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Tuple

from ..._core.errors import InputError

HOST = "host"
"""The origin of a kernel that is a copy of this machine's; other origins are the names of Debian releases, and the next one."""

BUILD = "build"
"""The origin of a kernel that was compiled here. Its version ends with a hash of the configuration."""

CONFIGURATION = "kernel.config"
"""The file with what a kernel that is built has beside the defaults of User-mode Linux."""

_ORIGINS = {HOST: "of this host", BUILD: "built here"}

_SUITE = re.compile(r"[a-z]+")
_FOLDER = re.compile(r"kernel-([a-z]+)-([0-9][0-9a-zA-Z.+~-]*)")


@dataclass(frozen=True)
class Kernel:
    """A kernel in the cache. C(directory) holds its program, its C(modules), and C(linux), the script that starts it."""

    origin: str
    version: str
    directory: str

    @property
    def program(self) -> str:
        """What starts it, with the arguments of User-mode Linux."""
        return f"{self.directory}/linux"

    @property
    def modules(self) -> str:
        """A folder with a folder of modules named after the version."""
        return f"{self.directory}/modules"

    @property
    def label(self) -> str:
        """How messages and reports call it."""
        return f"User-mode Linux {self.version} {_ORIGINS.get(self.origin, f'of {self.origin}')}"


@dataclass(frozen=True)
class Wanted:
    """C(choice) is one of the module. C(files) is the folder with xstate.c and kernel.config, C(lab) the lab's directory."""

    choice: str
    suite: str
    cache: str
    files: str
    lab: Optional[str] = None


@dataclass(frozen=True)
class State:
    """C(kernels) are those in the cache, C(recorded) the program that the lab was made with, C(host_version) that of this machine's own.

    C(recipe) is the hash that a kernel is named by which is built with the configuration of now.
    """

    kernels: Tuple[Kernel, ...] = ()
    recorded: Optional[str] = None
    host_program: Optional[str] = None
    host_version: Optional[str] = None
    recipe: str = ""


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """The choice from module parameters.

    :raises InputError: a cache or release that cannot be.
    """
    if not _SUITE.fullmatch(params["suite"]):
        raise InputError("suite", f"'{params['suite']}' is not the name of a Debian release, such as forky")
    cache = params["cache"].rstrip("/")
    if not cache.startswith("/") or any(character in cache for character in ":;'\"\n"):
        raise InputError("cache", f"'{params['cache']}' is not an absolute path without colons, semicolons and quotes")
    return Wanted(params["kernel"], params["suite"], cache, params["files"], params["directory"])


def kernel_at(directory: str) -> Optional[Kernel]:
    """The kernel that a folder of the cache is named after, if it is one's."""
    found = _FOLDER.fullmatch(directory.rpartition("/")[2])
    return Kernel(found[1], found[2], directory) if found else None


def newest(kernels: Tuple[Kernel, ...], origin: str) -> Optional[Kernel]:
    """The newest kernel of an origin."""
    return max((kernel for kernel in kernels if kernel.origin == origin), key=lambda kernel: version_key(kernel.version), default=None)


def version_key(version: str) -> Tuple[int, ...]:
    """What orders versions: 7.10 comes after 7.9."""
    return tuple(int(number) for number in re.findall(r"\d+", version))
