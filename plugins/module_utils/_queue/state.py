# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the rule and of the queues of the disks. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from .options import Wanted

MISSING = "not there"
"""Stands for the value of a setting that the kernel does not have for a disk."""


@dataclass(frozen=True)
class Disk:
    """A disk by its kernel name, with its values of the wanted settings; empty if the disk does not answer."""

    name: str
    answers: bool = True
    queue: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """C(rule) is the content of the rule file, C(None) if there is no file."""

    rule: Optional[str]
    disks: Tuple[Disk, ...] = ()


@dataclass(frozen=True)
class Difference:
    """A setting of a disk that differs from the rule."""

    disk: str
    setting: str
    value: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.disk}: {self.setting} is {self.value}, not {self.wanted}"


def differences(state: State, wanted: Wanted) -> Tuple[Difference, ...]:
    """Every setting that differs, on disks that answer."""
    return tuple(
        Difference(disk.name, setting, disk.queue[setting], value)
        for disk in state.disks
        if disk.answers
        for setting, value in wanted.settings
        if disk.queue[setting] != value
    )


def names(differing: Tuple[Difference, ...]) -> Tuple[str, ...]:
    """The names of the disks in C(differing), each once."""
    return tuple(dict.fromkeys(one.disk for one in differing))
