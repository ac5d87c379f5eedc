# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the console of a guest says about its end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Tuple

_LINES = 10
"""Lines of a console that are shown."""

_LINE_LENGTH = 160

_CAUSE = re.compile(r"Kernel panic|ptrace set fp regs failed|Cannot open root device|error while loading")
_TRACE = re.compile(r"^\s*(?:[0-9a-f]{8,16}\b|\[<[0-9a-f]+>\]|Stack:|Call Trace:|CPU: \d|Modules linked in|Code: |R[A-Z0-9]{2}: )")
_STAMP = re.compile(r"^(?:<\d>)?(?:\[ *\d+\.\d+\] ?)?")


@dataclass(frozen=True)
class ConsoleEnd:
    """C(cause) is the first line that tells of a failure, and empty where none does; C(lines) are the last ones, without stack traces."""

    cause: str = ""
    lines: Tuple[str, ...] = ()

    def __str__(self) -> str:
        said = "\n".join(self.lines) or "nothing"
        return f"{self.cause or 'no panic on its console'}\nThe end of its console:\n{said}"


def read_end(text: str) -> ConsoleEnd:
    """The end of a guest, of what its console showed."""
    lines = [_STAMP.sub("", line).strip()[:_LINE_LENGTH] for line in text.splitlines() if not _TRACE.match(_STAMP.sub("", line))]
    told = [line for line in lines if line]
    cause = next((line for line in told if _CAUSE.search(line)), "")
    return ConsoleEnd(cause, tuple(told[-_LINES:]))
