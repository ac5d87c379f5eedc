# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of block devices, md superblocks, arrays and mdadm.conf. Frozen data, and questions it can answer itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, List, Mapping, Optional, Tuple

from .conf import ConfFile

Uuid = str
"""An array's UUID: 32 hexadecimal digits in lower case; L(shown_uuid) is how mdadm writes it."""


def plain_uuid(text: str) -> Uuid:
    """A UUID from any of its spellings (mdadm's colons, sysfs' dashes)."""
    return "".join(character for character in text.lower() if character in "0123456789abcdef")


def shown_uuid(uuid: Uuid) -> str:
    """As mdadm prints it and reads it back: four groups of eight digits."""
    return ":".join(uuid[start : start + 8] for start in range(0, 32, 8))


@dataclass(frozen=True)
class Superblock:
    """A version-1 superblock of one member. C(role) is its slot, C(None) for a spare; C(chunk), C(data_offset) and
    C(bitmap_place), where the bitmap begins on the device, are in bytes.

    C(active) are the slots that had a member when it was written, C(updated) is when that was, in seconds since 1970.
    C(recovering) tells that the member holds only part of its data.
    """

    version: str
    uuid: Uuid
    label: str
    level: str
    layout: int
    chunk: int
    raid_disks: int
    role: Optional[int]
    events: int
    bitmap: bool
    faulty: bool = False
    active: Tuple[int, ...] = ()
    recovering: bool = False
    data_offset: int = 0
    updated: int = 0
    bitmap_place: int = 0

    @property
    def name(self) -> str:
        """The array's name without the homehost before it."""
        return self.label.rpartition(":")[2]


@dataclass(frozen=True)
class Signature:
    """Something that libblkid recognises on a device, by its type (C(ext4), C(gpt), C(LVM2_member) ...)."""

    kind: str
    uuid: str = ""
    label: str = ""


@dataclass(frozen=True)
class BlockDevice:
    """A block device and everything that may keep it from being used. C(answers) is false if reading it fails."""

    kernel_name: str
    size: int
    read_only: bool = False
    identity: str = ""
    holders: Tuple[str, ...] = ()
    partitions: Tuple[str, ...] = ()
    mounts: Tuple[str, ...] = ()
    swap: bool = False
    busy: bool = False
    users: Tuple[str, ...] = ()
    by_path: str = ""
    superblock: Optional[Superblock] = None
    signatures: Tuple[Signature, ...] = ()
    answers: bool = True

    @property
    def node(self) -> str:
        """The kernel's device node."""
        # The kernel writes the '/' of a device name (cciss/c0d0) as '!' in sysfs.
        return "/dev/" + self.kernel_name.replace("!", "/")


@dataclass(frozen=True)
class Member:
    """A device in a running array: its slot, C(None) for a spare, and the words of its sysfs C(state)."""

    device: str
    slot: Optional[int]
    state: Tuple[str, ...] = ("in_sync",)

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

    C(component_size) is what it uses of each member, C(bitmap_dirty) how much its bitmap says may differ on a member that was
    away, both in bytes; C(None) where there is no bitmap or it was not read.
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
    def unsettled(self) -> bool:
        """Whether the kernel is at work, or about to be, to make the array whole."""
        rebuilt = any(not member.in_sync and not member.faulty for member in self.members)
        return self.active and (self.syncing or (bool(self.missing_slots) and rebuilt))

    @property
    def syncing(self) -> bool:
        """Whether redundancy is still being established."""
        return self.active and (self.sync_action in ("resync", "recover", "reshape") or self.resync_pending)

    def describe(self) -> str:
        """For messages: where it runs, and as whose."""
        label = f"'{self.label}'" if self.label else "without a name"
        return f"array {label} (UUID {shown_uuid(self.uuid)}, {self.node})"


@dataclass(frozen=True)
class Journal:
    """What an interrupted run had begun: arrays in creation, and an initramfs that may be older than mdadm.conf."""

    creating: Tuple[Uuid, ...] = ()
    initramfs: bool = False


@dataclass(frozen=True)
class State:
    """Everything planning needs to know of a host.

    C(paths) maps each device path a task named to a kernel name, or to C(None) where nothing is there; C(not_block) says
    what a path is that is no block device. C(fresh) are random UUIDs for arrays to be created.
    """

    devices: Mapping[str, BlockDevice] = field(default_factory=dict)
    paths: Mapping[str, Optional[str]] = field(default_factory=dict)
    not_block: Mapping[str, str] = field(default_factory=dict)
    arrays: Tuple[Array, ...] = ()
    conf: Tuple[ConfFile, ...] = ()
    hostname: str = "localhost"
    initramfs: Tuple[str, ...] = ()
    journal: Optional[Journal] = None
    creating_marks: Tuple[str, ...] = ()
    fresh: Tuple[Uuid, ...] = ()

    def array_of(self, uuid: Uuid) -> Optional[Array]:
        """The array with this UUID, if the kernel knows it."""
        return next((array for array in self.arrays if array.uuid == uuid), None)

    def at_node(self, kernel_name: str) -> Optional[Array]:
        """The array that occupies this md device."""
        return next((array for array in self.arrays if array.kernel_name == kernel_name), None)

    def carriers(self, uuid: Uuid) -> List[BlockDevice]:
        """Devices whose superblock says that they belong to this array."""
        found = [device for device in self.devices.values() if device.superblock and device.superblock.uuid == uuid]
        return sorted(found, key=lambda device: device.kernel_name)

    def with_devices(self, changed: Dict[str, BlockDevice]) -> State:
        """The same host with these devices replaced."""
        return replace(self, devices={**self.devices, **changed})

    def with_changed_array(self, array: Array) -> State:
        """The host after members of C(array) came or went."""
        arrays = tuple(array if other.kernel_name == array.kernel_name else other for other in self.arrays)
        before = self.at_node(array.kernel_name)
        gone = set(before.devices if before else ()) - set(array.devices)
        freed = {name: _freed(self.devices[name], array) for name in gone if name in self.devices}
        held = {
            name: replace(self.devices[name], holders=tuple(sorted({*self.devices[name].holders, array.kernel_name})))
            for name in array.devices
            if name in self.devices
        }
        return replace(self, arrays=arrays, devices={**self.devices, **freed, **held})

    def without_array(self, array: Array) -> State:
        """The host after C(array) was stopped: its members are free, and what was on top of it can not be."""
        freed = {name: _freed(device, array) for name, device in self.devices.items() if array.kernel_name in device.holders}
        freed.update(_written(array, {**self.devices, **freed}))
        arrays = tuple(other for other in self.arrays if other.kernel_name != array.kernel_name)
        devices = {name: device for name, device in {**self.devices, **freed}.items() if name != array.kernel_name}
        paths = {path: None if name == array.kernel_name else name for path, name in self.paths.items()}
        return replace(self, devices=devices, arrays=arrays, paths=paths)

    def with_array(self, array: Array, size: int, nodes: Tuple[str, ...]) -> State:
        """The host after C(array) was started; C(nodes) are the paths it can then be reached by."""
        held = {
            member.device: replace(
                self.devices[member.device],
                holders=tuple(sorted({*self.devices[member.device].holders, array.kernel_name})),
                signatures=(),
                superblock=_superblock(array, member, self.devices[member.device].superblock),
            )
            for member in array.members
        }
        new = BlockDevice(array.kernel_name, size, identity=f"md:{array.uuid}")
        paths = {**self.paths, **dict.fromkeys((array.node, *nodes), array.kernel_name)}
        arrays = tuple(other for other in self.arrays if other.kernel_name != array.kernel_name) + (array,)
        return replace(self, devices={**self.devices, **held, array.kernel_name: new}, arrays=arrays, paths=paths)


def _freed(device: BlockDevice, array: Array) -> BlockDevice:
    return replace(device, busy=False, holders=tuple(holder for holder in device.holders if holder != array.kernel_name))


def _written(array: Array, devices: Mapping[str, BlockDevice]) -> Dict[str, BlockDevice]:
    """Stopping an active array leaves one event count on all current members, whatever they had when they were read."""
    current = [devices[member.device] for member in array.members if member.in_sync and member.device in devices] if array.active else []
    newest = max((device.superblock.events for device in current if device.superblock), default=0)
    return {
        device.kernel_name: replace(device, superblock=replace(device.superblock, events=newest)) for device in current if device.superblock
    }


def _superblock(array: Array, member: Member, found: Optional[Superblock]) -> Superblock:
    if found and found.uuid == array.uuid:
        return found
    return Superblock(
        array.metadata,
        array.uuid,
        array.label,
        array.level,
        array.layout,
        array.chunk,
        array.raid_disks,
        member.slot,
        events=1,
        bitmap=array.bitmap != "none",
    )
