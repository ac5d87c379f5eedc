# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a configuration of directives and sections in the order in which its server does. Pure: callables read the files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import takewhile
from typing import ClassVar, Dict, Iterable, Iterator, Optional, Tuple

from .includes import Files, matches
from .syntax import Section, Token, tokens

_DEPTH = 20


@dataclass(frozen=True)
class Directive:
    """A directive, with the sections around it, the outermost first."""

    token: Token
    sections: Tuple[Section, ...]

    @property
    def name(self) -> str:
        """In lower case."""
        return self.token.name

    @property
    def words(self) -> Tuple[str, ...]:
        """The arguments, with their variables replaced."""
        return self.token.words

    @property
    def virtual_host(self) -> Optional[Section]:
        """The virtual host around it; C(None) for the main server, and for all."""
        return next((section for section in self.sections if section.name == "virtualhost"), None)


class Walk(ABC):
    """One way through the files. C(includes) are the directives that name further files, C(conditions) the sections that may not count,
    C(macro) is the section whose lines are in force where they are used, and not where they are written; empty if there is none."""

    includes: ClassVar[Tuple[str, ...]]
    conditions: ClassVar[Tuple[str, ...]]
    macro: ClassVar[str] = ""

    def __init__(self, files: Files, root: str) -> None:
        self._files = files
        self._root = root
        self.macros: Dict[str, Tuple[Token, Tuple[Token, ...]]] = {}

    def file(self, path: str, around: Tuple[Section, ...] = (), depth: int = 0) -> Iterator[Directive]:
        """The directives of a file that are in force, and those of the files that it includes."""
        yield from self._read(tokens(path, self._files.read(path) or ""), around, depth)

    def _read(self, source: Iterator[Token], around: Tuple[Section, ...], depth: int) -> Iterator[Directive]:
        sections = list(around)
        skipped = 0
        for raw in source:
            token = self.replaced(raw)
            if token.kind == "begin" and token.name == self.macro:
                inside = tuple(takewhile(lambda each: (each.kind, each.name) != ("end", self.macro), source))
                self.macros.update({} if skipped else {"".join(token.words[:1]).lower(): (token, inside)})
            elif token.kind == "begin" and (skipped or (token.name in self.conditions and not self.holds(token))):
                skipped += 1
            elif token.kind == "begin":
                sections.append(token.section)
            elif token.kind == "end" and skipped:
                skipped -= 1
            elif token.kind == "end" and len(sections) > len(around):
                sections.pop()
            elif token.kind == "directive" and not skipped:
                yield from self._directive(token, tuple(sections), depth)

    def _directive(self, token: Token, sections: Tuple[Section, ...], depth: int) -> Iterator[Directive]:
        if token.name in self.includes and token.words and depth < _DEPTH:
            for path in matches(self._files, self._root, token.words[0]):
                yield from self.file(path, sections, depth + 1)
            return
        used = self.used(token) if depth < _DEPTH else None
        if used is not None:
            yield from self._read(iter(used), sections, depth + 1)
            return
        if token.words:
            self.note(token)
        yield Directive(token, tuple(section for section in sections if section.name not in self.conditions))

    def replaced(self, token: Token) -> Token:
        """The token with its variables replaced."""
        return token

    def used(self, _token: Token) -> Optional[Iterable[Token]]:
        """The lines of the macro that a directive uses; C(None) if it uses none that is known."""
        return None

    @abstractmethod
    def holds(self, token: Token) -> bool:
        """Whether a section that depends on a condition counts."""

    @abstractmethod
    def note(self, token: Token) -> None:
        """Remember what a directive with arguments says about later conditions."""
