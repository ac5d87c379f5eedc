# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify that a restarted service has the /tmp that its unit promises."""

from __future__ import annotations

import time
from typing import Callable

from .._core.errors import ObservationError
from .._core.plan import Operations
from .options import Wanted
from .state import State
from .verify import unmet

# The time that a service may take from systemd's "started" to its permanent processes.
_SETTLES = 10.0
_PAUSE = 0.2
# The number of shown problems, because a service may have thousands of processes with the same problem.
_SHOWN = 4


def operations(wanted: Wanted, observe: Callable[[str], State]) -> Operations:
    """The operations of plans, by name. C(observe) reads a service by its name."""

    def prove(service: str) -> None:
        end = time.monotonic() + _SETTLES
        while True:
            state = observe(service)
            problems = unmet(state, wanted) if state.unit.active else ("it does not run",)
            if not problems:
                return
            if time.monotonic() > end:
                remedy = f"see journalctl --unit={service}; state: absent removes the drop-in"
                raise ObservationError(f"{service} was restarted, and {'; '.join(problems[:_SHOWN])}: {remedy}")
            time.sleep(_PAUSE)

    return {"prove": prove}
