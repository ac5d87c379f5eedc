# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that runs the programs which this collection puts on a host."""

from __future__ import annotations

import os
import re
import sys

SYSTEM = "/usr/bin/python3"
OPTIONS = "-ISXutf8"
"""The options of programs that are put on hosts. Isolated and without site: Python starts in half the time, and loads no files of a user as
root. UTF-8 in every locale, because that is the encoding of declarations and settings.
"""
_OLDEST = 8
"""The oldest minor version of Python 3 that runs the programs."""


def interpreter(system: str = SYSTEM) -> str:
    """The system's Python by the path that an upgrade keeps, if it is new enough; else the running Python.

    Modules may run on another: on RHEL 8, where the system's Python is 3.6, and from a virtual environment, which other users may not
    read and which goes away.
    """
    real = os.path.realpath(system)
    named = re.fullmatch(r"python3\.(\d+)", os.path.basename(real))
    is_new = named is not None and int(named.group(1)) >= _OLDEST and os.access(real, os.X_OK)
    return system if is_new or real == os.path.realpath(sys.executable) else sys.executable
