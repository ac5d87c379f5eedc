# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of ProFTPD as lines and sections. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import FrozenSet, Iterable, Iterator, List, Optional, Sequence, Tuple

# Only the white space of ASCII parts words and lines: paths may have other one.
_WORD = re.compile(r'"((?:\\.|[^"\\])*)"|(\S+)', re.ASCII)
_SPACE = " \t\r\n\f\v"
_UNCONDITIONAL = frozenset({"ifmodule", "ifdefine", "ifversion"})


class ConfError(Exception):
    """A configuration that is no tree of sections. The text names file and line."""


@dataclass(frozen=True)
class Line:
    """A directive or the beginning of a section: its words, and where it is written."""

    file: str
    number: int
    words: Tuple[str, ...]

    @property
    def name(self) -> str:
        """The directive in lower case, as C(defaultroot) or C(<limit)."""
        return self.words[0].lower()

    @property
    def arguments(self) -> Tuple[str, ...]:
        """The words after the directive."""
        return self.words[1:]

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.file}:{self.number}"


@dataclass(frozen=True)
class Section:
    """A section with the directives and sections in it, each in the order of the file. The whole configuration is C(kind) C(main)."""

    kind: str
    arguments: Tuple[str, ...] = ()
    lines: Tuple[Line, ...] = ()
    sections: Tuple[Section, ...] = ()
    place: str = ""

    def all(self, name: str) -> Tuple[Line, ...]:
        """The directives of this name."""
        return tuple(line for line in self.lines if line.name == name)

    def first(self, name: str) -> Optional[Line]:
        """The first directive of this name, because ProFTPD uses the first."""
        return next(iter(self.all(name)), None)

    def value(self, name: str, default: str = "") -> str:
        """The first argument of the first directive of this name."""
        line = self.first(name)
        return line.arguments[0] if line and line.arguments else default

    def of_kind(self, *kinds: str) -> Tuple[Section, ...]:
        """The sections of these kinds."""
        return tuple(section for section in self.sections if section.kind in kinds)


def is_on(value: str) -> bool:
    """Whether a Boolean of ProFTPD is true."""
    return value.lower() in ("on", "yes", "true", "1")


def read_lines(text: str, file: str, is_apache: bool = False) -> Tuple[Line, ...]:
    """The lines of a file that are neither empty nor comments.

    A backslash at the very end of a line continues it. For Apache, that is also so in a comment, and before the end of a line of DOS.
    """
    found: List[Line] = []
    pending = ""
    start = 0
    for number, raw in enumerate(text.split("\n"), 1):
        start = start if pending else number
        line = raw.rstrip("\r") if is_apache else raw
        if line.endswith("\\") and (is_apache or pending or not line.lstrip(_SPACE).startswith("#")):
            pending += line[:-1] + " "
            continue
        words = _words(pending + raw)
        pending = ""
        if words:
            found.append(Line(file, start, words))
    return tuple(found)


def _words(text: str) -> Tuple[str, ...]:
    text = text.strip(_SPACE)
    is_section = text.startswith("<")
    if is_section and text.endswith(">"):
        text = text[:-1]
    words: List[str] = []
    for match in _WORD.finditer(text):
        if match.group(2) is not None and match.group(2).startswith("#"):
            break
        words.append(re.sub(r"\\(.)", r"\1", match.group(1)) if match.group(1) is not None else match.group(2))
    if is_section and words:
        words[-1] = words[-1].rstrip(">")
    return tuple(words)


def parse(lines: Iterable[Line], is_lenient: bool = False) -> Section:
    """The tree of sections.

    :arg is_lenient: read as ProFTPD reads a .ftpaccess, which it never refuses: unknown sections, and one C(<Limit>) in another, have no
        effect on the lines in them, and a section that is not closed ends with the file.
    :raises ConfError: a section is not closed, or closed without having been opened.
    """
    stack: List[_Open] = [_Open(Line("", 0, ("<main",)))]
    for line in lines:
        if line.name.startswith("</"):
            _close(stack, line, is_lenient)
        elif line.name.startswith("<") and not (is_lenient and not _opens(line, stack[-1])):
            stack.append(_Open(line))
        else:
            stack[-1].lines.append(line)
    while len(stack) > 1:
        if not is_lenient:
            raise ConfError(f"{stack[-1].line.place}: the section {stack[-1].line.words[0]}> is not closed")
        _pop(stack)
    return stack[0].made()


def _opens(line: Line, around: _Open) -> bool:
    return line.name in ("<ifmodule", "<ifdefine") or (line.name == "<limit" and around.line.name != "<limit")


@dataclass
class _Open:
    line: Line

    def __post_init__(self) -> None:
        self.lines: List[Line] = []
        self.sections: List[Section] = []

    def made(self) -> Section:
        return Section(self.line.name[1:], self.line.arguments, tuple(self.lines), tuple(self.sections), self.line.place)


def _close(stack: List[_Open], line: Line, is_lenient: bool) -> None:
    if len(stack) > 1 and stack[-1].line.name[1:] == line.name[2:]:
        _pop(stack)
    elif not is_lenient:
        raise ConfError(f"{line.place}: {line.words[0]}> closes a section that is not open")


def _pop(stack: List[_Open]) -> None:
    done = stack.pop()
    stack[-1].sections.append(done.made())


def resolve_conditions(section: Section, modules: FrozenSet[str], defines: FrozenSet[str]) -> Section:
    """The section with C(<IfModule>) and C(<IfDefine>) replaced by their contents where they hold, and removed where they do not.

    The contents come after the other directives of the section.
    """
    lines = list(section.lines)
    sections: List[Section] = []
    for inner in section.sections:
        made = resolve_conditions(inner, modules, defines)
        if inner.kind not in _UNCONDITIONAL:
            sections.append(made)
        elif _holds(inner, modules, defines):
            lines += made.lines
            sections += made.sections
    return Section(section.kind, section.arguments, tuple(lines), tuple(sections), section.place)


def parse_access_file(text: str, path: str, modules: Iterable[str], defines: Iterable[str]) -> Section:
    """What a .ftpaccess says to a server with these modules and definitions."""
    return resolve_conditions(parse(read_lines(text, path), is_lenient=True), frozenset(modules), frozenset(defines))


def _holds(section: Section, modules: FrozenSet[str], defines: FrozenSet[str]) -> bool:
    name = section.arguments[0] if section.arguments else ""
    is_negated, name = name.startswith("!"), name.lstrip("!")
    known = modules if section.kind == "ifmodule" else defines
    # A condition on the version is taken as true: which one it is, the trial tells.
    found = section.kind == "ifversion" or name in known
    return found != is_negated


def loaded_modules(lines: Sequence[Line]) -> FrozenSet[str]:
    """The modules that the configuration loads."""
    return frozenset(line.arguments[0] for line in lines if line.name == "loadmodule" and line.arguments)


def walk(section: Section) -> Iterator[Section]:
    """The section and all in it."""
    yield section
    for inner in section.sections:
        yield from walk(inner)


def written(line: Line) -> str:
    """The line as ProFTPD reads it."""
    end = ">" if line.name.startswith("<") else ""
    return " ".join([line.words[0], *(_quoted(word) for word in line.arguments)]) + end


def _quoted(word: str) -> str:
    if word and not set(word) & set(' \t"#\\'):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
