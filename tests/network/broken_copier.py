# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copier that damages each copy in one of five ways, at random, in data: BROKEN SOURCE TARGET. Reports no error."""

from __future__ import annotations

import random
import re
import sys

source, target = sys.argv[1:]
with open(source, "rb") as stream:
    content = bytearray(stream.read())
# Data has no zero byte, and only damage in data can be seen.
ranges = [found.span() for found in re.finditer(rb"[^\0]+", content)]
start, end = random.choice(ranges)
place = random.randrange(start, end)
kind = random.choice(["byte", "zeros", "extent", "short", "long"])
if kind == "byte":
    content[place] ^= random.randrange(1, 256)
elif kind == "zeros":
    length = random.randint(1, end - place)
    content[place : place + length] = bytes(length)
elif kind == "extent":
    content[start:end] = bytes(end - start)
elif kind == "short":
    del content[place:]
else:
    content += b"x" * random.randint(1, 10000)
with open(target, "wb") as stream:
    stream.write(content)
