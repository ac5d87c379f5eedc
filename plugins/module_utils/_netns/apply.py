# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan that are not commands: folders and settings of the kernel."""

from __future__ import annotations

import os

from .._core.errors import ObservationError
from .._core.plan import Operations


def operations(root: str = "") -> Operations:
    """The functions by the names that plans use."""

    def make_folder(path: str) -> None:
        os.makedirs(root + path, mode=0o755, exist_ok=True)

    def remove_with_empty_folders(path: str) -> None:
        # In one step: nobody would know later that an empty folder was made here.
        try:
            os.unlink(root + path)
        except FileNotFoundError:
            pass
        try:
            os.removedirs(os.path.dirname(root + path))
        except OSError:
            # What somebody else keeps in it stays, and the folder with it.
            pass

    def set_sysctl(key: str, value: str) -> None:
        try:
            with open(f"{root}/proc/sys/{key}", "w", encoding="ascii") as stream:
                stream.write(value)
        except OSError as error:
            raise ObservationError(f"sysctl {key.replace('/', '.')} cannot be set to {value}: {error.strerror}") from None

    return {"make_folder": make_folder, "remove_with_empty_folders": remove_with_empty_folders, "set_sysctl": set_sysctl}
