# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The syntax that Apache and ProFTPD share: directives, sections in angle brackets, continued lines. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, List, Tuple

from .state import Place

_WORD = re.compile(r'"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'|(\S+)')
_SECTION = re.compile(r"<(/?)\s*([A-Za-z]+)\s*(.*?)\s*>?\s*$")


@dataclass(frozen=True)
class Section:
    """A section, such as C(<VirtualHost *:443>). Two sections with the same text differ by their place."""

    name: str
    words: Tuple[str, ...]
    place: Place

    def __str__(self) -> str:
        return f"<{self.name} {' '.join(self.words)}>"


@dataclass(frozen=True)
class Token:
    """A line of a file: a directive, or the beginning or end of a section. C(name) is in lower case, C(text) as it is written.

    C(lines) is the number of its lines.
    """

    kind: str
    name: str
    words: Tuple[str, ...]
    place: Place
    text: str
    lines: int = 1

    @property
    def section(self) -> Section:
        """The section that begins here."""
        return Section(self.name, self.words, self.place)


def tokens(file: str, text: str) -> Iterator[Token]:
    """The lines of a file without comments."""
    for number, line, lines in _joined(text):
        match = _SECTION.fullmatch(line)
        if match:
            end, name, rest = match.groups()
            yield Token("end" if end else "begin", name.lower(), _words(rest), Place(file, number), line)
        else:
            words = _words(line)
            yield Token("directive", words[0].lower(), words[1:], Place(file, number), line, lines)


def _joined(text: str) -> Iterator[Tuple[int, str, int]]:
    """Number and text of each line that is neither empty nor a comment, and how many lines it is that backslashes make one."""
    parts: List[str] = []
    first = 0
    for number, full in enumerate(text.split("\n"), 1):
        raw = full.rstrip("\r")
        first = first if parts else number
        if raw.endswith("\\"):
            parts.append(raw[:-1])
            continue
        line = "".join([*parts, raw]).strip()
        parts = []
        if line and not line.startswith("#"):
            yield first, line, number - first + 1


def _words(text: str) -> Tuple[str, ...]:
    return tuple(next(group for group in match.groups() if group is not None) for match in _WORD.finditer(text))
