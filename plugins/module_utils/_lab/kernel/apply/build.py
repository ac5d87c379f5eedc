# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a kernel from the source that a release packages."""

from __future__ import annotations

import os
import re
import shutil
import tarfile

from ...._core.errors import ObservationError
from ...._core.runner import Runner
from ..state import BUILD
from .cache import new_folder, put_in_place, set_filter

_PROGRAMS = {
    "bc": "bc",
    "bison": "bison",
    "cc": "gcc",
    "depmod": "kmod",
    "flex": "flex",
    "make": "make",
    "xz": "xz-utils",
}
"""The programs of a build, with the packages that contain them."""

_SOURCE = re.compile(r"\./usr/src/linux-source-[0-9.]+\.tar\.xz")

_LIMIT = 3600.0
"""The time limit of a build in seconds; it takes one CPU twelve minutes."""


def check_compiler() -> None:
    """Refuse a build without its programs, before anything is downloaded.

    :raises ObservationError: with the missing packages.
    """
    missing = {package for program, package in _PROGRAMS.items() if shutil.which(program) is None}
    if missing:
        raise ObservationError(f"a kernel cannot be built without these Debian packages: {' '.join(sorted(missing))}")


def build_kernel(runner: Runner, archive: str, configuration: str, recipe: str, cache: str) -> None:
    """Compile the kernel from an archive with the package linux-source.

    :arg configuration: path of a file with options that are added to the defaults of User-mode Linux.
    :arg recipe: the end of the kernel's version.
    """
    work = new_folder(f"{cache}/kernel-{BUILD}.new")
    source = _unpack(archive, f"{work}/source")
    make = ["make", "-s", "-C", source, "ARCH=um"]
    runner.run([*make, "x86_64_defconfig"])
    runner.run([f"{source}/scripts/kconfig/merge_config.sh", "-m", "-O", source, f"{source}/.config", configuration])
    runner.run([*make, "olddefconfig"])
    runner.run([*make, f"-j{os.cpu_count() or 1}", "linux", "modules"], timeout=_LIMIT)
    runner.run([*make, f"INSTALL_MOD_PATH={work}/installed", "modules_install"])
    release = runner.run([*make, "kernelrelease"]).stdout.strip()
    os.replace(f"{source}/linux", f"{work}/linux.uml")
    os.replace(f"{work}/installed/lib/modules", f"{work}/modules")
    for folder in (f"{work}/source", f"{work}/installed"):
        shutil.rmtree(folder)
    os.unlink(archive)
    put_in_place(work, cache, BUILD, f"{release}-{recipe}")


def _unpack(archive: str, folder: str) -> str:
    os.mkdir(folder)
    with tarfile.open(archive) as packed:
        inner = next(member for member in packed if _SOURCE.fullmatch(member.name))
        stream = packed.extractfile(inner)
        if stream is None:
            raise ObservationError(f"{archive}: {inner.name} is not a file")
        with tarfile.open(fileobj=stream, mode="r:xz") as source:
            set_filter(source)
            source.extractall(folder)
    return f"{folder}/{os.listdir(folder)[0]}"
