# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that look like variables of a role but are unknown: a misspelt variable has no effect, and Ansible does not report it."""

from __future__ import annotations

import difflib
import itertools
import os
import re
from dataclasses import dataclass
from typing import Any, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Tuple

import yaml

_SPECIFICATIONS = ("meta/argument_specs.yml", "meta/argument_specs.yaml")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_BYTES = 256 * 1024
"""Larger files do not contain tasks; a role copies them to a host."""

_NEAR = 0.6
"""The least similarity, from 0 to 1, of two names behind their prefix by which one counts as a misspelling of the other."""


@dataclass(frozen=True)
class Known:
    """The prefix of a role's variables, the declared ones, and all names that the role or its neighbours use."""

    prefix: str
    declared: FrozenSet[str]
    used: FrozenSet[str]


@dataclass(frozen=True)
class Unknown:
    """A variable that no role uses, and the declared variable that may be meant."""

    name: str
    nearest: Optional[str]

    def __str__(self) -> str:
        meant = f": is {self.nearest} meant?" if self.nearest else ", and no declared variable is similar"
        return f"{self.name} has no effect, as no role declares or uses this variable{meant}"


def read_known(role_path: str) -> Known:
    """The names in the files of a role, and of the roles and playbooks beside it, which have variables with the same prefix too."""
    declared = frozenset(_declared(role_path))
    prefix = common_prefix(os.path.basename(role_path), declared)
    used = {name for text in _texts(role_path) for name in _WORD.findall(text) if name.startswith(prefix)}
    return Known(prefix, declared, frozenset(used) | declared)


def common_prefix(role: str, declared: Iterable[str]) -> str:
    """The prefix of all variables of a role: its name, or else their common beginning."""
    names = list(declared)
    if all(name.startswith(f"{role}_") for name in names):
        return f"{role}_"
    words = zip(*(name.split("_") for name in names))
    return "".join(f"{same[0]}_" for same in itertools.takewhile(lambda some: len(set(some)) == 1, words))


def find_unknown(known: Known, names: Iterable[str]) -> Tuple[Unknown, ...]:
    """The names with the role's prefix that no role uses. Without a prefix none can be recognised."""
    if not known.prefix:
        return ()
    strange = sorted(name for name in names if name.startswith(known.prefix) and name not in known.used)
    return tuple(Unknown(name, _nearest(known, name)) for name in strange)


def _nearest(known: Known, name: str) -> Optional[str]:
    start = len(known.prefix)
    alike = difflib.get_close_matches(name[start:], [one[start:] for one in sorted(known.declared)], 1, _NEAR)
    return f"{known.prefix}{alike[0]}" if alike else None


def _declared(role_path: str) -> Iterator[str]:
    for name in _SPECIFICATIONS:
        path = os.path.join(role_path, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as stream:
                content: Mapping[str, Any] = yaml.safe_load(stream) or {}
            for entry_point in (content.get("argument_specs") or {}).values():
                yield from entry_point.get("options") or {}


def _texts(role_path: str) -> Iterator[str]:
    for folder in _folders(role_path):
        for where, _folders_inside, files in os.walk(folder):
            for path in (os.path.join(where, file) for file in files):
                if os.path.isfile(path) and os.path.getsize(path) <= _MOST_BYTES:
                    with open(path, encoding="utf-8", errors="replace") as stream:
                        yield stream.read()


def _folders(role_path: str) -> List[str]:
    roles = os.path.dirname(os.path.abspath(role_path))
    if os.path.basename(roles) != "roles":
        return [role_path]
    return [roles, *(os.path.join(os.path.dirname(roles), name) for name in ("playbooks", "vars"))]
