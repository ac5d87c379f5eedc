# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volumes behind the name of a subject, from the reports of the client's modules. Pure; runs on the controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple


class BenchmarkError(ValueError):
    """A setting, device or output of the benchmark is wrong; the message names it."""


@dataclass(frozen=True)
class Volume:
    """A LUN as the client sees it: C(path) survives reboots, C(disk) is the kernel's present name."""

    path: str
    disk: str
    target: str
    lun: int
    rotational: bool


@dataclass(frozen=True)
class Subject:
    """The device that a run reads or writes. C(width) is the number of volumes over which one copy of the data is spread."""

    name: str
    paths: Tuple[str, ...]
    volumes: Tuple[Volume, ...]
    width: int
    level: str = "none"
    layout: Optional[str] = None
    chunk_kib: Optional[int] = None

    @property
    def rotational(self) -> bool:
        """Whether md would treat any of its volumes as a rotating disk."""
        return any(volume.rotational for volume in self.volumes)


def make_volumes(devices: Sequence[Mapping[str, Any]]) -> List[Volume]:
    """The volumes of the C(devices) of C(iscsi_session_info), ordered so that neighbours are on different servers.

    :raises BenchmarkError: a disk without a lasting name.
    """
    nameless = [str(device["device"]) for device in devices if not device["by_path"]]
    if nameless:
        raise BenchmarkError(f"udev has not given a by-path name to {', '.join(nameless)}: wait, or restart systemd-udevd on the client")
    volumes = [
        Volume(device["by_path"], device["device"].rsplit("/", 1)[-1], device["target"], device["lun"], device["rotational"])
        for device in devices
    ]
    return sorted(volumes, key=lambda volume: (volume.lun, volume.target))


def find_subject(
    name: str, volumes: Sequence[Volume], arrays: Sequence[Mapping[str, Any]], prefix: str = "bench-", scratch_target: str = "-benchmark"
) -> Subject:
    """The subject with this name.

    C(one_lun), C(one_server) and C(scale_N) are volumes. C(layout_X) is the scratch array C(prefix) with C(X), and C(chain_X) the scratch
    array C(prefix) with C(chain). Any other name is the name of an array.

    :raises BenchmarkError: too few volumes, no array with this name, or a member of the array that is not one of the volumes.
    """
    own = [volume for volume in volumes if not volume.target.endswith(scratch_target)]
    if name == "one_lun":
        return _plain(name, own[:1], 1)
    if name == "one_server":
        return _plain(name, [volume for volume in own if volume.target == own[0].target], 1)
    if name.startswith("scale_"):
        count = int(name[len("scale_") :])
        return _plain(name, own[:count], count)
    array = name
    if name.startswith("layout_"):
        array = prefix + name[len("layout_") :]
    elif name.startswith("chain_"):
        array = f"{prefix}chain"
    return _array(name, array, volumes, arrays)


def _plain(name: str, volumes: Sequence[Volume], least: int) -> Subject:
    if len(volumes) < least:
        raise BenchmarkError(f"{name}: the client has {len(volumes)} volumes, {least} are needed; check its iSCSI sessions")
    return Subject(name, tuple(volume.path for volume in volumes), tuple(volumes), len(volumes))


def _array(name: str, array: str, volumes: Sequence[Volume], arrays: Sequence[Mapping[str, Any]]) -> Subject:
    by_name: Dict[str, Mapping[str, Any]] = {one["name"]: one for one in arrays}
    if array not in by_name:
        raise BenchmarkError(f"{name}: there is no array {array} on the client; it has {', '.join(sorted(by_name)) or 'none'}")
    found = by_name[array]
    by_disk = {volume.disk: volume for volume in volumes}
    by_kernel_name = {one["kernel_name"]: one for one in arrays}
    legs: List[Volume] = []
    for disk in _disks(found, by_kernel_name):
        if disk not in by_disk:
            raise BenchmarkError(f"{name}: the member {disk} is not an iSCSI volume of this client")
        legs.append(by_disk[disk])
    mirror = _first_mirror(found, by_kernel_name)
    width = len(_members(found)) if found["level"] == "raid0" else 1
    return Subject(name, (found["device"],), tuple(legs), width, mirror["level"], mirror["layout"], mirror["chunk"])


def _members(array: Mapping[str, Any]) -> List[str]:
    """Kernel names of the members that are in sync."""
    return [member["device"].rsplit("/", 1)[-1] for member in array["members"] if member["state"] == "in_sync"]


def _disks(array: Mapping[str, Any], by_kernel_name: Mapping[str, Mapping[str, Any]]) -> List[str]:
    disks: List[str] = []
    for member in _members(array):
        disks += _disks(by_kernel_name[member], by_kernel_name) if member in by_kernel_name else [member]
    return disks


def _first_mirror(array: Mapping[str, Any], by_kernel_name: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    members = [by_kernel_name[member] for member in _members(array) if member in by_kernel_name]
    return members[0] if members else array
