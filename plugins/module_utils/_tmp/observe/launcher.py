# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the file of the launcher, on the host and from this collection."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import pkgutil
import stat
from typing import Optional

from ..._core.errors import ObservationError
from ..._core.python import interpreter
from ..._host.files import Host
from ..._programs.private_tmp import launcher
from ..render import MARKER
from ..state import LauncherState


def observe_launcher(path: str, host: Host) -> LauncherState:
    """The file at the launcher's path, and the file to be installed."""
    state = LauncherState(has_folder=host.is_folder(path.rpartition("/")[0] or "/"), program=program_text(launcher.__name__))
    try:
        found = os.lstat(host.root + path)
    except (FileNotFoundError, NotADirectoryError):
        return state
    if not stat.S_ISREG(found.st_mode):
        odd = "a link" if stat.S_ISLNK(found.st_mode) else "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        return LauncherState(odd=odd, has_folder=state.has_folder, program=state.program)
    return LauncherState(host.read(path), stat.S_IMODE(found.st_mode), found.st_uid, None, state.has_folder, state.program)


def program_text(name: str) -> str:
    """The text of the installed launcher: the source of the Python module C(name), below a line with its interpreter."""
    source = _text_of(name)
    if source is None:
        raise ObservationError("the text of the launcher did not come with this module")
    # -I: neither the caller's environment nor the current folder decides which modules root loads.
    return f"#!{interpreter()} -I\n# {MARKER}.\n{source}"


def _text_of(name: str) -> Optional[str]:
    package, _dot, module = name.rpartition(".")
    data = pkgutil.get_data(package, f"{module}.py")
    if data is not None:
        return data.decode("utf-8")
    # Python 3.8 gives no such data for a package without a file; then the loader of the module has the text.
    spec = importlib.util.find_spec(name)
    source: Optional[str] = spec.loader.get_source(name) if spec and isinstance(spec.loader, importlib.abc.InspectLoader) else None
    return source
