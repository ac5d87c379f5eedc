# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The largest processes of a host: the shell command that reads all processes, and the parser of its output. Pure.

Only the name of a program is read and not its arguments, which may contain secrets.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

from .meminfo import KIB, whole_number

FILES = ("status", "smaps_rollup")
MOST = 10
_BEGIN = "fleetlab-processes-1 begin"
WANTED = "^(Name|VmRSS|VmSwap|Pss):"

COMMAND = (
    "LC_ALL=C; GREP_OPTIONS=; export LC_ALL GREP_OPTIONS; echo; "
    # The paths are short, because those of all processes have to fit into one command.
    f'echo "{_BEGIN}"; cd /proc; grep -s -H -E "{WANTED}" {" ".join(f"[0-9]*/{name}" for name in FILES)}; :'
)
"""Prints the lines for L(largest). Always ends with exit code 0."""

_LINE = re.compile(r"([0-9]+)/(?:status|smaps_rollup):(Name|VmRSS|VmSwap|Pss):\s*(.*)")
_SIZE = re.compile(r"([0-9]+) kB")


def largest(printed: str) -> List[Dict[str, Any]]:
    """The largest processes, by proportional set size (PSS), or by resident set size (RSS) if the PSS of a process cannot be read.

    The kernel tells the PSS since Linux 4.14, and the PSS of other users' processes only to root. Kernel threads have no memory of
    their own.
    """
    found: Dict[str, Dict[str, str]] = {}
    for line in printed.partition(_BEGIN)[2].splitlines():
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match:
            found.setdefault(match.group(1), {})[match.group(2)] = match.group(3)
    processes = [_process(pid, fields) for pid, fields in found.items() if "VmRSS" in fields and "Name" in fields]
    return sorted(processes, key=lambda each: (-_size_of(each), each["pid"]))[:MOST]


def mark(lines: List[str]) -> str:
    """Lines like those of the command, for L(largest)."""
    return "\n".join([_BEGIN, *lines])


def _process(pid: str, fields: Dict[str, str]) -> Dict[str, Any]:
    return {
        "pid": int(pid),
        "command": fields["Name"],
        "pss": _bytes(fields.get("Pss")),
        "rss": _bytes(fields["VmRSS"]) or 0,
        "swap": _bytes(fields.get("VmSwap")) or 0,
    }


def _size_of(process: Dict[str, Any]) -> int:
    size: int = process["rss"] if process["pss"] is None else process["pss"]
    return size


def _bytes(text: Optional[str]) -> Optional[int]:
    match = _SIZE.fullmatch(text or "")
    value = whole_number(match.group(1)) if match else None
    return None if value is None else value * KIB
