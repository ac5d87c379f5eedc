# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the program knows of the storage of a host at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field

from .arrays import Array, declared_arrays, read_arrays
from .mounts import Mount, read_mounts
from .sessions import Session, automatic_targets, read_sessions
from .targets import Target, read_targets, saved_targets
from .tree import Tree


@dataclass
class Facts:
    """The objects that exist, and the objects that shall exist: arrays of mdadm.conf, targets of node records, targets saved for boot."""

    arrays: list[Array] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    declared_arrays: dict[str, str] = field(default_factory=dict)
    automatic_targets: dict[str, int] = field(default_factory=dict)
    saved_targets: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether the host neither has nor shall have any storage to check."""
        lists = (self.arrays, self.sessions, self.targets, self.mounts, self.declared_arrays, self.automatic_targets, self.saved_targets)
        return not any(lists)


def read_facts(tree: Tree) -> Facts:
    """Read the host. No process is started, and no disk is read."""
    return Facts(
        arrays=read_arrays(tree),
        sessions=read_sessions(tree),
        targets=read_targets(tree),
        mounts=read_mounts(tree),
        declared_arrays=declared_arrays(tree),
        automatic_targets=automatic_targets(tree),
        saved_targets=saved_targets(tree),
    )
