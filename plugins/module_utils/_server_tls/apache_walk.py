# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The includes, conditions and variables of Apache's configuration. Pure: callables read the files."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Dict, Iterable, Mapping, Optional, Sequence, Set, Tuple

from .includes import Files
from .syntax import Token
from .walk import Directive, Walk

ROOT = "/etc/apache2"
MAIN = f"{ROOT}/apache2.conf"
ENVIRONMENT = f"{ROOT}/envvars"
_BUILT_IN = frozenset({"core_module", "http_module", "so_module", "log_config_module", "logio_module", "version_module", "unixd_module"})
_EXPORT = re.compile(r"^\s*(?:export\s+)?([A-Z_]+)=(.*)$", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]+)\}?")


def variables(envvars: str) -> Dict[str, str]:
    """The variables that the start script sets. C($SUFFIX) is empty for the instance that Debian starts."""
    found: Dict[str, str] = {"SUFFIX": ""}
    for name, value in _EXPORT.findall(envvars):
        plain = value.split("#")[0].strip().strip("\"'")
        if name != "SUFFIX":
            found[name] = _VARIABLE.sub(lambda match: found.get(match.group(1), ""), plain)
    return found


class _Walk(Walk):
    includes = ("include", "includeoptional")
    macro = "macro"
    conditions = ("ifmodule", "ifdefine", "iffile", "ifversion", "ifdirective", "ifsection")

    def __init__(self, files: Files, variables: Mapping[str, str]) -> None:
        super().__init__(files, ROOT)
        self._variables = dict(variables)
        self._defined: Set[str] = set()
        self._modules = set(_BUILT_IN)

    def note(self, token: Token) -> None:
        if token.name == "define":
            self._defined.add(token.words[0])
            self._variables[token.words[0]] = token.words[1] if len(token.words) > 1 else ""
        elif token.name == "undefine":
            self._defined.discard(token.words[0])
        elif token.name == "loadmodule":
            self._modules.add(token.words[0])
        elif token.name == "serverroot":
            self._root = token.words[0].rstrip("/")
        elif token.name == "undefmacro":
            self.macros.pop(token.words[0].lower(), None)

    def used(self, token: Token) -> Optional[Iterable[Token]]:
        begin, inside = self.macros.get("".join(token.words[:1]).lower(), (None, ()))
        if token.name != "use" or begin is None or len(begin.words) != len(token.words):
            return None
        # The longest parameters first, because one may be the beginning of another.
        pairs = sorted(zip(begin.words[1:], token.words[1:]), key=lambda pair: -len(pair[0]))
        return [replace(each, words=tuple(_filled(word, pairs) for word in each.words)) for each in inside]

    def holds(self, token: Token) -> bool:
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

    def replaced(self, token: Token) -> Token:
        return replace(token, words=tuple(map(self._word, token.words)))

    def _word(self, word: str) -> str:
        return re.sub(r"\$\{([^}]+)\}", lambda match: self._variables.get(match.group(1), match.group(0)), word)


def _filled(word: str, pairs: Sequence[Tuple[str, str]]) -> str:
    """A word of a macro, in which the parameters have these values."""
    for parameter, value in pairs:
        word = word.replace(parameter, value)
    return word


def directives(files: Files) -> Tuple[Directive, ...]:
    """All directives that are in force, in order."""
    walk = _Walk(files, variables(files.read(ENVIRONMENT) or ""))
    return tuple(walk.file(MAIN))
