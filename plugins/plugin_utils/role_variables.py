# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables look like those of a role and are none: a misspelt one has no effect, and Ansible says nothing of it."""

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
"""Larger files are no tasks, but what a role copies."""

_NEAR = 0.6
"""How alike two names are behind their prefix, from 0 to 1, that are taken for the same one misspelt."""


@dataclass(frozen=True)
class Known:
    """What names of a role begin with, those that it declares, and all that it or its neighbours use, also for themselves."""

    prefix: str
    declared: FrozenSet[str]
    used: FrozenSet[str]


@dataclass(frozen=True)
class Unknown:
    """A variable that nobody uses, and the declared one that may be meant."""

    name: str
    nearest: Optional[str]

    def __str__(self) -> str:
        meant = f": is {self.nearest} meant?" if self.nearest else ", and none that it declares is similar"
        return f"{self.name} has no effect, as no role declares or uses this variable{meant}"


def read_known(role_path: str) -> Known:
    """What the files of a role say. Roles and playbooks beside it have variables that begin with its name too."""
    declared = frozenset(_declared(role_path))
    prefix = common_prefix(os.path.basename(role_path), declared)
    used = {name for text in _texts(role_path) for name in _WORD.findall(text) if name.startswith(prefix)}
    return Known(prefix, declared, frozenset(used) | declared)


def common_prefix(role: str, declared: Iterable[str]) -> str:
    """What all variables of a role begin with: its name, or what they have in common if that is something else."""
    names = list(declared)
    if all(name.startswith(f"{role}_") for name in names):
        return f"{role}_"
    words = zip(*(name.split("_") for name in names))
    return "".join(f"{same[0]}_" for same in itertools.takewhile(lambda some: len(set(some)) == 1, words))


def find_unknown(known: Known, names: Iterable[str]) -> Tuple[Unknown, ...]:
    """Those of the names that begin as the role's do, and that nobody uses. Without a prefix nothing can be said of any."""
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
