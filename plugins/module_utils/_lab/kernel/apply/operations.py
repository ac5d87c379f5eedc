# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of plans of kernels. A kernel appears in the cache under its name when it is complete."""

from __future__ import annotations

import functools
import os
import shutil
import tarfile

from ...._core.errors import CommandError, ObservationError
from ...._core.plan import Operations
from ...._core.runner import Runner
from ..render import LOADER, XSTATE
from ..state import HOST
from .build import build_kernel, check_compiler
from .cache import new_folder, put_in_place, set_filter, write_launcher

_LIBRARIES = (LOADER, "libc.so.6")
"""The libraries of the program of User-mode Linux."""

_WANTED = ("./usr/bin/linux.uml", "./usr/lib/uml/", *(f"./usr/lib/x86_64-linux-gnu/{library}" for library in _LIBRARIES))
"""The files of the packages that a kernel needs."""

_HOST_MODULES = "/usr/lib/uml/modules"


def operations(runner: Runner) -> Operations:
    """The operations of plans, by name."""
    return {
        "unpack-kernel": unpack_kernel,
        "copy-kernel": copy_kernel,
        "check-compiler": check_compiler,
        "build-kernel": functools.partial(build_kernel, runner),
        "add-xstate": functools.partial(add_xstate, runner),
    }


def unpack_kernel(archive: str, suite: str, cache: str) -> None:
    """Unpack the kernel of a release from an archive of its packages, with the C library that it was built for."""
    work = new_folder(f"{cache}/kernel-{suite}.new")
    tree = f"{work}/tree"
    with tarfile.open(archive) as packed:
        set_filter(packed)
        for member in packed:
            if member.name.startswith(_WANTED):
                packed.extract(member, tree, set_attrs=not member.isdir())
    os.unlink(archive)
    for library in _LIBRARIES:
        os.replace(f"{tree}/usr/lib/x86_64-linux-gnu/{library}", f"{work}/{library}")
    os.replace(f"{tree}/usr/bin/linux.uml", f"{work}/linux.uml")
    os.replace(f"{tree}/usr/lib/uml/modules", f"{work}/modules")
    shutil.rmtree(tree)
    put_in_place(work, cache, suite, _version(work))


def _version(work: str) -> str:
    versions = os.listdir(f"{work}/modules")
    if len(versions) != 1:
        raise ObservationError(f"the package user-mode-linux has modules for {sorted(versions)}, and one version is expected")
    return versions[0]


def copy_kernel(program: str, version: str, cache: str) -> None:
    """Copy this machine's kernel, because its package may be upgraded while guests with its current modules run."""
    work = new_folder(f"{cache}/kernel-{HOST}.new")
    shutil.copy2(program, f"{work}/linux.uml")
    shutil.copytree(_HOST_MODULES, f"{work}/modules", symlinks=True)
    put_in_place(work, cache, HOST, version)


def add_xstate(runner: Runner, directory: str, source: str) -> None:
    """Compile the library for CPUs with large registers."""
    compiler = shutil.which("cc")
    if compiler is None:
        problem = "this kernel needs a C compiler on a CPU with such large registers, and none was found: install gcc and libc6-dev"
        raise CommandError(["cc"], problem, 127)
    library = f"{directory}/{XSTATE}"
    runner.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", f"{library}.new", source])
    os.replace(f"{library}.new", library)
    write_launcher(directory)
