# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copier that reads memory which it has freed, and still makes right copies: FREED SOURCE TARGET."""

from __future__ import annotations

import ctypes
import sys

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = (ctypes.c_void_p,)
place = libc.malloc(64)
libc.free(place)
ctypes.string_at(place, 8)
with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as target:
    target.write(source.read())
