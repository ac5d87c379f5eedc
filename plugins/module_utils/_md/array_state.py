# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An array as the kernel shows it, and questions it can answer itself. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from .block_device import Uuid, shown_uuid


@dataclass(frozen=True)
class Member:
    """A device in a running array: its slot, C(None) for a spare, and the words of its sysfs C(state).

    C(lacks) are the blocks that could not be written to it, first sector of the device and number of sectors, as far as they were
    read; C(None) where they are too many to be listed.
    """

    device: str
    slot: Optional[int]
    state: Tuple[str, ...] = ("in_sync",)
    lacks: Optional[Tuple[Tuple[int, int], ...]] = ()

    @property
    def faulty(self) -> bool:
        """Whether md has given it up."""
        return "faulty" in self.state

    @property
    def in_sync(self) -> bool:
        """Whether it holds current data."""
        return "in_sync" in self.state and not self.faulty


@dataclass(frozen=True)
class Array:
    """An md device the kernel knows; C(active) tells a started array from one that only collects members.

    C(component_size) is what it uses of each member, C(bitmap_chunk) what one bit of its bitmap stands for (0 where there is none),
    C(bitmap_dirty) how much the bitmap says may differ on a member that was away, all in bytes; C(None) where it was not read.
    C(sync_done) and C(sync_total) are sectors, C(sync_speed) is KiB/s.
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

    @property
    def name(self) -> str:
        """The name without the homehost before it."""
        return self.label.rpartition(":")[2]

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
    def resting(self) -> bool:
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

    def describe(self) -> str:
        """For messages: where it runs, and as whose."""
        label = f"'{self.label}'" if self.label else "without a name"
        return f"array {label} (UUID {shown_uuid(self.uuid)}, {self.node})"
