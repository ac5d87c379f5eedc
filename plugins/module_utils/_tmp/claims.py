# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else a unit says about /tmp, and which of it cannot go together with a /tmp of ours. Pure."""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Optional, Tuple

from .options import Wanted
from .state import Mount, Process, State

CLAIMS = (
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

# systemd makes one mount for a path, of what comes first in its own order: a tmpfs comes last.
_AGAINST_TMPFS = frozenset(CLAIMS)
_AGAINST_DISK = frozenset(("BindPaths", "BindReadOnlyPaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths"))


def claimed_place(setting: str, word: str) -> str:
    """The place that a word of a setting is about."""
    parts = word.lstrip("-+").split(":")
    place = parts[1] if setting.startswith("Bind") and len(parts) > 1 else parts[0]
    return place.rstrip("/")


def sees_host(process: Process, host: Mapping[str, Optional[Mount]], place: str) -> bool:
    """Whether the process has the same files at C(place) as everybody."""
    mine, theirs = process.mounts.get(place), host.get(place)
    return mine is None or (theirs is not None and mine.identity == theirs.identity)


def foreign_claims(state: State) -> Dict[str, Tuple[str, ...]]:
    """What the unit says without our drop-in."""
    ours = set()
    for line in (state.drop_in or "").splitlines():
        name, _equals, value = line.partition("=")
        if name in CLAIMS:
            ours.add((name, claimed_place(name, value)))
    found = {
        name: tuple(word for word in words if (name, claimed_place(name, word)) not in ours) for name, words in state.unit.claims.items()
    }
    return {name: words for name, words in found.items() if words}


def conflicts(state: State, wanted: Wanted) -> Iterator[str]:
    """Why the unit would not get the /tmp that is wanted."""
    against = _AGAINST_TMPFS if wanted.backing == "tmpfs" else _AGAINST_DISK
    for name, words in sorted(foreign_claims(state).items()):
        if name in against:
            yield f"its unit has {name}={' '.join(words)}, which takes precedence there"
    if state.unit.dynamic_user and wanted.backing == "tmpfs":
        yield "its unit has DynamicUser=yes, whose own /tmp takes precedence over a tmpfs"
