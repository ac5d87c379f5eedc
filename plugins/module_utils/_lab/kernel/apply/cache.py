# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of the cache: a folder appears under its name when it is complete, and only one run at a time makes it."""

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
    """The lock for making a kernel of an origin, because two labs may start at once. A kernel in the cache is used without the lock."""
    return exclusive(f"{cache}/kernel-{origin}.lock", f"kernel of {origin}", _LONGEST)


def new_folder(path: str) -> str:
    """Create an empty folder to work in; files of a killed run are removed."""
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o755)
    return path


def set_filter(archive: tarfile.TarFile) -> None:
    """Have the archive unpacked unchanged, because apt has checked it. By default Python 3.14 checks each link and mode, and 3.12 warns."""
    if hasattr(tarfile, "fully_trusted_filter"):
        archive.extraction_filter = tarfile.fully_trusted_filter


def put_in_place(work: str, cache: str, origin: str, version: str) -> None:
    """Give a complete kernel its name."""
    directory = f"{cache}/kernel-{origin}-{version}"
    shutil.rmtree(directory, ignore_errors=True)
    os.replace(work, directory)
    # The script is written last: a folder without it is not a complete kernel.
    write_launcher(directory)


def write_launcher(directory: str) -> None:
    """Write the script that starts the kernel of a folder; it depends on the files in the folder.

    :raises ObservationError: the folder does not have the name of a kernel.
    """
    kernel = kernel_at(directory)
    if kernel is None:
        raise ObservationError(f"{directory} is not named after a kernel and its version")
    text = launcher(kernel, os.path.exists(f"{directory}/{LOADER}"), os.path.exists(f"{directory}/{XSTATE}"))
    write_file(WriteFile(kernel.program, text, mode=0o755))
