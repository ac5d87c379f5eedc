# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a .htaccess that Apache comes to, with the conditions around them answered. Pure."""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterable, Iterator, List, Sequence, Tuple

from ..conf import Line
from .state import Apache

_NUMBERS = re.compile(r"\d+")


def met(lines: Iterable[Line], found: Apache) -> Iterator[Line]:
    """The lines whose conditions hold, without the lines of the conditions. A condition that is not known is taken to hold."""
    open_ones: List[Tuple[str, bool]] = []
    for line in lines:
        kind = line.name.lstrip("</")
        if line.name.startswith("</") and kind in _HOLDS:
            if open_ones and open_ones[-1][0] == kind:
                open_ones.pop()
        elif line.name.startswith("<") and kind in _HOLDS:
            open_ones.append((kind, _holds(kind, line.arguments, found)))
        elif all(holds for _kind, holds in open_ones):
            yield line


def asked(lines: Iterable[Line]) -> Iterator[str]:
    """The directives in lower case, without the lines of the conditions."""
    return (line.name for line in lines if not line.name.startswith("</") and line.name.lstrip("<") not in _HOLDS)


def files_asked(lines: Iterable[Line]) -> Iterator[str]:
    """The files of which C(<IfFile>) asks whether they exist."""
    return (line.arguments[0].lstrip("!") for line in lines if line.name == "<iffile" and line.arguments)


def _holds(kind: str, words: Sequence[str], found: Apache) -> bool:
    if kind == "ifversion":
        return _has_version(words, found.version)
    name = words[0] if words else ""
    return _HOLDS[kind](name.lstrip("!"), found) != name.startswith("!")


_HOLDS: Dict[str, Callable[[str, Apache], bool]] = {
    "ifmodule": lambda name, found: name in found.modules,
    "ifdefine": lambda name, found: name in found.defines,
    "ifdirective": lambda name, found: name.lower() in found.needs,
    "ifsection": lambda name, found: f"<{name.lower()}" in found.needs,
    "iffile": lambda name, found: name in found.present,
    "ifversion": lambda _name, _found: True,
}


def _has_version(words: Sequence[str], version: str) -> bool:
    # Without an operator the versions have to be equal; a "!" negates, and a regular expression is taken to hold.
    sign, wanted = (words[0], words[1]) if len(words) > 1 else ("=", words[0] if words else "")
    is_negated, sign = sign.startswith("!"), sign.lstrip("!")
    ours, theirs = (tuple(map(int, _NUMBERS.findall(text)))[:3] for text in (version, wanted))
    ours, theirs = (*ours, 0, 0, 0)[:3], (*theirs, 0, 0, 0)[:3]
    answers = {
        "=": ours == theirs,
        "==": ours == theirs,
        ">": ours > theirs,
        ">=": ours >= theirs,
        "<": ours < theirs,
        "<=": ours <= theirs,
    }
    return answers.get(sign, True) != is_negated
