# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The syntax of nginx: statements, blocks, quotes, and blocks of Lua, which have a syntax of their own. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, List, Tuple

from .state import Place

# A word may hold quotes, a closing brace, and an opening one after the dollar sign of a variable; a backslash takes away every meaning.
_TOKEN = re.compile(
    r"""\s+|#[^\n]*|([{};])|"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|((?:\\.|\$\{|[^\s{};"'#\\])(?:\\.|\$\{|[^\s{;\\])*)|(.)""", re.DOTALL
)
_LUA = re.compile(r"""--\[(=*)\[.*?\]\1\]|--[^\n]*|\[(=*)\[.*?\]\2\]|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|([{}])|.""", re.DOTALL)
_LUA_BLOCK = "_by_lua_block"


@dataclass(frozen=True)
class Statement:
    """Words, place and end of a statement, C(;), C({) or C(}), the number of its lines, and whether they hold nothing else."""

    words: Tuple[str, ...]
    place: Place
    end: str
    lines: int = 1
    is_whole: bool = True


def statements(path: str, text: str) -> Iterator[Statement]:
    """The statements of a file. What is written in Lua is passed over."""
    words: List[str] = []
    begin, number, position = 1, 1, 0
    lines = text.split("\n")
    while match := _TOKEN.match(text, position):
        position = match.end()
        end, double, single, plain, _other = match.groups()
        word = next((group for group in (double, single, plain) if group is not None), None)
        if word is not None:
            begin = begin if words else number
            words.append(word)
        elif end:
            begin = begin if words else number
            place = Place(path, begin, position if end == "{" else 0)
            yield Statement(tuple(words), place, end, number - begin + 1, _is_whole(lines[begin - 1 : number]))
            if end == "{" and words and words[0].endswith(_LUA_BLOCK):
                position, start = _end_of_lua(text, position), position
                number += text.count("\n", start, position)
            words = []
        number += match.group(0).count("\n")


def _is_whole(lines: List[str]) -> bool:
    """Whether these lines hold one statement, and perhaps a comment after it."""
    return re.fullmatch(r"\s*[^{};#]*;\s*(#.*)?", "\n".join(lines)) is not None


def _end_of_lua(text: str, position: int) -> int:
    """The place of the brace that closes a block of Lua. Braces in its texts and comments do not count."""
    depth = 1
    for match in _LUA.finditer(text, position):
        depth += {"{": 1, "}": -1}.get(match.group(3) or "", 0)
        if not depth:
            return match.start()
    return len(text)
