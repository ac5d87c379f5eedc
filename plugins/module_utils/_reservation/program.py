# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the program hold-disk for a host."""

from __future__ import annotations

import inspect
from typing import Dict

# All files of the program are imported here, because Ansible sends only the files that a module imports.
from .._core.python import OPTIONS
from .._programs.hold_disk import hold, main, scsi

COMMAND = "/usr/local/lib/fleetlab/hold-disk"
_FOLDER, _PACKAGE = "/usr/local/lib/fleetlab", "hold_disk"
LIBRARY = f"{_FOLDER}/{_PACKAGE}"
MARK = "# Written by fleetlab.linux.disk_reservation."


def files(python: str) -> Dict[str, str]:
    """The content of every file of the program, by its path."""
    found = {f"{LIBRARY}/{module.__name__.rpartition('.')[2]}.py": inspect.getsource(module) for module in (hold, main, scsi)}
    found[f"{LIBRARY}/__init__.py"] = f"{MARK}\n"
    found[COMMAND] = f"""#!{python} {OPTIONS}
{MARK}
import sys

sys.path.insert(0, "{_FOLDER}")

from {_PACKAGE}.main import main

sys.exit(main())
"""
    return found


def file_mode(path: str) -> int:
    """The mode of a file of the program."""
    return 0o755 if path == COMMAND else 0o644
