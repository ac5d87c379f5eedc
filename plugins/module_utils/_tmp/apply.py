# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out what a plan of private_tmp leaves to Python, and find the text of the launcher."""

from __future__ import annotations

import importlib.abc
import importlib.util
import pkgutil
import time
from typing import Optional

from .._core.errors import ObservationError
from .._core.plan import Operations
from .._core.python import interpreter
from .._core.runner import Runner
from .observe import observe
from .options import Wanted
from .proof import unmet
from .render import MARKER

# How long a service may take from its start, as systemd sees it, to the processes that stay.
_SETTLES = 10.0
_PAUSE = 0.2
# A service may have thousands of processes, and all would say the same.
_SAID = 4


def operations(wanted: Wanted, runner: Runner) -> Operations:
    """The operations that a plan names."""

    def prove(service: str) -> None:
        end = time.monotonic() + _SETTLES
        while True:
            state = observe(service, runner)
            left = unmet(state, wanted) if state.unit.active else ("it does not run",)
            if not left:
                return
            if time.monotonic() > end:
                remedy = f"see journalctl --unit={service}; state: absent takes the drop-in away again"
                raise ObservationError(f"{service} was restarted, and {'; '.join(left[:_SAID])}: {remedy}")
            time.sleep(_PAUSE)

    return {"prove": prove}


def launcher_text(name: str) -> str:
    """The launcher as it is installed: the file of the module C(name), with the line that says who runs it."""
    source = _text_of(name)
    if source is None:
        raise ObservationError("the text of the launcher did not come with this module")
    # -I: neither the caller's environment nor the current folder says which modules root loads.
    return f"#!{interpreter()} -I\n# {MARKER}.\n{source}"


def _text_of(name: str) -> Optional[str]:
    package, _dot, module = name.rpartition(".")
    data = pkgutil.get_data(package, f"{module}.py")
    if data is not None:
        return data.decode("utf-8")
    # A folder that Python 3.8 takes for a package without a file of its own has no such data; the module itself has its text.
    spec = importlib.util.find_spec(name)
    source: Optional[str] = spec.loader.get_source(name) if spec and isinstance(spec.loader, importlib.abc.InspectLoader) else None
    return source
