# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An array as the kernel shows it, and the repair of its lost members. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ..._host.block import node_of
from .block_device import Uuid, shown_uuid
from .layout import far_copies, survives
from .levels import Level, level_of

_MIB = 1 << 20


@dataclass(frozen=True)
class Member:
    """A device in a running array: its slot, C(None) for a spare, and the words of its sysfs C(state).

    C(lacks) are the ranges of blocks whose writes failed, as first sector of the device and number of sectors. It is empty where they
    were not read, and C(None) if sysfs cannot list them all. In bytes: C(offset), the beginning of its data (C(None) if sysfs does not
    tell), and C(size), the part that md uses. C(online) is false if the kernel knows that the disk does not answer.
    """

    device: str
    slot: Optional[int]
    state: Tuple[str, ...] = ("in_sync",)
    lacks: Optional[Tuple[Tuple[int, int], ...]] = ()
    online: bool = True
    offset: Optional[int] = None
    size: int = 0

    @property
    def node(self) -> str:
        """The kernel's device node."""
        return node_of(self.device)

    @property
    def faulty(self) -> bool:
        """Whether md has ejected the member."""
        return "faulty" in self.state

    @property
    def journal(self) -> bool:
        """Whether it is the journal of the array, and holds no data of a slot."""
        return "journal" in self.state

    @property
    def in_sync(self) -> bool:
        """Whether the member holds current data."""
        return "in_sync" in self.state and not self.faulty

    @property
    def current(self) -> bool:
        """Whether the member holds current data and its disk answers."""
        return self.in_sync and self.online


@dataclass(frozen=True)
class Array:
    """An md device that the kernel knows; C(active) is false for an array that was not started and only collects members.

    In bytes: C(component_size), the part of each member that the array uses; C(bitmap_chunk), the region of one bit of the bitmap (0
    without a bitmap); C(bitmap_dirty), the regions that may differ on a member that was away, by the bitmap (C(None) if it was not read).
    C(sync_done) and C(sync_total) are sectors, C(sync_speed) is KiB/s. C(last_action) is the kernel's last action, such as C(check).
    C(reshape_position) is the number of sectors that a reshape has moved, C(None) without a reshape.
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
    reshape_position: Optional[int] = None

    @property
    def container(self) -> bool:
        """Whether it only groups disks whose metadata mdadm manages (DDF, IMSM), for other arrays. Such an array never runs itself."""
        # The arrays in it have metadata such as "external:/md127/0", and "external:-md127/0" while mdmon leaves them alone.
        return self.metadata.startswith("external:") and not self.metadata.startswith(("external:/", "external:-"))

    @property
    def kind(self) -> Level:
        """The properties of its level."""
        return level_of(self.level)

    @property
    def name(self) -> str:
        """The name without the homehost before it."""
        return self.label.rpartition(":")[2]

    @property
    def shown_name(self) -> str:
        """Its name in messages: the name in the superblock, else the kernel's."""
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
        """Slots without a member, not counting slots of members that are being rebuilt."""
        taken = {member.slot for member in self.members if not member.faulty}
        return tuple(slot for slot in range(self.raid_disks) if slot not in taken)

    @property
    def least_growth(self) -> int:
        """The least growth of a member that counts, in bytes: a smaller rest is normal.

        md uses whole chunks, one for each copy in stripes at a time, and mdadm may leave a rest at the end. A reshape leaves a larger
        rest: it moves the data towards the beginning of each member, by up to a chunk for every device.
        """
        return max(_MIB, (far_copies(self.level, self.layout) + 3 + self.raid_disks) * self.chunk)

    @property
    def broken(self) -> bool:
        """Whether the array has lost more members than it can, so that the kernel fails its writes; the only sign of it on a raid0."""
        return self.array_state == "broken"

    @property
    def auto_read_only(self) -> bool:
        """Whether the array is read-only until its first write, because nothing was written to it since it was assembled."""
        return not self.active or self.array_state == "read-auto"

    @property
    def unsettled(self) -> bool:
        """Whether the kernel makes the array whole now, or is about to."""
        return self.active and (self.syncing or self.rebuildable)

    @property
    def rebuildable(self) -> bool:
        """Whether the array lacks members and has other members that can be brought up to date in their place."""
        return bool(self.missing_slots) and any(not (member.in_sync or member.faulty or member.journal) for member in self.members)

    @property
    def syncing(self) -> bool:
        """Whether redundancy is still being established."""
        return self.active and (self.sync_action in ("resync", "recover", "reshape") or self.resync_pending)

    def survives(self, missing: Sequence[int]) -> bool:
        """Whether the array still has all its data without the slots in C(missing)."""
        return survives(self.level, self.layout, self.raid_disks, missing)

    def describe(self) -> str:
        """The array in messages: its name, UUID and device node."""
        label = f"'{self.label}'" if self.label else "without a name"
        return f"array {label} (UUID {shown_uuid(self.uuid)}, {self.node})"


@dataclass(frozen=True)
class Healing:
    """The repair of one member: C(resync) of its C(size) bytes have to be written, C(None) if that number is not known."""

    array: str
    device: str
    by_path: str
    method: str
    resync: Optional[int]
    size: Optional[int]
