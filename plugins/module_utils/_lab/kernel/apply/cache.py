# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of the cache: each appears under its name when it is complete, and one run at a time makes it."""

from __future__ import annotations

import os
import shutil
import tarfile
from typing import ContextManager

from ...._core.errors import ObservationError
from ...._core.lock import exclusive
from ...._core.plan import WriteFile, write_file
from ..render import LOADER, XSTATE, launcher
from ..state import kernel_at

_LONGEST = 4500.0
"""Seconds that another run may take to download and build a kernel."""


def origin_lock(cache: str, origin: str) -> ContextManager[None]:
    """One run at a time makes a kernel of an origin: two labs may be started at once. A kernel in the cache is used without waiting."""
    return exclusive(f"{cache}/kernel-{origin}.lock", f"kernel of {origin}", _LONGEST)


def new_folder(path: str) -> str:
    """An empty folder to work in; files of a killed run are removed."""
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o755)
    return path


def set_filter(archive: tarfile.TarFile) -> None:
    """Unpack the archive unchanged, because apt has checked it: Python 3.14 would check each link and mode, and 3.12 warns of that."""
    if hasattr(tarfile, "fully_trusted_filter"):
        archive.extraction_filter = tarfile.fully_trusted_filter


def put_in_place(work: str, cache: str, origin: str, version: str) -> None:
    """Give a complete kernel its name."""
    directory = f"{cache}/kernel-{origin}-{version}"
    shutil.rmtree(directory, ignore_errors=True)
    os.replace(work, directory)
    # Last: a folder without it is no kernel yet.
    write_launcher(directory)


def write_launcher(directory: str) -> None:
    """Write the script that starts the kernel of a folder, by the files in the folder.

    :raises ObservationError: the folder has no name of a kernel's.
    """
    kernel = kernel_at(directory)
    if kernel is None:
        raise ObservationError(f"{directory} is not named after a kernel and its version")
    text = launcher(kernel, os.path.exists(f"{directory}/{LOADER}"), os.path.exists(f"{directory}/{XSTATE}"))
    write_file(WriteFile(kernel.program, text, mode=0o755))
