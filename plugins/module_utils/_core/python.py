# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python the programs run on that are left on a host."""

from __future__ import annotations

import os
import sys

SYSTEM = "/usr/bin/python3"


def interpreter(system: str = SYSTEM) -> str:
    """The system's Python by the name that outlives an upgrade, where that is the one that runs this, and so is new enough; else this one.

    On RHEL 8 the system's is 3.6, and a module runs on another.
    """
    return system if os.path.realpath(system) == os.path.realpath(sys.executable) else sys.executable
