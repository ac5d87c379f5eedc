# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logical volumes and LUNs of a storage server, and the disks that it refuses. Pure; runs on the controller."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence

from .client import StorageError

_MIB = 1 << 20
_EXTENT_MB = 4
"""LVM's default size of an extent."""


def make_volumes(devices: Sequence[str], vg_prefix: str, lv: str) -> List[Dict[str, Any]]:
    """The volume group and the logical volume of each disk."""
    return [
        {"number": number, "device": device, "vg": f"{vg_prefix}{number}", "path": f"/dev/{vg_prefix}{number}/{lv}"}
        for number, device in enumerate(devices, 1)
    ]


def make_group_volumes(groups: Sequence[str], lv: str) -> List[Dict[str, Any]]:
    """A logical volume for each entry of existing volume groups: C(lv), and for a group that is named again C(lv2), C(lv3) ..."""
    volumes: List[Dict[str, Any]] = []
    for number, group in enumerate(groups, 1):
        again = groups[:number].count(group)
        name = lv if again == 1 else f"{lv}{again}"
        volumes.append({"number": number, "device": None, "vg": group, "lv": name, "path": f"/dev/{group}/{name}"})
    return volumes


def inspect_groups(lvs: str, vgs: str, volumes: Sequence[Mapping[str, Any]], size_mb: int) -> Dict[str, Any]:
    """The logical volumes to create or grow in existing volume groups.

    :arg lvs: the JSON of C(lvs) with C(vg_name), C(lv_name) and C(lv_size) in bytes; C(vgs) that of vgs with C(vg_name) and C(vg_free).
    :returns: C(existing) and C(todo), as L(inspect_disks) has them; C(refused), a sentence for each group that does not exist or lacks the
        room.
    :raises StorageError: the outputs are not the JSON of lvs and vgs.
    """
    try:
        rows = json.loads(lvs)["report"][0]["lv"]
        sizes = {(row["vg_name"], row["lv_name"]): int(row["lv_size"]) for row in rows}
        free = {row["vg_name"]: int(row["vg_free"]) for row in json.loads(vgs)["report"][0]["vg"]}
    except (ValueError, KeyError, TypeError, IndexError):
        raise StorageError(f"the outputs of lvs and vgs are not their JSON: {lvs[:100]!r}, {vgs[:100]!r}") from None
    existing = [volume for volume in volumes if (volume["vg"], volume["lv"]) in sizes]
    missing = {id(volume): size_mb * _MIB - sizes.get((volume["vg"], volume["lv"]), 0) for volume in volumes}
    todo = [volume for volume in volumes if missing[id(volume)] > 0]
    needed: Dict[str, int] = {}
    for volume in todo:
        needed[volume["vg"]] = needed.get(volume["vg"], 0) + missing[id(volume)]
    absent = sorted({str(volume["vg"]) for volume in volumes} - set(free))
    return {
        "existing": existing,
        "todo": todo,
        "refused": [
            *(f"there is no volume group {group}" for group in absent),
            *(
                f"the volume group {group} has {free[group] // _MIB} MiB free, and {size // _MIB} MiB are needed"
                for group, size in needed.items()
                if group in free and free[group] < size
            ),
        ],
    }


def make_luns(volumes: Sequence[Mapping[str, Any]], lv: str, attributes: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """A LUN for each volume, with the same attributes."""
    return [
        {"lun": lun, "name": f"{volume['vg']}-{volume.get('lv', lv)}", "path": volume["path"], "attributes": dict(attributes)}
        for lun, volume in enumerate(volumes)
    ]


def inspect_disks(
    lsblk: str, devices: Sequence[str], resolved: Sequence[str], volumes: Sequence[Mapping[str, Any]], lv: str, size_mb: int
) -> Dict[str, Any]:
    """The contents of the disks of a server, and the volumes to create or grow.

    :arg lsblk: the output of C(lsblk --json --bytes) for the disks. It shows a disk once, also if the disk is named several times.
    :arg resolved: the resolved name of each of C(devices).
    :returns: C(same), a sentence for each disk that is named twice; C(foreign), the disks with other contents than LVM; C(existing), the
        volumes that exist; C(todo), the volumes that are missing or too small; C(taken), a sentence for each disk of these that is in
        another volume group; C(small), a sentence for each disk without room for its volume.
    :raises StorageError: the output of lsblk is not JSON with block devices.
    """
    try:
        disks: List[Dict[str, Any]] = json.loads(lsblk)["blockdevices"]
    except (ValueError, KeyError, TypeError):
        raise StorageError(f"the output of lsblk is not JSON with blockdevices: {lsblk[:200]!r}") from None
    sizes = {child["name"]: int(child["size"]) for disk in disks for child in disk.get("children", ())}
    existing = [volume for volume in volumes if _mapped(volume["vg"], lv) in sizes]
    ready = [volume for volume in existing if sizes[_mapped(volume["vg"], lv)] >= size_mb * _MIB]
    paths = dict(zip(devices, resolved))
    named = {volume["device"]: volume["vg"] for volume in volumes if volume not in ready and volume["device"] in paths}
    # lsblk shows a device of device mapper by the name that it has there.
    growing = {**named, **{paths[device]: group for device, group in named.items()}}
    return {
        "same": [*_same_paths(devices, resolved), *_same_names(disks)],
        "foreign": [disk for disk in disks if _is_foreign(disk)],
        "taken": [text for disk in disks for text in _other_group(disk, growing.get(disk["path"]))],
        "small": [_small(disk, size_mb) for disk in disks if disk["path"] in growing and _room_mb(disk) < _extents_mb(size_mb)],
        "existing": existing,
        "todo": [volume for volume in volumes if volume not in ready],
    }


def _same_paths(devices: Sequence[str], resolved: Sequence[str]) -> List[str]:
    return [f"{device} is {path}" for device, path in zip(devices, resolved) if list(resolved).count(path) > 1]


def _same_names(disks: Sequence[Mapping[str, Any]]) -> List[str]:
    """A sentence for each disk that shares its world wide name with another: they are several paths to one disk."""
    # A partition has the world wide name of its disk.
    whole = [disk for disk in disks if disk["type"] != "part" and disk["wwn"]]
    names = [disk["wwn"] for disk in whole]
    return [f"{disk['path']} has the WWN {disk['wwn']}" for disk in whole if names.count(disk["wwn"]) > 1]


def _other_group(disk: Mapping[str, Any], declared: Optional[str]) -> List[str]:
    """A sentence if the disk is in another volume group than the declared one, by its logical volumes; C(None) declares nothing."""
    names = [child["name"] for child in disk.get("children", ()) if child.get("type") == "lvm"]
    groups = sorted({_group_of(name) for name in names} - {declared})
    return [f"{disk['path']} is in the volume group {', '.join(groups)}, and {declared} is declared on it"] if groups and declared else []


def _mapped(group: str, volume: str) -> str:
    """The device-mapper name of a logical volume."""
    return "-".join(name.replace("-", "--") for name in (group, volume))


def _group_of(name: str) -> str:
    """The volume group in the device-mapper name of a logical volume, in which a hyphen of a name itself is doubled."""
    match = re.match(r"((?:[^-]|--)+)-(?!-)", name)
    return match.group(1).replace("--", "-") if match else name


def _room_mb(disk: Mapping[str, Any]) -> int:
    """The size of a volume that takes all of the disk: LVM keeps 1 MiB for itself, and gives whole extents."""
    return (int(disk["size"]) // _MIB - 1) // _EXTENT_MB * _EXTENT_MB


def _extents_mb(size_mb: int) -> int:
    return -(-size_mb // _EXTENT_MB) * _EXTENT_MB


def _small(disk: Mapping[str, Any], size_mb: int) -> str:
    return f"{disk['path']} has room for a volume of {max(_room_mb(disk), 0)} MiB, and {_extents_mb(size_mb)} MiB are declared"


def _is_foreign(disk: Mapping[str, Any]) -> bool:
    if disk["fstype"] is None:
        # lsblk shows the kind of a disk's partition table for its partitions too.
        return bool(disk["pttype"]) and disk["type"] != "part"
    return bool(disk["fstype"] != "LVM2_member")
