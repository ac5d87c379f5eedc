# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An array as the kernel shows it, and what is done about its lost members. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ..._host.block import node_of
from .block_device import Uuid, shown_uuid
from .layout import survives
from .levels import Level, level_of


@dataclass(frozen=True)
class Member:
    """A device in a running array: its slot, C(None) for a spare, and the words of its sysfs C(state).

    C(lacks) are the blocks that could not be written to it, first sector of the device and number of sectors, as far as they were
    read; C(None) where they are too many to be listed. C(online) is false where the kernel knows that the disk does not answer.
    """

    device: str
    slot: Optional[int]
    state: Tuple[str, ...] = ("in_sync",)
    lacks: Optional[Tuple[Tuple[int, int], ...]] = ()
    online: bool = True

    @property
    def node(self) -> str:
        """The kernel's device node."""
        return node_of(self.device)

    @property
    def faulty(self) -> bool:
        """Whether md has given it up."""
        return "faulty" in self.state

    @property
    def in_sync(self) -> bool:
        """Whether it holds current data."""
        return "in_sync" in self.state and not self.faulty

    @property
    def current(self) -> bool:
        """Whether it holds current data that can be read."""
        return self.in_sync and self.online


@dataclass(frozen=True)
class Array:
    """An md device the kernel knows; C(active) tells a started array from one that only collects members.

    C(component_size) is what it uses of each member, C(bitmap_chunk) what one bit of its bitmap stands for (0 where there is none),
    C(bitmap_dirty) how much the bitmap says may differ on a member that was away, all in bytes; C(None) where it was not read.
    C(sync_done) and C(sync_total) are sectors, C(sync_speed) is KiB/s. C(last_action) is what the kernel did last, such as C(check).
    """

    kernel_name: str
    uuid: Uuid
    label: str
    level: str
    layout: int
    chunk: int
    raid_disks: int
    metadata: str
    active: bool
    array_state: str
    members: Tuple[Member, ...]
    degraded: int = 0
    bitmap: str = "none"
    sync_action: str = "idle"
    sync_done: int = 0
    sync_total: int = 0
    resync_pending: bool = False
    component_size: int = 0
    bitmap_dirty: Optional[int] = None
    bitmap_chunk: int = 0
    mismatch_cnt: Optional[int] = None
    sync_speed: int = 0
    last_action: str = ""

    @property
    def kind(self) -> Level:
        """What holds for all arrays of its level."""
        return level_of(self.level)

    @property
    def name(self) -> str:
        """The name without the homehost before it."""
        return self.label.rpartition(":")[2]

    @property
    def shown_name(self) -> str:
        """Its name in messages, the kernel's where no superblock says another."""
        return self.name or self.kernel_name

    @property
    def node(self) -> str:
        """The kernel's device node."""
        return "/dev/" + self.kernel_name

    @property
    def devices(self) -> Tuple[str, ...]:
        """Kernel names of all members, failed ones too."""
        return tuple(member.device for member in self.members)

    @property
    def current_slots(self) -> Tuple[int, ...]:
        """Slots whose members hold current data."""
        return tuple(member.slot for member in self.members if member.in_sync and member.slot is not None)

    @property
    def missing_slots(self) -> Tuple[int, ...]:
        """Slots without current data."""
        return tuple(slot for slot in range(self.raid_disks) if slot not in self.current_slots)

    @property
    def free_slots(self) -> Tuple[int, ...]:
        """Slots that no member has, not even one that is being rebuilt."""
        taken = {member.slot for member in self.members if not member.faulty}
        return tuple(slot for slot in range(self.raid_disks) if slot not in taken)

    @property
    def broken(self) -> bool:
        """Whether the kernel has given it up, with members gone that it cannot do without. A raid0 has no other sign of that."""
        return self.array_state == "broken"

    @property
    def auto_read_only(self) -> bool:
        """Whether nothing was written to it since it was assembled."""
        return not self.active or self.array_state == "read-auto"

    @property
    def unsettled(self) -> bool:
        """Whether the kernel is at work, or about to be, to make the array whole."""
        return self.active and (self.syncing or self.rebuildable)

    @property
    def rebuildable(self) -> bool:
        """Whether it lacks members and has others to bring up to date in their place."""
        return bool(self.missing_slots) and any(not member.in_sync and not member.faulty for member in self.members)

    @property
    def syncing(self) -> bool:
        """Whether redundancy is still being established."""
        return self.active and (self.sync_action in ("resync", "recover", "reshape") or self.resync_pending)

    def survives(self, missing: Sequence[int]) -> bool:
        """Whether it still has all its data without the slots in C(missing)."""
        return survives(self.level, self.layout, self.raid_disks, missing)

    def describe(self) -> str:
        """For messages: where it runs, and as whose."""
        label = f"'{self.label}'" if self.label else "without a name"
        return f"array {label} (UUID {shown_uuid(self.uuid)}, {self.node})"


@dataclass(frozen=True)
class Healing:
    """What is done about one member. C(resync) is how many of its C(size) bytes are to be written, C(None) where that is not known."""

    array: str
    device: str
    by_path: str
    method: str
    resync: Optional[int]
    size: Optional[int]
