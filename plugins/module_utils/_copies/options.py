# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of copy_check. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from .._core.errors import InputError
from .layouts import ALL_COPIERS, LAYOUTS

SOURCE, TARGET, FOLDER, TARGET_FOLDER, NAME = PLACES = ("{source}", "{target}", "{folder}", "{target_folder}", "{name}")

SPEC: Dict[str, Dict[str, Any]] = {
    "paths": {"type": "list", "elements": "path", "required": True},
    "target": {"type": "path"},
    "commands": {"type": "list", "elements": "raw", "default": ["cp"]},
    "layouts": {"type": "list", "elements": "str", "choices": list(LAYOUTS), "default": list(ALL_COPIERS)},
    "rounds": {"type": "int", "default": 3},
    "guard": {"type": "str", "choices": ["auto", "require", "never"], "default": "auto"},
    "size_limit": {"type": "int", "default": 32},
    "timeout": {"type": "int", "default": 60},
}


@dataclass(frozen=True)
class Wanted:
    """The checked options. C(limit) is in bytes; C(target) is the folder for copies, C(None) for the same as that of the file."""

    paths: Tuple[str, ...]
    target: Optional[str]
    commands: Tuple[Tuple[str, ...], ...]
    layouts: Tuple[str, ...]
    rounds: int
    guard: str
    limit: int
    timeout: int


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """The checked options."""
    for option, least, most in (("rounds", 1, 1000), ("size_limit", 8, 1024), ("timeout", 1, 3600)):
        if not least <= params[option] <= most:
            raise InputError(option, f"is {params[option]}; it has to be {least} to {most}")
    for option in ("paths", "commands", "layouts"):
        if not params[option]:
            raise InputError(option, "is empty, so there is nothing to check")
    for path in [*params["paths"], params["target"] or "/"]:
        if not path.startswith("/"):
            raise InputError("paths", f"{path!r} is not absolute")
    return Wanted(
        paths=tuple(dict.fromkeys(params["paths"])),
        target=params["target"],
        commands=tuple(dict.fromkeys(_make_command(command) for command in params["commands"])),
        layouts=tuple(layout for layout in LAYOUTS if layout in params["layouts"]),
        rounds=params["rounds"],
        guard=params["guard"],
        limit=params["size_limit"] << 20,
        timeout=params["timeout"],
    )


def _make_command(given: Any) -> Tuple[str, ...]:
    """The words of a command, its places at the end where it names none."""
    try:
        words = tuple(shlex.split(given)) if isinstance(given, str) else tuple(str(word) for word in given)
    except (TypeError, ValueError):
        raise InputError("commands", f"{given!r} is neither a command nor a list of words") from None
    if not words or not words[0]:
        raise InputError("commands", "has an empty command; name a program, such as cp")
    named = [place for place in PLACES if any(place in word for word in words)]
    if not named:
        return (*words, SOURCE, TARGET)
    if not {SOURCE, FOLDER} & set(named) or not {TARGET, TARGET_FOLDER} & set(named):
        raise InputError("commands", f"{shlex.join(words)} has {' and '.join(named)}, but needs a place for the file and one for its copy")
    return words


def fill(command: Tuple[str, ...], source: str, target: str) -> Tuple[str, ...]:
    """The command for one file."""
    folder, _slash, name = source.rpartition("/")
    values = {SOURCE: source, TARGET: target, FOLDER: folder, TARGET_FOLDER: target.rpartition("/")[0], NAME: name}
    return tuple(_filled(word, values) for word in command)


def _filled(word: str, values: Mapping[str, str]) -> str:
    for place, value in values.items():
        word = word.replace(place, value)
    return word
