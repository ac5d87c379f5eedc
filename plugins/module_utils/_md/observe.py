# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a host for planning: the only reader of the md modules.

What most runs need is in sysfs and takes no process. Only where an array is not simply running are udev's queue awaited,
all superblocks read, and the devices to be used searched for signatures.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from .._core.errors import ObservationError
from .._core.runner import Runner
from .array_state import Array
from .arrays import read_arrays, with_lists
from .bitmap import read_dirty
from .block_device import BlockDevice, Signature, Superblock
from .conf import ConfFile
from .devices import Mounts, all_kernel_names, by_path_links, kernel_name, read_device, read_superblock
from .failed_writes import from_noted
from .host import Host
from .report import find
from .state import Journal, State
from .superblock import BLOCK
from .system import JOURNAL, MARK_PREFIX, MARKS, SETTLE
from .wanted import Wanted


def observe(wanted: Sequence[Wanted], host: Host, runner: Runner) -> State:
    """The state of the host as far as the wanted arrays need it.

    :raises ObservationError: an answer cannot be understood.
    :raises CommandError: a command failed.
    """
    state = Observation(host).shallow(wanted)
    if state.journal is None and all(_steady(state, one) for one in wanted):
        return state
    # udev may be putting together this very array; what it is in the middle of must not be taken for a fault.
    runner.run(SETTLE, timeout=90, accept=(0, 1))
    return Observation(host).deep(wanted, runner)


def look_again(wanted: Sequence[Wanted], host: Host) -> State:
    """The state for reporting after a plan: no process; superblocks of all devices only if an array does not run."""
    observation = Observation(host)
    state = observation.shallow(wanted)
    if all(find(state, one) for one in wanted):
        return state
    return observation.with_superblocks(state, all_kernel_names(host))


def observe_all(host: Host, examine: bool = False) -> State:
    """Every array; with C(examine) also every superblock."""
    observation = Observation(host)
    state = observation.shallow(())
    members = [member.device for array in state.arrays for member in array.members if not member.faulty]
    return observation.with_bitmaps(observation.with_superblocks(state, all_kernel_names(host) if examine else members))


def _steady(state: State, wanted: Wanted) -> bool:
    """Whether the array runs with nothing but wanted members, so that its disks need no closer look."""
    if wanted.state != "present":
        return False
    names = {state.paths.get(path) for path in wanted.all_devices}
    array = next((array for array in state.arrays if names & set(array.devices)), None)
    if array is None or not array.active or not set(array.devices) <= names:
        return False
    if wanted.grow or state.survivors(array.uuid):
        return False
    if wanted.exact_spares and not {state.paths.get(path) for path in wanted.spares} <= _sound(array):
        return False
    if wanted.replace_failed and not {state.paths.get(path) for path in wanted.devices} <= _sound(array):
        return False
    return state.paths.get(wanted.node) == array.kernel_name


def _sound(array: Array) -> Set[Optional[str]]:
    return {member.device for member in array.members if not member.faulty}


class Observation:
    """One reading of a host, with what is read once for all its parts."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.mounts = Mounts(host)
        self.links = by_path_links(host)
        self.devices: Dict[str, BlockDevice] = {}

    def shallow(self, wanted: Sequence[Wanted]) -> State:
        """The arrays, the named devices, and the configuration files: no process, few reads."""
        paths: Dict[str, Optional[str]] = {}
        not_block: Dict[str, str] = {}
        for path in {path for one in wanted for path in (one.node, *one.all_devices)}:
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
            fresh=tuple(self.host.random_uuid() for _one in wanted),
            now=self.host.now(),
        )

    def deep(self, wanted: Sequence[Wanted], runner: Runner) -> State:
        """The shallow state, all superblocks, and all that could stand against using or stopping a device."""
        state = self.with_superblocks(self.shallow(wanted), all_kernel_names(self.host))
        changed = {name: self._use(state, device) for name, device in state.devices.items() if self._matters(state, wanted, name)}
        state = state.with_devices(changed)
        state = self.with_bitmaps(state)
        if any(one.state == "stopped" for one in wanted):
            state = replace(state, arrays=tuple(with_lists(self.host, array) for array in state.arrays))
        return state.with_devices(_with_signatures(state, self._to_probe(state, wanted), runner))

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
        superblock = read_superblock(self.host, device.node, device.size)
        self.devices[name] = replace(device, superblock=superblock)
        return superblock

    def with_superblocks(self, state: State, names: Sequence[str]) -> State:
        """The state with every superblock of these devices read."""
        for name in names:
            if name not in self.devices or self.devices[name].superblock is None:
                self.superblock_of(name)
        return state.with_devices(self.devices)

    def _matters(self, state: State, wanted: Sequence[Wanted], name: str) -> bool:
        named = {state.paths.get(path) for one in wanted for path in one.all_devices}
        return name in named or state.at_node(name) is not None

    def _use(self, state: State, device: BlockDevice) -> BlockDevice:
        busy = self.host.busy(device.node)
        users: Tuple[str, ...] = ()
        if state.at_node(device.kernel_name):
            users = tuple(self.host.users(self.host.text(f"/sys/class/block/{device.kernel_name}/dev") or ""))
        answers = self.host.read(device.node, 0, BLOCK) is not None
        return replace(device, busy=busy, users=users, answers=answers)

    def with_bitmaps(self, state: State) -> State:
        """The state with what the bitmaps of its arrays say."""
        return replace(state, arrays=tuple(self._with_dirty(state, array) for array in state.arrays))

    def _with_dirty(self, state: State, array: Array) -> Array:
        """The array with what its bitmap says; every member in sync has the same one."""
        if array.bitmap != "internal":
            return array
        current = [state.devices[member.device] for member in array.members if member.in_sync and member.device in state.devices]
        found = [read_dirty(self.host, device.node, device.superblock) for device in current[:1] if device.superblock]
        return replace(array, bitmap_dirty=found[0] if found else None)

    def _to_probe(self, state: State, wanted: Sequence[Wanted]) -> List[str]:
        """Devices that may have to be written to: named, there, and no member of a started array."""
        named = [state.paths.get(path) for one in wanted if one.state == "present" for path in one.all_devices]
        taken: Set[str] = {name for array in state.arrays if array.active for name in array.devices}
        return sorted({name for name in named if name and name not in taken and state.devices[name].answers})


def _with_signatures(state: State, names: Sequence[str], runner: Runner) -> Dict[str, BlockDevice]:
    if not names:
        return {}
    nodes = [state.devices[name].node for name in names]
    answer = runner.run(["wipefs", "--json", "--no-act", *nodes])
    found = parse_signatures(answer.stdout)
    return {name: replace(state.devices[name], signatures=found.get(state.devices[name].node, ())) for name in names}


def parse_signatures(text: str) -> Dict[str, Tuple[Signature, ...]]:
    """Signatures by device node, from C(wipefs --json --no-act); it prints nothing at all where older ones find nothing."""
    if not text.strip():
        return {}
    try:
        rows: List[Dict[str, Any]] = json.loads(text)["signatures"]
        found: Dict[str, Tuple[Signature, ...]] = {}
        for row in rows:
            node = f"/dev/{row['device']}"
            found[node] = (*found.get(node, ()), Signature(row["type"], row.get("uuid") or "", row.get("label") or ""))
    except (ValueError, KeyError, TypeError) as error:
        raise ObservationError(f"wipefs --json: the answer cannot be understood ({error!r}): {text[:200]!r}") from None
    return found


def read_conf(host: Host) -> Tuple[ConfFile, ...]:
    """The configuration file of mdadm on this family of distributions, then its drop-in files."""
    release = host.text("/etc/os-release") or ""
    debian = any(
        word in ("debian", "ubuntu")
        for line in release.splitlines()
        if line.startswith(("ID=", "ID_LIKE="))
        for word in line.partition("=")[2].replace('"', "").split()
    )
    main = "/etc/mdadm/mdadm.conf" if debian else "/etc/mdadm.conf"
    extra = [f"{main}.d/{name}" for name in host.names(f"{main}.d") if name.endswith(".conf")]
    return tuple(_conf_file(host, path) for path in [main, *extra])


def _conf_file(host: Host, path: str) -> ConfFile:
    try:
        found = host.content(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ObservationError(f"{path}: cannot be read: {error}") from None
    return ConfFile(path, found[0], found[1]) if found else ConfFile(path, exists=False)


def initramfs_command(host: Host) -> Tuple[str, ...]:
    """How this host makes its initramfs again; nothing where it has none."""
    if host.program("update-initramfs"):
        return ("update-initramfs", "-u")
    if host.program("dracut"):
        return ("dracut", "--force")
    return ()


def read_journal(host: Host) -> Optional[Journal]:
    """What an interrupted run has left noted."""
    text = host.text(JOURNAL)
    if text is None:
        return None
    try:
        noted = json.loads(text)
        return Journal(
            creating=tuple(noted["creating"]),
            initramfs=bool(noted["initramfs"]),
            releasing=tuple(noted.get("releasing", ())),
            survivors=from_noted(noted.get("survivors", {})),
        )
    except (ValueError, KeyError, TypeError):
        # Written atomically, so never half; whatever this is, it proves nothing about an array.
        return Journal(initramfs=True)
