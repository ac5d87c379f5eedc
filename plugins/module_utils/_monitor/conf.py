# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines MAILADDR and PROGRAM of mdadm.conf; every other line stays. Pure."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

Conf = Tuple[str, str]
"""The path of a file and its content."""


def value_of(confs: Sequence[Conf], keyword: str) -> Optional[Tuple[str, str]]:
    """The value in effect, which is the first one, and its file; C(None) if there is none."""
    for path, content in confs:
        for line in content.splitlines():
            words = line.partition("#")[0].split()
            if len(words) > 1 and _is(words[0], keyword) and not line[0].isspace():
                return words[1], path
    return None


def _is(word: str, keyword: str) -> bool:
    """mdadm compares keywords without case, and accepts their first three letters or more."""
    return len(word) >= 3 and keyword.startswith(word.upper())


def with_value(content: str, keyword: str, value: Optional[str]) -> str:
    """The content with one line for the keyword, at the place of the first one; without such a line if C(value) is C(None)."""
    lines: List[str] = []
    placed = value is None
    for line in content.splitlines():
        words = line.partition("#")[0].split()
        if words and _is(words[0], keyword) and not line[0].isspace():
            if placed:
                continue
            line, placed = f"{keyword} {value}", True
        lines.append(line)
    if not placed:
        lines.append(f"{keyword} {value}")
    return "\n".join(lines) + "\n" if lines else ""
