# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernels of User-mode Linux that guests can boot, each in its own folder of the cache. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

HOST = "host"
"""The origin of a kernel that is a copy of this machine's; other origins are C(BUILD) and the names of Debian releases."""

BUILD = "build"
"""The origin of a kernel that was compiled on this machine. Its version ends with a hash of the configuration."""

CONFIGURATION = "kernel.config"
"""The file with the options of a built kernel that are added to the defaults of User-mode Linux."""

_ORIGINS = {HOST: "of this host", BUILD: "built here"}

_FOLDER = re.compile(r"kernel-([a-z]+)-([0-9][0-9a-zA-Z.+~-]*)")


@dataclass(frozen=True)
class Kernel:
    """A kernel in the cache. C(directory) has its program, its C(modules), and C(linux), the script that starts it."""

    origin: str
    version: str
    directory: str

    @property
    def program(self) -> str:
        """The script that starts it, with the arguments of User-mode Linux."""
        return f"{self.directory}/linux"

    @property
    def modules(self) -> str:
        """The folder that has the modules, in a folder with the name of the version."""
        return f"{self.directory}/modules"

    @property
    def label(self) -> str:
        """Its name in messages and reports."""
        return f"User-mode Linux {self.version} {_ORIGINS.get(self.origin, f'of {self.origin}')}"


@dataclass(frozen=True)
class Wanted:
    """C(choice) is the option C(kernel). C(files) is the folder with xstate.c and kernel.config, C(lab) is the lab's directory."""

    choice: str
    suite: str
    cache: str
    files: str
    lab: Optional[str] = None


@dataclass(frozen=True)
class State:
    """C(kernels) are the kernels in the cache, C(recorded) is the program that the lab was made with, C(host_version) is the version of the
    machine's own kernel. C(recipe) is the hash in the name of a kernel that is built with the current configuration.
    """

    kernels: Tuple[Kernel, ...] = ()
    recorded: Optional[str] = None
    host_program: Optional[str] = None
    host_version: Optional[str] = None
    recipe: str = ""


def kernel_at(directory: str) -> Optional[Kernel]:
    """The kernel in a folder of the cache, by the folder's name; C(None) for other names."""
    found = _FOLDER.fullmatch(directory.rpartition("/")[2])
    return Kernel(found[1], found[2], directory) if found else None


def newest(kernels: Tuple[Kernel, ...], origin: str) -> Optional[Kernel]:
    """The newest kernel of an origin; C(None) if there is none."""
    return max((kernel for kernel in kernels if kernel.origin == origin), key=lambda kernel: version_key(kernel.version), default=None)


def version_key(version: str) -> Tuple[int, ...]:
    """A key that orders versions: 7.10 comes after 7.9."""
    return tuple(int(number) for number in re.findall(r"\d+", version))
