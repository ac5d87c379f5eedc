# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the configuration of Apache in the order in which Apache does: Include, conditions, variables. Pure: callables read the files."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, Iterator, Mapping, Optional, Set, Tuple

from .includes import Files, matches
from .syntax import Section, Token, tokens

ROOT = "/etc/apache2"
MAIN = f"{ROOT}/apache2.conf"
ENVIRONMENT = f"{ROOT}/envvars"
_DEPTH = 20
_BUILT_IN = frozenset({"core_module", "http_module", "so_module", "log_config_module", "logio_module", "version_module", "unixd_module"})
_EXPORT = re.compile(r"^\s*(?:export\s+)?([A-Z_]+)=(.*)$", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]+)\}?")
_CONDITIONS = ("ifmodule", "ifdefine", "iffile", "ifversion", "ifdirective", "ifsection")


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
        """The virtual host around it."""
        return next((section for section in self.sections if section.name == "virtualhost"), None)


def variables(envvars: str) -> Dict[str, str]:
    """The variables that the start script sets. C($SUFFIX) is empty for the instance that Debian starts."""
    found: Dict[str, str] = {"SUFFIX": ""}
    for name, value in _EXPORT.findall(envvars):
        plain = value.split("#")[0].strip().strip("\"'")
        if name != "SUFFIX":
            found[name] = _VARIABLE.sub(lambda match: found.get(match.group(1), ""), plain)
    return found


class _Walk:
    def __init__(self, files: Files, variables: Mapping[str, str]) -> None:
        self._files = files
        self._variables = dict(variables)
        self._defined: Set[str] = set()
        self._modules = set(_BUILT_IN)
        self._root = ROOT

    def file(self, path: str, around: Tuple[Section, ...], depth: int) -> Iterator[Directive]:
        sections = list(around)
        skipped = 0
        for raw in tokens(path, self._files.read(path) or ""):
            token = replace(raw, words=tuple(map(self._replaced, raw.words)))
            if token.kind == "begin" and (skipped or (token.name in _CONDITIONS and not self._holds(token))):
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
        if token.name in ("include", "includeoptional") and token.words and depth < _DEPTH:
            for path in matches(self._files, self._root, token.words[0]):
                yield from self.file(path, sections, depth + 1)
            return
        if token.name == "define" and token.words:
            self._defined.add(token.words[0])
            self._variables[token.words[0]] = token.words[1] if len(token.words) > 1 else ""
        elif token.name == "undefine" and token.words:
            self._defined.discard(token.words[0])
        elif token.name == "loadmodule" and token.words:
            self._modules.add(token.words[0])
        elif token.name == "serverroot" and token.words:
            self._root = token.words[0].rstrip("/")
        yield Directive(token, tuple(section for section in sections if section.name not in _CONDITIONS))

    def _holds(self, token: Token) -> bool:
        word = token.words[0] if token.words else ""
        name = word.lstrip("!")
        if token.name == "ifmodule":
            found = name in self._modules or f"{re.sub('^mod_|[.]c$', '', name)}_module" in self._modules
        elif token.name == "ifdefine":
            found = name in self._defined
        elif token.name == "iffile":
            found = self._files.exists(name)
        else:
            # What cannot be told is read, so that nothing that may be in force is overlooked.
            return True
        return found != word.startswith("!")

    def _replaced(self, word: str) -> str:
        return re.sub(r"\$\{([^}]+)\}", lambda match: self._variables.get(match.group(1), match.group(0)), word)


def directives(files: Files) -> Tuple[Directive, ...]:
    """All directives that are in force, in order."""
    walk = _Walk(files, variables(files.read(ENVIRONMENT) or ""))
    return tuple(walk.file(MAIN, (), 0))
