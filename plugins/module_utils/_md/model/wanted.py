# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays that a task declares. Frozen data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

from .layout import encode
from .levels import Level, level_of

LABEL_BYTES = 32
"""The room in a superblock for the homehost, a colon and the name, in bytes."""

NUMBERED = re.compile(r"md(0|[1-9][0-9]{0,2})")
"""Names of arrays that ask for the md device with this number."""


@dataclass(frozen=True)
class WantedArray:
    """One declared array. C(option) is put before the names of its options in messages; C(level) is the kernel's name of the level.

    C(write_mostly) and C(failfast) are the members with these flags, C(None) if the task leaves the flags as they are.
    """

    option: str
    name: str
    state: str
    homehost: str
    level: str = ""
    layout: Optional[str] = None
    devices: Tuple[str, ...] = ()
    spares: Tuple[str, ...] = ()
    leaving: Tuple[str, ...] = ()
    write_mostly: Optional[Tuple[str, ...]] = None
    failfast: Optional[Tuple[str, ...]] = None
    chunk: Optional[int] = None
    bitmap: Optional[str] = None
    metadata: str = "1.2"
    assume_clean: bool = False
    persist: bool = True
    overwrite: bool = False
    run_degraded: bool = False
    replace_failed: bool = False
    size_tolerance: float = 1.0
    block_size: Optional[int] = None
    failure_domains: Tuple[Tuple[str, str], ...] = ()
    exact_spares: bool = False
    spare_group: Optional[str] = None
    grow: bool = False
    check: bool = False
    wait: str = "none"
    wait_timeout: int = 3600

    @property
    def kind(self) -> Level:
        """The properties of its level."""
        return level_of(self.level)

    @property
    def subject(self) -> str:
        """The array in messages."""
        return f"array {self.name}"

    @property
    def label(self) -> str:
        """The name in the superblock; mdadm omits the homehost if there is no room for it."""
        full = f"{self.homehost}:{self.name}"
        return full if len(full.encode("utf-8")) < LABEL_BYTES else self.name

    @property
    def kernel_name(self) -> Optional[str]:
        """The md device that the name asks for, C(None) if it asks for none."""
        return self.name if NUMBERED.fullmatch(self.name) else None

    @property
    def node(self) -> str:
        """The device node of the array: C(/dev/mdN), or C(/dev/md/NAME)."""
        return f"/dev/{self.name}" if self.kernel_name else f"/dev/md/{self.name}"

    @property
    def spellings(self) -> Tuple[str, ...]:
        """Device names that mean this array in mdadm.conf."""
        return (f"/dev/{self.name}", f"/dev/md/{self.name}", self.name) if self.kernel_name else (self.node, self.name)

    @property
    def layout_word(self) -> Optional[int]:
        """The kernel's number for the layout, C(None) if mdadm chooses it."""
        return encode(self.level, self.layout)

    @property
    def bitmap_to_create(self) -> str:
        """The bitmap of a new array: internal if the level has redundancy, unless the task says otherwise."""
        return self.bitmap or ("internal" if self.kind.redundant else "none")

    def flagged(self, flag: str) -> Optional[Tuple[str, ...]]:
        """The members that shall have the flag of this name, C(None) if the task does not say."""
        return {"write_mostly": self.write_mostly, "failfast": self.failfast}[flag]

    @property
    def all_devices(self) -> Tuple[str, ...]:
        """Members and spares."""
        return self.devices + self.spares


@dataclass(frozen=True)
class Wanted:
    """The arrays that a task declares, or the devices that arrays have to release. C(one): the task declares a single array."""

    arrays: Tuple[WantedArray, ...] = ()
    release: Tuple[str, ...] = ()
    one: bool = False

    @property
    def paths(self) -> Tuple[str, ...]:
        """All device paths that it names, with the nodes of its arrays."""
        return (*self.release, *(path for array in self.arrays for path in (array.node, *array.all_devices, *array.leaving)))
