# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that runs the programs which this collection puts on a host."""

from __future__ import annotations

import os
import sys

SYSTEM = "/usr/bin/python3"


def interpreter(system: str = SYSTEM) -> str:
    """The system's Python by the path that an upgrade keeps, if that Python runs this module and so is new enough; else the running Python.

    On RHEL 8 the system's Python is 3.6, and modules run on another.
    """
    return system if os.path.realpath(system) == os.path.realpath(sys.executable) else sys.executable
