# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reason of a guest's end, from its console. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Tuple

_LINES = 10
"""The number of lines of a console that are shown."""

_LINE_LENGTH = 160

_CAUSE = re.compile(r"Kernel panic|ptrace set fp regs failed|Cannot open root device|error while loading")
_TRACE = re.compile(r"^\s*(?:[0-9a-f]{8,16}\b|\[<[0-9a-f]+>\]|Stack:|Call Trace:|CPU: \d|Modules linked in|Code: |R[A-Z0-9]{2}: )")
_STAMP = re.compile(r"^(?:<\d>)?(?:\[ *\d+\.\d+\] ?)?")


@dataclass(frozen=True)
class ConsoleEnd:
    """C(cause) is the first line about a failure, empty if there is none; C(lines) are the last lines, without stack traces."""

    cause: str = ""
    lines: Tuple[str, ...] = ()

    def __str__(self) -> str:
        said = "\n".join(self.lines) or "nothing"
        return f"{self.cause or 'no panic on its console'}\nThe end of its console:\n{said}"


def read_end(text: str) -> ConsoleEnd:
    """The end of a guest, from the text of its console."""
    lines = [_STAMP.sub("", line).strip()[:_LINE_LENGTH] for line in text.splitlines() if not _TRACE.match(_STAMP.sub("", line))]
    told = [line for line in lines if line]
    cause = next((line for line in told if _CAUSE.search(line)), "")
    return ConsoleEnd(cause, tuple(told[-_LINES:]))
