# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host that planning needs, and the state after members or arrays were added or removed. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, List, Mapping, Optional, Tuple

from .array import Array, Member
from .block_device import BlockDevice, Superblock, Uuid
from .conf import ConfFile
from .survivor import Survivor

SETTLE = ("udevadm", "settle", "--timeout=60")
"""Wait until udev has handled all its events. Exit code 1 means that the time ran out."""

STATE_FOLDER = "/var/lib"

JOURNAL = f"{STATE_FOLDER}/fleetlab-md_array.json"
"""The journal: a run writes down here what it has begun, until that is finished."""

MARKS = "/run/mdadm"
MARK_PREFIX = "creating-"
"""A killed mdadm leaves a file of this name; while the file exists, udev treats the array as not ready."""


@dataclass(frozen=True)
class Journal:
    """The work that an interrupted run had begun: the creation of arrays, the update of an initramfs that may be older than mdadm.conf,
    and the removal of spares, by array, whose superblocks may not be erased yet.

    C(survivors) are the facts about the members of arrays that were stopped after they had lost all their members; they are kept until
    the array is assembled again.
    """

    creating: Tuple[Uuid, ...] = ()
    initramfs: bool = False
    releasing: Tuple[Uuid, ...] = ()
    survivors: Mapping[Uuid, Tuple[Survivor, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """The state of a host that planning needs.

    C(paths) maps each device path of the task to a kernel name, or to C(None) if the path does not exist; C(not_block) maps each path that
    is not a block device to its kind. C(fresh) are random UUIDs for new arrays. C(now) is in seconds since 1970.
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
    now: int = 0

    def array_of(self, uuid: Uuid) -> Optional[Array]:
        """The array with this UUID, if the kernel knows it."""
        return next((array for array in self.arrays if array.uuid == uuid), None)

    def at_node(self, kernel_name: str) -> Optional[Array]:
        """The array that occupies this md device."""
        return next((array for array in self.arrays if array.kernel_name == kernel_name), None)

    def survivors(self, uuid: Uuid) -> Tuple[Survivor, ...]:
        """The noted members of a stopped array that had lost all its members."""
        return self.journal.survivors.get(uuid, ()) if self.journal else ()

    def carriers(self, uuid: Uuid) -> List[BlockDevice]:
        """Devices that carry a superblock of this array."""
        found = [device for device in self.devices.values() if device.superblock and device.superblock.uuid == uuid]
        return sorted(found, key=lambda device: device.kernel_name)

    def former_spares(self, uuid: Uuid) -> List[BlockDevice]:
        """Devices that carry a spare's superblock of this array, and are in no array."""
        taken = {name for array in self.arrays for name in array.devices}
        return [
            device
            for device in self.carriers(uuid)
            if device.superblock and _is_spare(device.superblock) and device.kernel_name not in taken
        ]

    def journals(self, uuid: Uuid) -> List[BlockDevice]:
        """Devices that carry the superblock of this array's journal."""
        return [device for device in self.carriers(uuid) if device.superblock and device.superblock.journal]

    def with_devices(self, changed: Dict[str, BlockDevice]) -> State:
        """The host with these devices replaced."""
        return replace(self, devices={**self.devices, **changed})

    def with_changed_array(self, array: Array) -> State:
        """The host after members of C(array) were added or removed."""
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
        """The host after C(array) was stopped: its members are free, and nothing lies on it any more."""
        freed = {name: _freed(device, array) for name, device in self.devices.items() if array.kernel_name in device.holders}
        freed.update(_written(array, {**self.devices, **freed}))
        arrays = tuple(other for other in self.arrays if other.kernel_name != array.kernel_name)
        devices = {name: device for name, device in {**self.devices, **freed}.items() if name != array.kernel_name}
        paths = {path: None if name == array.kernel_name else name for path, name in self.paths.items()}
        return replace(self, devices=devices, arrays=arrays, paths=paths)

    def with_array(self, array: Array, size: int, nodes: Tuple[str, ...]) -> State:
        """The host after C(array) was started; C(nodes) are the paths that then lead to it."""
        held = {
            member.device: replace(
                self.devices[member.device],
                holders=tuple(sorted({*self.devices[member.device].holders, array.kernel_name})),
                signatures=(),
                superblock=_superblock(array, member, self.devices[member.device].superblock),
            )
            for member in array.members
        }
        blocks = max((self.devices[name].block_size for name in array.devices), default=0)
        new = BlockDevice(array.kernel_name, size, identity=f"md:{array.uuid}", block_size=blocks)
        paths = {**self.paths, **dict.fromkeys((array.node, *nodes), array.kernel_name)}
        arrays = tuple(other for other in self.arrays if other.kernel_name != array.kernel_name) + (array,)
        return replace(self, devices={**self.devices, **held, array.kernel_name: new}, arrays=arrays, paths=paths)


def _is_spare(block: Superblock) -> bool:
    return block.role is None and not block.faulty and not block.journal


def _freed(device: BlockDevice, array: Array) -> BlockDevice:
    return replace(device, busy=False, holders=tuple(holder for holder in device.holders if holder != array.kernel_name))


def _written(array: Array, devices: Mapping[str, BlockDevice]) -> Dict[str, BlockDevice]:
    """The current members of a stopped array with the array's event count: stopping an active array writes one count to all of them."""
    current = [devices[member.device] for member in array.members if member.in_sync and member.device in devices] if array.active else []
    newest = max((device.superblock.events for device in current if device.superblock), default=0)
    return {
        device.kernel_name: replace(device, superblock=replace(device.superblock, events=newest)) for device in current if device.superblock
    }


def _superblock(array: Array, member: Member, found: Optional[Superblock]) -> Superblock:
    if found and found.uuid == array.uuid:
        return found
    shape = (array.level, array.layout, array.chunk, array.raid_disks)
    return Superblock(array.metadata, array.uuid, array.label, *shape, member.slot, events=1, bitmap=array.bitmap != "none")
