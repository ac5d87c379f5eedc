# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of the declared targets with their reservations, and the files that hold them at boot. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from .._programs.hold_disk.hold import Status


def shown_key(key: int) -> str:
    """A key as this module and sg_persist show it."""
    return f"0x{key:x}"


@dataclass(frozen=True)
class HeldDisk:
    """A disk of a declared target. C(status) is C(None) if its reservation cannot be read; C(problem) says why.

    C(is_away) tells whether the disk does not answer, as while its server is down: udev holds it when it appears again.
    """

    node: str
    target: str
    lun: int
    status: Optional[Status] = None
    problem: str = ""
    is_away: bool = False

    @property
    def label(self) -> str:
        """The disk in messages."""
        return f"{self.node} (LUN {self.lun} of {self.target})"


@dataclass(frozen=True)
class State:
    """C(key) belongs to this host. C(files) has the content of each file of the program and of the rule that exists, C(program) the wanted
    content of each file of the program, C(modes) the permissions of its files."""

    key: int
    disks: Tuple[HeldDisk, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    program: Mapping[str, str] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
