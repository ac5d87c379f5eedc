# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host that decides about the /tmp of a service, and the file of the launcher. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from .._host.mounts import Mount

PLACES = ("/tmp", "/var/tmp")


@dataclass(frozen=True)
class Process:
    """A process of the service, with the mounts that it sees at /tmp and /var/tmp; C(None) for a path without a mount."""

    pid: int
    name: str
    namespace: str
    mounts: Mapping[str, Optional[Mount]]
    modes: Mapping[str, Tuple[int, int]] = field(default_factory=dict)
    """Mode and group of the two directories, as the process sees them."""
    inner: Tuple[str, ...] = ()
    """Mount points below the two directories."""

    def sees_host(self, host: Mapping[str, Optional[Mount]], place: str) -> bool:
        """Whether the process has the same files at C(place) as C(host), the mounts of the host's first process."""
        mine, theirs = self.mounts.get(place), host.get(place)
        return mine is None or (theirs is not None and mine.identity == theirs.identity)


@dataclass(frozen=True)
class Shared:
    """A file or socket below the host's /tmp that the service shares with other processes, or a socket to which they may connect."""

    path: str
    kind: str
    users: Tuple[str, ...] = ()

    def __str__(self) -> str:
        used = f"also used by {', '.join(self.users)}" if self.users else "others may connect to it"
        return f"{self.path} ({self.kind}, {used})"


@dataclass(frozen=True)
class Uses:
    """What a service uses of the /tmp that it has now."""

    executed: Tuple[str, ...] = ()
    """Files that its processes have mapped to execute them."""
    variables: Tuple[str, ...] = ()
    """Variables such as C(TMPDIR) that name a folder below."""
    files: Tuple[str, ...] = ()
    """Files of the service's user in the host's /tmp."""
    size: int = 0
    """The bytes of these files, and of the files that its processes have open."""


@dataclass(frozen=True)
class Unit:
    """A service as systemd shows it."""

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
    restarts: int = 0
    """How often systemd has restarted it by itself."""
    failure: str = ""
    """Its result, if it has failed or systemd is about to start it again."""
    helpers: Tuple[str, ...] = ()
    """Settings with commands besides C(ExecStart) that name /tmp, such as C(ExecStartPre)."""
    below: Tuple[str, ...] = ()
    """Settings such as C(WorkingDirectory) with a path below /tmp."""
    bound: Tuple[str, ...] = ()
    """Paths below /tmp that the unit's own settings bind there."""
    path_settings: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    """Settings of the unit such as C(ReadWritePaths), with their words that name /tmp or /var/tmp."""


@dataclass(frozen=True)
class Common:
    """A /tmp that services have in common."""

    text: str
    """The unit that mounts its folders."""
    services: Tuple[str, ...] = ()
    """The other services whose drop-ins name this unit."""
    active: bool = False
    """Whether the unit is active; read only for the /tmp that the task names."""


@dataclass(frozen=True)
class State:
    """A service on a host."""

    unit: Unit
    drop_in: Optional[str] = None
    helper: Optional[str] = None
    helper_active: bool = False
    has_drop_in_folder: bool = False
    common: Mapping[str, Common] = field(default_factory=dict)
    """Every /tmp on this host that services have in common, by its name."""
    processes: Tuple[Process, ...] = ()
    host: Mapping[str, Optional[Mount]] = field(default_factory=dict)
    """The mounts that the first process of the host sees at /tmp and /var/tmp."""
    places: Tuple[str, ...] = PLACES
    gid: Optional[int] = 0
    """The group of the service's processes; C(None) if it does not exist on this host."""
    memory: int = 0
    shared: Tuple[Shared, ...] = ()
    uses: Uses = Uses()
    existing: Tuple[str, ...] = ()
    """The paths on the host of C(Process.inner) and C(host_paths) that exist."""
    linked: Tuple[str, ...] = ()
    """The C(host_paths) that lead through a symbolic link."""
    labels: bool = False
    """Whether SELinux is part of this kernel and on."""


@dataclass(frozen=True)
class LauncherState:
    """The file at the path of the launcher; C(text) is C(None) if it does not exist."""

    text: Optional[str] = None
    mode: int = 0
    owner: int = 0
    odd: Optional[str] = None
    """The kind of an object at the path that is not a regular file."""
    has_folder: bool = True
    program: str = ""
    """The text of the launcher that this module installs."""
