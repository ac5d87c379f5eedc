# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the array that a task means the only array with its name, and as declared? Pure."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Union

from ..._core.errors import RefusedError
from ..model.array import Array
from ..model.block_device import BlockDevice, Superblock, shown_uuid
from ..model.conf import uuids_named
from ..model.identify import bears_name, member_nodes
from ..model.layout import decode
from ..model.state import State
from ..model.wanted import WantedArray


def running(state: State, wanted: WantedArray, devices: Dict[str, BlockDevice]) -> Optional[Array]:
    """The array, started or not, that has the wanted devices as members; it is made sure that only this array has the name.

    :raises RefusedError: the devices are in an array of another name, or the name or its device node belongs to another array.
    """
    names = {device.kernel_name for device in devices.values()}
    holding = [array for array in state.arrays if names & set(array.devices)]
    mine = holding[0] if holding else None
    for array in holding:
        if array is not mine or not (bears_name(state, wanted, array) or array.name == wanted.name):
            inside = [path for path, device in devices.items() if device.kernel_name in array.devices]
            raise RefusedError(
                wanted.subject,
                f"{', '.join(inside)} belongs to {array.describe()}",
                "Nothing was changed; name other devices, or remove that array first by its own name",
            )
    check_name_free(state, wanted, mine)
    return mine


def check_name_free(state: State, wanted: WantedArray, mine: Optional[Array]) -> None:
    """Refuse if an array other than C(mine) has the wanted name or the wanted device node."""
    for array in state.arrays:
        if array is mine or not array.members:
            continue
        if bears_name(state, wanted, array) or array.kernel_name == wanted.kernel_name:
            raise RefusedError(
                wanted.subject,
                f"the name is taken by {array.describe()} with the members {', '.join(member_nodes(state, array))}",
                "Nothing was changed; choose another name, or remove that array first",
            )


def check_name_unclaimed(state: State, wanted: WantedArray, ours: Sequence[str]) -> None:
    """Refuse if devices outside C(ours) carry a stopped array of this name, or mdadm.conf gives the name to another array."""
    for device in state.devices.values():
        superblock = device.superblock
        if superblock and device.kernel_name not in ours and bears_name(state, wanted, superblock):
            raise RefusedError(
                wanted.subject,
                f"the name is taken by array '{superblock.label}' (UUID {shown_uuid(superblock.uuid)}), which is not running;"
                f" {device.node} carries its superblock",
                "Nothing was changed; choose another name, or remove that array first",
            )
    promised = uuids_named(state.conf, wanted.spellings)
    if promised and not wanted.overwrite:
        raise RefusedError(
            wanted.subject,
            f"{state.conf[0].path} gives the name to the array with UUID {shown_uuid(promised[0])}, which no device carries now",
            "Nothing was changed; if that array no longer exists, remove its line with state forgotten; else choose another name",
        )


def differences(wanted: WantedArray, found: Union[Array, Superblock]) -> List[str]:
    """How an existing array differs from the wanted array. Options that the task omits are not compared."""
    metadata = found.metadata if isinstance(found, Array) else found.version
    bitmap = found.bitmap if isinstance(found, Array) else ("internal" if found.bitmap else "none")
    pairs = [
        ("level", found.level, wanted.level),
        ("number of devices", found.raid_disks, len(wanted.devices)),
        ("layout", decode(found.level, found.layout), wanted.layout),
        ("chunk", f"{found.chunk // 1024} KiB", f"{wanted.chunk} KiB" if wanted.chunk else None),
        ("metadata", metadata, wanted.metadata),
        ("bitmap", bitmap, wanted.bitmap),
    ]
    return [f"{what} is {have}, wanted {want}" for what, have, want in pairs if want is not None and have != want]


def check_same(wanted: WantedArray, found: Union[Array, Superblock], extra: Sequence[str]) -> None:
    """Refuse an array of this name that is not as declared; C(extra) are members that the task does not name."""
    problems = differences(wanted, found)
    if extra:
        problems.append(f"{', '.join(extra)} belongs to it and is not among devices and spares")
    if problems:
        raise RefusedError(
            wanted.subject,
            f"it exists (UUID {shown_uuid(found.uuid)}) and is not as declared: {'; '.join(problems)}",
            "Nothing was changed; correct the declaration, or remove the array first if its data may go",
        )
