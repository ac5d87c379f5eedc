# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the runner for a host, with the command that starts it."""

from __future__ import annotations

import inspect
from typing import Dict

# All files of the runner are imported here, because Ansible sends only the files that a module imports.
from .._core.python import OPTIONS
from .._programs.run_at import call, days, execute, hooks, job, listing, main, names, output, schedule, store, textfile, watch, zone
from .state import MARK

COMMAND = "/usr/local/bin/run-at"
_FOLDER, _PACKAGE = "/usr/local/lib/fleetlab", "run_at"
LIBRARY = f"{_FOLDER}/{_PACKAGE}"
_MODULES = (call, days, execute, hooks, job, listing, main, names, output, schedule, store, textfile, watch, zone)


def files(python: str) -> Dict[str, str]:
    """The content of every file of the runner, by its path."""
    found = {f"{LIBRARY}/{module.__name__.rpartition('.')[2]}.py": inspect.getsource(module) for module in _MODULES}
    found[f"{LIBRARY}/__init__.py"] = f"{MARK}\n"
    found[COMMAND] = _command(python)
    return found


def program_mode(path: str) -> int:
    """The mode of a file of the runner."""
    return 0o755 if path == COMMAND else 0o644


def _command(python: str) -> str:
    return f"""#!{python} {OPTIONS}
{MARK}
import sys

sys.path.insert(0, "{_FOLDER}")

from {_PACKAGE}.main import main

sys.exit(main())
"""
