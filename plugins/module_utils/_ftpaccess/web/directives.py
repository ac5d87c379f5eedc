# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AllowOverride lets into a .htaccess: the classes of each directive, as Apache itself lists them, and the single options. Pure."""

from __future__ import annotations

import re
from typing import Dict, FrozenSet, Iterable, Tuple

CLASSES = ("AuthConfig", "FileInfo", "Indexes", "Limit", "Options")
_DIRECTIVE = re.compile(r"(\S+) \(\S+\)")
_ANY = "\twhen AllowOverride isn't None"
_SOME = "\twhen AllowOverride includes "

_INCLUDES = frozenset({"includesnoexec", "includes"})
_OPTIONS: Dict[str, FrozenSet[str]] = {
    "includes": _INCLUDES,
    "all": frozenset({"indexes", *_INCLUDES, "followsymlinks", "execcgi"}),
    "none": frozenset(),
}
"""The options that are not one right alone."""


def classes_by_directive(listing: str) -> Dict[str, Tuple[str, ...]]:
    """The classes of AllowOverride of which one lets a directive, in lower case, into a file; none for one that no file may have.

    :arg listing: what C(apache2 -L) prints: all directives of the loaded modules. Two modules may have one of the same name.
    """
    found: Dict[str, Tuple[str, ...]] = {}
    name = ""
    for line in listing.split("\n"):
        head = _DIRECTIVE.fullmatch(line)
        if head:
            name = head.group(1).lower()
            found.setdefault(name, ())
        elif line == _ANY:
            found[name] = CLASSES
        elif line.startswith(_SOME):
            found[name] = tuple(sorted({*found[name], *line[len(_SOME) :].split(" or ")}))
    return found


def not_allowed(words: Iterable[str], allowed: Iterable[str]) -> Tuple[str, ...]:
    """The words of a line C(Options) that C(AllowOverride Options=) with these words does not allow."""
    may = frozenset().union(*map(_single, allowed))
    return tuple(word for word in words if not _single(word.lstrip("+-")) <= may)


def _single(word: str) -> FrozenSet[str]:
    return _OPTIONS.get(word.lower(), frozenset({word.lower()}))
