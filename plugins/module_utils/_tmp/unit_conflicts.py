# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a unit about /tmp that contradict a private /tmp. Pure."""

from __future__ import annotations

from typing import Dict, Iterator, Tuple

from .options import Wanted
from .state import State

PATH_SETTINGS = (
    "TemporaryFileSystem",
    "BindPaths",
    "BindReadOnlyPaths",
    "ReadWritePaths",
    "ReadOnlyPaths",
    "InaccessiblePaths",
    "ExecPaths",
    "NoExecPaths",
)
"""The settings of systemd that take paths, each as systemctl shows it."""

# systemd makes one mount for a path, for the first setting in its own order, in which a tmpfs is last.
_AGAINST_TMPFS = frozenset(PATH_SETTINGS)
_AGAINST_DISK = frozenset(("BindPaths", "BindReadOnlyPaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths"))


def place_of(setting: str, word: str) -> str:
    """The path in a word of a setting."""
    parts = word.lstrip("-+").split(":")
    place = parts[1] if setting.startswith("Bind") and len(parts) > 1 else parts[0]
    return place.rstrip("/")


def foreign_settings(state: State) -> Dict[str, Tuple[str, ...]]:
    """The settings of the unit about /tmp, without the settings of the module's drop-in."""
    ours = set()
    for line in (state.drop_in or "").splitlines():
        name, _equals, value = line.partition("=")
        if name in PATH_SETTINGS:
            ours.add((name, place_of(name, value)))
    settings = state.unit.path_settings.items()
    found = {name: tuple(word for word in words if (name, place_of(name, word)) not in ours) for name, words in settings}
    return {name: words for name, words in found.items() if words}


def conflicts(state: State, wanted: Wanted) -> Iterator[str]:
    """The reasons why the unit would not get the wanted /tmp."""
    against = _AGAINST_TMPFS if wanted.backing == "tmpfs" else _AGAINST_DISK
    for name, words in sorted(foreign_settings(state).items()):
        if name in against:
            yield f"its unit has {name}={' '.join(words)}, which takes precedence there"
    if state.unit.dynamic_user and wanted.backing == "tmpfs":
        yield "its unit has DynamicUser=yes, whose own /tmp takes precedence over a tmpfs"
