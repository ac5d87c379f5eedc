# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May these devices become members? Pure: all facts come from the observed state. Every refusal names its findings."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence

from ..._core.errors import InputError, RefusedError
from ..model.array import Array
from ..model.block_device import BlockDevice, shown_uuid
from ..model.state import State
from ..model.wanted import WantedArray

_MIB = 1 << 20
_SMALLEST = 4 * _MIB
"""A smaller device has almost no room for data beside a version-1 superblock with bitmap and bad-block log."""

_NOT_A_SIGNATURE = ("linux_raid_member",)
"""Not reported as signatures, because the superblock is reported, with the array's name."""


def resolve(state: State, wanted: WantedArray) -> Dict[str, BlockDevice]:
    """The block devices at the paths of the task, by path. A path that does not exist is omitted.

    :raises InputError: a path leads to an object that is not a block device, or two paths lead to one device.
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


def _check_alias(wanted: WantedArray, found: Dict[str, BlockDevice], path: str, device: BlockDevice) -> None:
    for other_path, other in found.items():
        if other.kernel_name == device.kernel_name:
            raise InputError(f"{wanted.option}devices", f"{other_path} and {path} are the same device, {device.node}")
        if device.identity and other.identity == device.identity:
            raise InputError(
                f"{wanted.option}devices",
                f"{other_path} ({other.node}) and {path} ({device.node}) are two paths to the same disk ({device.identity});"
                " name the disk once, or its multipath device",
            )


def use_of(device: BlockDevice) -> List[str]:
    """The uses of the device that forbid to make it a member, whatever C(overwrite) says."""
    found = []
    if device.mounts:
        found.append(f"is mounted on {', '.join(device.mounts)}")
    if device.swap:
        found.append("is swap space in use")
    if device.holders or device.partition_holders:
        found.append(f"is held by {', '.join((*device.holders, *device.partition_holders))}")
    if device.read_only:
        found.append("is read-only")
    if device.busy and not found:
        found.append("is in exclusive use by the kernel or another program")
    if not device.answers:
        found.append("does not answer: reading it fails")
    return found


def check_free(wanted: WantedArray, devices: Mapping[str, BlockDevice], lead: str = "") -> None:
    """Refuse to continue while a device in C(devices), by path, is in use. C(lead) is put before the findings."""
    problems = [f"{path} {' and '.join(use_of(device))}" for path, device in devices.items() if use_of(device)]
    if problems:
        raise RefusedError(wanted.subject, lead + "; ".join(problems), "Nothing was changed; free these devices first")


def content_of(device: BlockDevice) -> List[str]:
    """The content that would be lost if the device became a member."""
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


def check_usable(wanted: WantedArray, devices: Dict[str, BlockDevice], blank: Sequence[str]) -> None:
    """Refuse to create an array unless every path in C(blank) leads to a device that is free, large enough and empty.

    :raises RefusedError: with every such device and the findings on it.
    """
    problems = []
    for path in blank:
        device = devices.get(path)
        found = _problems(device, wanted.overwrite) if device else ["does not exist"]
        problems += [f"{_named(path, device)} {problem}" for problem in found]
    if problems:
        carriers = [devices[path] for path in blank if path in devices]
        raise RefusedError(wanted.subject, "; ".join(problems), _adoption(carriers, wanted) or _remedy(problems, wanted))


def _adoption(devices: Sequence[BlockDevice], wanted: WantedArray) -> str:
    """The remedy if the devices carry an array of this name that another host has made; empty if they do not."""
    blocks = [device.superblock for device in devices if device.superblock]
    hosts = {block.label.rpartition(":")[0] for block in blocks}
    if len(hosts) != 1 or "" in hosts or any(block.name != wanted.name for block in blocks) or len({block.uuid for block in blocks}) > 1:
        return ""
    host = hosts.pop()
    return (
        f"Nothing was changed; the host {host} has made an array of this name: set homehost to {host} to take it over with its data."
        " overwrite would destroy it"
    )


def _problems(device: BlockDevice, overwrite: bool) -> List[str]:
    found = use_of(device)
    if device.size < _SMALLEST:
        found.append(f"is too small ({device.size} bytes; the minimum is {_SMALLEST})")
    return found + ([] if overwrite else content_of(device))


def _named(path: str, device: Optional[BlockDevice]) -> str:
    return path if device is None or device.node == path else f"{path} ({device.node})"


def _remedy(problems: Sequence[str], wanted: WantedArray) -> str:
    carried = all(" carries " in problem or " has partitions " in problem for problem in problems)
    if carried and not wanted.overwrite:
        return "Nothing was changed; name other devices, or set overwrite if all this content may be destroyed"
    return "Nothing was changed; name other devices, or free the named devices"


def can_heal(wanted: WantedArray, devices: Dict[str, BlockDevice]) -> bool:
    """Whether a degraded array could get back all its lost members at once."""
    return wanted.replace_failed and all(path in devices and devices[path].answers for path in wanted.devices)


def check_sizes(wanted: WantedArray, sizes: Dict[str, int]) -> None:
    """Refuse members whose sizes differ by more than C(size_tolerance) percent: larger members would lose the excess."""
    largest, smallest = max(sizes, key=lambda path: sizes[path]), min(sizes, key=lambda path: sizes[path])
    difference = sizes[largest] - sizes[smallest]
    if difference * 100 > sizes[largest] * wanted.size_tolerance:
        raise RefusedError(
            wanted.subject,
            f"the sizes of its members differ by {difference * 100 / sizes[largest]:.1f} %: {smallest} has {sizes[smallest]} bytes,"
            f" {largest} has {sizes[largest]}",
            f"Use devices of one size, or raise size_tolerance above {wanted.size_tolerance:g}",
        )


def check_chunk(wanted: WantedArray, sizes: Dict[str, int]) -> None:
    """Refuse a chunk that does not fit into the smallest member."""
    smallest = min(sizes, key=lambda path: sizes[path])
    if wanted.chunk and wanted.chunk * 1024 * 2 > sizes[smallest]:
        raise InputError(f"{wanted.option}chunk", f"{wanted.chunk} KiB is too large for {smallest}, which has {sizes[smallest]} bytes")


def check_writable(wanted: WantedArray, array: Array, done: str) -> None:
    """Refuse a change that md does not make to a read-only array, before mdadm has made half of it. C(done) completes "it cannot be"."""
    if array.array_state == "readonly":
        raise RefusedError(
            wanted.subject,
            f"it cannot be {done} now: it is read-only",
            f"Nothing was changed; make it writable with mdadm --readwrite {array.node}",
        )


def refuse_check(wanted: WantedArray, why: str) -> None:
    """Refuse a consistency check.

    :raises RefusedError: always.
    """
    raise RefusedError(
        wanted.subject,
        f"it cannot be checked: {why}",
        "Nothing was changed; bring its members back (replace_failed) and wait for them (wait: sync) first",
    )
