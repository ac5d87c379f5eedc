# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says about a service and its /tmp. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

PLACES = ("/tmp", "/var/tmp")


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo."""

    point: str
    device: str
    root: str
    kind: str
    source: str
    options: Tuple[str, ...]
    propagation: Tuple[str, ...]
    parameters: Mapping[str, str]

    @property
    def identity(self) -> Tuple[str, str]:
        """Equal for mounts that show the same files."""
        return self.device, self.root


def parse_mountinfo(text: str) -> Mapping[str, Mount]:
    """What is seen at each mount point. Of several mounts on one point the last is on top."""
    found = {}
    for line in text.splitlines():
        words = line.split(" ")
        if "-" not in words[6:] or len(words) < words.index("-", 6) + 4:
            continue
        split = words.index("-", 6)
        mount = Mount(
            point=_unescaped(words[4]),
            device=words[2],
            root=_unescaped(words[3]),
            kind=words[split + 1],
            source=_unescaped(words[split + 2]),
            options=tuple(words[5].split(",")),
            propagation=tuple(words[6:split]),
            parameters=dict(_parameter(word) for word in words[split + 3].split(",")),
        )
        found[mount.point] = mount
    return found


def _parameter(word: str) -> Tuple[str, str]:
    name, _equals, value = word.partition("=")
    return name, value


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)


@dataclass(frozen=True)
class Process:
    """A process of the service, with what it sees at /tmp and /var/tmp; C(None) where that is no mount of its own."""

    pid: int
    name: str
    namespace: str
    mounts: Mapping[str, Optional[Mount]]
    modes: Mapping[str, Tuple[int, int]] = field(default_factory=dict)
    """Mode and group of the two, as the process sees them."""


@dataclass(frozen=True)
class Shared:
    """Something below the host's /tmp that the service and others use together, or that others may want of it."""

    path: str
    kind: str
    users: Tuple[str, ...] = ()

    def __str__(self) -> str:
        used = f"also used by {', '.join(self.users)}" if self.users else "others may connect to it"
        return f"{self.path} ({self.kind}, {used})"


@dataclass(frozen=True)
class Unit:
    """What systemd says about a service."""

    name: str
    loaded: str = "loaded"
    active: bool = False
    main_pid: int = 0
    private_tmp: bool = False
    dynamic_user: bool = False
    user: str = ""
    group: str = ""
    stale: bool = False
    drop_ins: Tuple[str, ...] = ()
    joins: Tuple[str, ...] = ()
    claims: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    """What else the unit says about /tmp or /var/tmp: settings such as C(ReadWritePaths), with their words that name one of the two."""


@dataclass(frozen=True)
class State:
    """A service on a host."""

    unit: Unit
    drop_in: Optional[str] = None
    helper: Optional[str] = None
    helper_active: bool = False
    folder_there: bool = False
    """Whether the folder of the unit's drop-ins exists."""
    processes: Tuple[Process, ...] = ()
    host: Mapping[str, Optional[Mount]] = field(default_factory=dict)
    """What the first process of the host sees at /tmp and /var/tmp."""
    places: Tuple[str, ...] = PLACES
    gid: Optional[int] = 0
    """Of the group that the service runs as; C(None) if this host does not have it."""
    memory: int = 0
    shared: Tuple[Shared, ...] = ()


@dataclass(frozen=True)
class LauncherState:
    """What is at the path of the launcher: text of a file, or why it is none."""

    text: Optional[str] = None
    mode: int = 0
    owner: int = 0
    odd: Optional[str] = None
    """What is there instead of a file."""
    folder_there: bool = True
