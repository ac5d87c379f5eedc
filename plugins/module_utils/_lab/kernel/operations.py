# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that plans of kernels name. A kernel appears in the cache under its name only when it is whole."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tarfile
from contextlib import contextmanager
from typing import Iterator

from ..._core.errors import CommandError, ObservationError
from ..._core.plan import Operations, WriteFile, write_file
from ..._core.runner import Runner
from ..operations import make_directory
from .launcher import LOADER, XSTATE, launcher
from .plan import cached_name
from .state import BUILD, kernel_at

_LIBRARIES = (LOADER, "libc.so.6")
"""All that the program of User-mode Linux is linked to."""

_BUILD_PROGRAMS = {
    "bc": "bc",
    "bison": "bison",
    "cc": "gcc",
    "depmod": "kmod",
    "flex": "flex",
    "make": "make",
    "xz": "xz-utils",
}
"""What a build runs, and the packages that bring it."""

_BUILD_LIMIT = 3600.0
"""Seconds for what takes twelve minutes of one CPU."""

_HOST_MODULES = "/usr/lib/uml/modules"


@contextmanager
def cache_lock(cache: str) -> Iterator[None]:
    """One at a time: two labs may be started at once."""
    os.makedirs(cache, exist_ok=True)
    with open(f"{cache}/kernels.lock", "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def operations(runner: Runner) -> Operations:
    """The functions for L(apply), by the names that plans use."""

    def unpack_kernel(archive: str, suite: str, cache: str) -> None:
        work = _new_folder(f"{cache}/kernel-{suite}.new")
        tree = f"{work}/tree"
        with tarfile.open(archive) as packed:
            for member in packed:
                # Not the devices, and nothing of what the packages bring for others.
                if member.name.startswith(("./usr/bin/linux.uml", "./usr/lib/uml/", "./usr/lib/x86_64-linux-gnu/")) and not member.isdev():
                    packed.extract(member, tree, set_attrs=not member.isdir())
        os.unlink(archive)
        for library in _LIBRARIES:
            os.replace(f"{tree}/usr/lib/x86_64-linux-gnu/{library}", f"{work}/{library}")
        os.replace(f"{tree}/usr/bin/linux.uml", f"{work}/linux.uml")
        os.replace(f"{tree}/usr/lib/uml/modules", f"{work}/modules")
        shutil.rmtree(tree)
        _put_in_place(work, cached_name(cache, suite, _version(work)))

    def copy_kernel(program: str, version: str, cache: str) -> None:
        work = _new_folder(f"{cache}/kernel-host.new")
        shutil.copy2(program, f"{work}/linux.uml")
        shutil.copytree(_HOST_MODULES, f"{work}/modules", symlinks=True)
        _put_in_place(work, cached_name(cache, "host", version))

    def add_xstate(directory: str, source: str) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            problem = "no C compiler was found, which this kernel needs on a CPU with so large registers: install gcc and libc6-dev"
            raise CommandError(["cc"], problem, 127)
        library = f"{directory}/{XSTATE}"
        runner.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", f"{library}.new", source])
        os.replace(f"{library}.new", library)
        _write_launcher(directory)

    def check_compiler() -> None:
        missing = [package for program, package in _BUILD_PROGRAMS.items() if shutil.which(program) is None]
        if missing:
            raise ObservationError(f"a kernel cannot be built without these Debian packages: {' '.join(sorted(set(missing)))}")

    def build_kernel(archive: str, configuration: str, recipe: str, cache: str) -> None:
        work = _new_folder(f"{cache}/kernel-build.new")
        source = _unpack_source(archive, f"{work}/source")
        make = ["make", "-s", "-C", source, "ARCH=um"]
        runner.run([*make, "x86_64_defconfig"])
        runner.run([f"{source}/scripts/kconfig/merge_config.sh", "-m", "-O", source, f"{source}/.config", configuration])
        runner.run([*make, "olddefconfig"])
        runner.run([*make, f"-j{os.cpu_count() or 1}", "linux", "modules"], timeout=_BUILD_LIMIT)
        runner.run([*make, f"INSTALL_MOD_PATH={work}/installed", "modules_install"])
        release = runner.run([*make, "kernelrelease"]).stdout.strip()
        os.replace(f"{source}/linux", f"{work}/linux.uml")
        os.replace(f"{work}/installed/lib/modules", f"{work}/modules")
        for folder in (f"{work}/source", f"{work}/installed"):
            shutil.rmtree(folder)
        os.unlink(archive)
        _put_in_place(work, cached_name(cache, BUILD, f"{release}-{recipe}"))

    return {
        "make-directory": make_directory,
        "check-compiler": check_compiler,
        "build-kernel": build_kernel,
        "unpack-kernel": unpack_kernel,
        "copy-kernel": copy_kernel,
        "add-xstate": add_xstate,
    }


def _unpack_source(archive: str, folder: str) -> str:
    """The folder of the source in a package linux-source."""
    os.mkdir(folder)
    with tarfile.open(archive) as packed:
        inner = next(member for member in packed if re.fullmatch(r"\./usr/src/linux-source-[0-9.]+\.tar\.xz", member.name))
        stream = packed.extractfile(inner)
        assert stream is not None
        with tarfile.open(fileobj=stream, mode="r:xz") as source:
            source.extractall(folder)
    return f"{folder}/{os.listdir(folder)[0]}"


def _new_folder(path: str) -> str:
    # What a killed run left.
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o755)
    return path


def _version(work: str) -> str:
    versions = os.listdir(f"{work}/modules")
    if len(versions) != 1:
        raise ObservationError(f"the package user-mode-linux brings modules for {sorted(versions)}, and one version is expected")
    return versions[0]


def _put_in_place(work: str, directory: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    os.replace(work, directory)
    # Last: a folder without it is no kernel yet.
    _write_launcher(directory)


def _write_launcher(directory: str) -> None:
    kernel = kernel_at(directory)
    assert kernel is not None
    text = launcher(kernel, os.path.exists(f"{directory}/{LOADER}"), os.path.exists(f"{directory}/{XSTATE}"))
    write_file(WriteFile(kernel.program, text, mode=0o755))

