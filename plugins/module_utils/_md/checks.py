# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May these devices become members? Pure: everything is in the observed state. Every refusal names what was found."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError, RefusedError
from .array_state import Array
from .block_device import BlockDevice, shown_uuid
from .layout import redundancy_groups
from .state import State
from .wanted import Wanted

_MIB = 1 << 20
_SMALLEST = 4 * _MIB
"""Below this a version-1 superblock with bitmap and bad-block log leaves next to no room for data."""

_NOT_A_SIGNATURE = ("linux_raid_member",)
"""Told by the superblock itself, which knows the array's name."""


def resolve(state: State, wanted: Wanted) -> Dict[str, BlockDevice]:
    """The devices behind the paths of the task that are there, by path.

    :raises InputError: a path leads to something else than a block device, or two paths lead to one device.
    """
    found: Dict[str, BlockDevice] = {}
    for path in wanted.all_devices:
        if path in state.not_block:
            raise InputError(f"{wanted.option}devices", f"{path} is {state.not_block[path]}; members have to be block devices")
        name = state.paths.get(path)
        device = state.devices.get(name) if name else None
        if device:
            _check_alias(wanted, found, path, device)
            found[path] = device
    return found


def _check_alias(wanted: Wanted, found: Dict[str, BlockDevice], path: str, device: BlockDevice) -> None:
    for other_path, other in found.items():
        if other.kernel_name == device.kernel_name:
            raise InputError(f"{wanted.option}devices", f"{other_path} and {path} are the same device, {device.node}")
        if device.identity and other.identity == device.identity:
            raise InputError(
                f"{wanted.option}devices",
                f"{other_path} ({other.node}) and {path} ({device.node}) are two ways to the same disk ({device.identity});"
                " name it once, or its multipath device",
            )


def use_of(device: BlockDevice) -> List[str]:
    """What keeps the device from being given to an array, whatever C(overwrite) says."""
    found = []
    if device.mounts:
        found.append(f"is mounted on {', '.join(device.mounts)}")
    if device.swap:
        found.append("is swap space in use")
    if device.holders:
        found.append(f"is held by {', '.join(device.holders)}")
    if device.read_only:
        found.append("is read-only")
    if device.busy and not found:
        found.append("is in exclusive use by the kernel or another program")
    if not device.answers:
        found.append("does not answer: reading it fails")
    return found


def content_of(device: BlockDevice) -> List[str]:
    """What would be lost if the device were given to an array."""
    found = []
    superblock = device.superblock
    if superblock:
        found.append(f"carries the superblock of array '{superblock.label}' (UUID {shown_uuid(superblock.uuid)})")
    for signature in device.signatures:
        if signature.kind in _NOT_A_SIGNATURE and superblock:
            continue
        label = f" '{signature.label}'" if signature.label else ""
        found.append(f"carries {signature.kind}{label}")
    if device.partitions and not device.signatures:
        found.append(f"has partitions {', '.join(device.partitions)}")
    return found


def check_usable(wanted: Wanted, devices: Dict[str, BlockDevice], blank: Sequence[str]) -> None:
    """Refuse to create an array unless every path in C(blank) leads to a device that is free, large enough and empty.

    :raises RefusedError: names every device and what was found on it.
    """
    problems = []
    for path in blank:
        device = devices.get(path)
        found = _problems(device, wanted.overwrite) if device else ["does not exist"]
        problems += [f"{_named(path, device)} {problem}" for problem in found]
    if problems:
        raise RefusedError(_subject(wanted), "; ".join(problems), _remedy(problems, wanted))


def _problems(device: BlockDevice, overwrite: bool) -> List[str]:
    found = use_of(device)
    if device.size < _SMALLEST:
        found.append(f"is too small ({device.size} bytes, {_SMALLEST} are the least)")
    return found + ([] if overwrite else content_of(device))


def _named(path: str, device: Optional[BlockDevice]) -> str:
    return path if device is None or device.node == path else f"{path} ({device.node})"


def _remedy(problems: Sequence[str], wanted: Wanted) -> str:
    carried = all(" carries " in problem or " has partitions " in problem for problem in problems)
    if carried and not wanted.overwrite:
        return "Nothing was changed; name other devices, or set overwrite if all of this may be destroyed"
    return "Nothing was changed; name other devices or free these"


def can_heal(wanted: Wanted, devices: Dict[str, BlockDevice]) -> bool:
    """Whether an array that lacks members could get all of them back at once."""
    return wanted.replace_failed and all(path in devices and devices[path].answers for path in wanted.devices)


def check_sizes(wanted: Wanted, sizes: Dict[str, int]) -> None:
    """Refuse members that differ more than C(size_tolerance) percent: what the larger ones have beyond is lost."""
    largest, smallest = max(sizes, key=lambda path: sizes[path]), min(sizes, key=lambda path: sizes[path])
    difference = sizes[largest] - sizes[smallest]
    if difference * 100 > sizes[largest] * wanted.size_tolerance:
        raise RefusedError(
            _subject(wanted),
            f"the sizes of its members differ by {difference * 100 / sizes[largest]:.1f} %: {smallest} has {sizes[smallest]} bytes,"
            f" {largest} has {sizes[largest]}",
            f"Use devices of one size, or raise size_tolerance above {wanted.size_tolerance:g}",
        )


def check_domains(wanted: Wanted) -> None:
    """Refuse a declaration with two copies of the same data in one failure domain, or with more of a parity level than it can lose."""
    found = _together(wanted, wanted.level, wanted.layout_word, len(wanted.devices), dict(enumerate(wanted.devices)))
    if found:
        raise RefusedError(
            _subject(wanted),
            f"{' and '.join(found[1])} keep copies of the same data and are all in failure domain '{found[0]}'",
            "Order the devices so that no domain holds two copies, or correct failure_domains",
        )


def check_real_domains(wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> None:
    """The same for an array that is there: its own layout counts, and the slot that each member has in it."""
    paths = {device.kernel_name: path for path, device in devices.items()}
    slots = {m.slot: paths[m.device] for m in array.members if m.slot is not None and not m.faulty and m.device in paths}
    found = _together(wanted, array.level, array.layout, array.raid_disks, slots)
    if found:
        raise RefusedError(
            _subject(wanted),
            f"{' and '.join(found[1])} keep copies of the same data in the array that is there, and are all in failure domain '{found[0]}'",
            "Nothing was changed; copy the data to a new array whose devices are ordered by domain, or correct failure_domains",
        )


def _together(
    wanted: Wanted, level: str, layout: Optional[int], raid_disks: int, slots: Mapping[int, str]
) -> Optional[Tuple[str, List[str]]]:
    """The first domain that holds too much of the same data, and what of it; C(slots) are the paths of those that are known."""
    domains = dict(wanted.failure_domains)
    for group, allowed in redundancy_groups(level, layout, raid_disks):
        found = _in_one_domain([slots[slot] for slot in group if slots.get(slot) in domains], domains, allowed)
        if found:
            return found
    return None


def _in_one_domain(paths: Sequence[str], domains: Dict[str, str], allowed: int) -> Optional[Tuple[str, List[str]]]:
    for domain in sorted({domains[path] for path in paths}):
        inside = [path for path in paths if domains[path] == domain]
        if len(inside) > allowed:
            return domain, inside
    return None


def check_chunk(wanted: Wanted, sizes: Dict[str, int]) -> None:
    """Refuse a chunk that does not fit into the smallest member."""
    smallest = min(sizes, key=lambda path: sizes[path])
    if wanted.chunk and wanted.chunk * 1024 * 2 > sizes[smallest]:
        raise InputError(f"{wanted.option}chunk", f"{wanted.chunk} KiB is too large for {smallest}, which has {sizes[smallest]} bytes")


def check_writable(wanted: Wanted, array: Array, done: str) -> None:
    """Refuse what md does not do to a read-only array, before mdadm has done half of it. C(done) completes "it cannot be"."""
    if array.array_state == "readonly":
        raise RefusedError(
            _subject(wanted),
            f"it cannot be {done} now: it is read-only",
            f"Nothing was changed; make it writable with mdadm --readwrite {array.node}",
        )


def refuse_check(wanted: Wanted, why: str) -> None:
    """Refuse a consistency check.

    :raises RefusedError: always.
    """
    raise RefusedError(
        f"array {wanted.name}",
        f"it cannot be checked: {why}",
        "Nothing was changed; bring its members back (replace_failed) and wait for them (wait: sync) first",
    )


def _subject(wanted: Wanted) -> str:
    return f"array {wanted.name}"
