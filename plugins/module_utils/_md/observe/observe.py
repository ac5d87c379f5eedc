# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a host for planning; the only file of the md modules that does.

Most runs only need sysfs, and start no process. If a declared array does not run as declared, udev's queue is awaited, all
superblocks are read, and the devices to be used are searched for signatures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ..._core.runner import Runner
from ..._host.block import BLOCK, kernel_name
from ..._host.distribution import initramfs_command
from ..._host.mounts import read_mount_table
from ..model.array import Array
from ..model.block_device import BlockDevice, Superblock
from ..model.identify import find
from ..model.state import MARK_PREFIX, MARKS, SETTLE, State
from ..model.wanted import Wanted, WantedArray
from .arrays import read_arrays, versions, with_lists
from .bitmap import read_dirty
from .devices import all_kernel_names, by_path_links, read_device
from .noted import read_conf, read_journal
from .probe import Probe
from .signatures import read_signatures
from .superblock import PLACE, read_superblock


def observe(wanted: Wanted, probe: Probe, runner: Runner) -> State:
    """The state of the host, as far as the wanted arrays need it.

    :raises ObservationError: an answer cannot be understood.
    :raises CommandError: a command failed.
    """
    state = Observation(probe).shallow(wanted)
    if not wanted.arrays or (state.journal is None and all(_steady(state, one) for one in wanted.arrays)):
        return state
    # udev may be assembling this very array; a half assembled array must not be taken for a faulty array.
    runner.run(SETTLE, timeout=90, accept=(0, 1))
    return Observation(probe).deep(wanted, runner)


def look_again(wanted: Wanted, probe: Probe) -> State:
    """The state for the report after a plan. Starts no process; reads superblocks of all devices only if an array does not run."""
    observation = Observation(probe)
    state = observation.shallow(wanted)
    if all(find(state, one) for one in wanted.arrays):
        return state
    return observation.with_superblocks(state, all_kernel_names(probe.host))


def observe_all(probe: Probe, examine: bool = False) -> State:
    """Every array with the blocks of its members whose writes failed; with C(examine) also every superblock.

    Without C(examine) a member whose disk the kernel knows to be lost is not read: the read could block as long as the kernel waits for it.
    """
    observation = Observation(probe)
    state = observation.shallow(Wanted())
    members = [member.device for array in state.arrays for member in array.members if not member.faulty and member.online]
    state = replace(state, arrays=tuple(with_lists(probe.host, array) for array in state.arrays))
    return observation.with_bitmaps(observation.with_superblocks(state, all_kernel_names(probe.host) if examine else members))


def _steady(state: State, wanted: WantedArray) -> bool:
    """Whether the array runs and all its members are wanted, so that its disks need not be examined."""
    if wanted.state != "present":
        return False
    names = {state.paths.get(path) for path in wanted.all_devices}
    array = next((array for array in state.arrays if names & set(array.devices)), None)
    if array is None or not array.active or not set(array.devices) <= names:
        return False
    if wanted.leaving or state.survivors(array.uuid) or (wanted.grow and not _as_large(state, wanted, array)):
        return False
    if wanted.exact_spares and not {state.paths.get(path) for path in wanted.spares} <= _sound(array):
        return False
    if not all(_as_flagged(state, wanted, array, flag) for flag in ("write_mostly", "failfast")):
        return False
    if wanted.replace_failed and not {state.paths.get(path) for path in wanted.devices} <= _sound(array):
        return False
    return state.paths.get(wanted.node) == array.kernel_name


def _as_large(state: State, wanted: WantedArray, array: Array) -> bool:
    """Whether the array has nothing to grow, as far as sysfs tells."""
    if array.sync_action != "idle" or array.reshape_position is not None or array.metadata == "1.0":
        return False
    if (array.level, array.raid_disks) != (wanted.level, len(wanted.devices)) or wanted.bitmap not in (None, array.bitmap):
        return False
    if wanted.chunk not in (None, array.chunk // 1024):
        return False
    for member in array.members:
        device = state.devices.get(member.device)
        if device is None or member.offset is None:
            return False
        if member.slot is not None and device.size - member.offset - (array.component_size or member.size) >= array.least_growth:
            return False
    return True


def _as_flagged(state: State, wanted: WantedArray, array: Array, flag: str) -> bool:
    paths = wanted.flagged(flag)
    if paths is None:
        return True
    return {member.device for member in array.members if flag in member.state} == {state.paths.get(path) for path in paths}


def _sound(array: Array) -> Set[Optional[str]]:
    return {member.device for member in array.members if not member.faulty}


class Observation:
    """One reading of a host; files that several parts need are read once."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.host = probe.host
        self.mounts = read_mount_table(self.host)
        self.links = by_path_links(self.host)
        self.devices: Dict[str, BlockDevice] = {}
        self.versions = versions(self.host)

    def shallow(self, wanted: Wanted) -> State:
        """The arrays, the named devices, and the configuration files: no process, few reads."""
        paths: Dict[str, Optional[str]] = {}
        not_block: Dict[str, str] = {}
        for path in set(wanted.paths):
            number, other = self.host.device_number(path)
            paths[path] = kernel_name(self.host, number) if number else None
            if other:
                not_block[path] = other
        self.load(name for name in paths.values() if name)
        arrays = read_arrays(self.host, self.superblock_of)
        self.load([array.kernel_name for array in arrays] + [name for array in arrays for name in array.devices])
        return State(
            devices=dict(self.devices),
            paths=paths,
            not_block=not_block,
            arrays=arrays,
            conf=read_conf(self.host),
            hostname=self.host.hostname(),
            initramfs=initramfs_command(self.host),
            journal=read_journal(self.host),
            creating_marks=tuple(name[len(MARK_PREFIX) :] for name in self.host.names(MARKS) if name.startswith(MARK_PREFIX)),
            fresh=tuple(self.probe.random_uuid() for _one in wanted.arrays),
            now=self.probe.now(),
        )

    def deep(self, wanted: Wanted, runner: Runner) -> State:
        """The shallow state, all superblocks, and all uses that could forbid to use or stop a device."""
        state = self.with_superblocks(self.shallow(wanted), all_kernel_names(self.host))
        changed = {name: self._use(state, device) for name, device in state.devices.items() if self._matters(state, wanted, name)}
        state = state.with_devices(changed)
        state = self.with_bitmaps(state)
        if any(one.state in ("stopped", "forgotten") for one in wanted.arrays):
            state = replace(state, arrays=tuple(with_lists(self.host, array) for array in state.arrays))
        names = self._to_search(state, wanted)
        found = read_signatures(runner, [state.devices[name].node for name in names]) if names else {}
        return state.with_devices(
            {name: replace(state.devices[name], signatures=found.get(state.devices[name].node, ())) for name in names}
        )

    def load(self, names: Iterable[str]) -> None:
        """Read devices that have not been read yet."""
        for name in names:
            if name not in self.devices:
                device = read_device(self.host, name, self.mounts, self.links)
                if device:
                    self.devices[name] = device

    def superblock_of(self, name: str) -> Optional[Superblock]:
        """The superblock of a device by its kernel name, kept with the device."""
        self.load([name])
        device = self.devices.get(name)
        if device is None:
            return None
        superblock = read_superblock(self.probe, device.node, device.size, self.versions.get(name, ""))
        self.devices[name] = replace(device, superblock=superblock)
        return superblock

    def with_superblocks(self, state: State, names: Sequence[str]) -> State:
        """The state with every superblock of these devices read."""
        for name in names:
            if name not in self.devices or self.devices[name].superblock is None:
                self.superblock_of(name)
        return state.with_devices(self.devices)

    def _matters(self, state: State, wanted: Wanted, name: str) -> bool:
        named = {state.paths.get(path) for one in wanted.arrays for path in one.all_devices}
        return name in named or state.at_node(name) is not None

    def _use(self, state: State, device: BlockDevice) -> BlockDevice:
        busy = self.probe.is_claimed(device.node)
        users: Tuple[str, ...] = ()
        if state.at_node(device.kernel_name):
            users = tuple(self.probe.users(self.host.value(f"{BLOCK}/{device.kernel_name}/dev") or ""))
        answers = self.probe.read(device.node, 0, PLACE) is not None
        return replace(device, busy=busy, users=users, answers=answers)

    def with_bitmaps(self, state: State) -> State:
        """The state, with the dirty bytes of its arrays by their bitmaps."""
        return replace(state, arrays=tuple(self._with_dirty(state, array) for array in state.arrays))

    def _with_dirty(self, state: State, array: Array) -> Array:
        """The array, with its dirty bytes by its bitmap; every member in sync has the same bitmap."""
        if array.bitmap != "internal":
            return array
        current = [state.devices[member.device] for member in array.members if member.current and member.device in state.devices]
        found = [read_dirty(self.probe, device.node, device.superblock) for device in current[:1] if device.superblock]
        return replace(array, bitmap_dirty=found[0] if found else None)

    def _to_search(self, state: State, wanted: Wanted) -> List[str]:
        """Devices that may have to be written to: the task names them, and they exist and are not members of a started array."""
        named = [state.paths.get(path) for one in wanted.arrays if one.state == "present" for path in one.all_devices]
        taken: Set[str] = {name for array in state.arrays if array.active for name in array.devices}
        return sorted({name for name in named if name and name not in taken and state.devices[name].answers})
