# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would a device change the size of an array's logical blocks? Pure.

An array has the largest logical blocks of its members. A file system with smaller blocks on a running array that gets larger blocks cannot
be mounted any more.
"""

from __future__ import annotations

from typing import Dict, Mapping

from ..._core.errors import RefusedError
from ..model.array import Array
from ..model.block_device import BlockDevice
from ..model.state import State
from ..model.wanted import WantedArray


def check_new_blocks(wanted: WantedArray, devices: Mapping[str, BlockDevice]) -> None:
    """Refuse a new array of devices with logical blocks of different sizes, unless the task asks for the largest of them."""
    known = {path: device.block_size for path, device in devices.items() if device.block_size}
    largest = max(known.values(), default=0)
    if wanted.block_size is None and len(set(known.values())) > 1:
        raise RefusedError(
            wanted.subject,
            f"the logical blocks of its members differ: {_listed(known)}",
            f"Nothing was changed; name devices with blocks of one size, or set block_size to {largest} for an array with these blocks",
        )
    if known and wanted.block_size not in (None, largest):
        raise RefusedError(
            wanted.subject,
            f"it would have logical blocks of {largest} bytes, and block_size asks for {wanted.block_size}: {_listed(known)}",
            "Nothing was changed; correct block_size, or name other devices",
        )


def check_blocks(wanted: WantedArray, state: State, array: Array, devices: Mapping[str, BlockDevice]) -> None:
    """Refuse to make devices members of an array whose logical blocks are smaller than theirs."""
    size = blocks_of(state, array)
    large = {path: device.block_size for path, device in devices.items() if size and device.block_size > size}
    if large:
        raise RefusedError(
            wanted.subject,
            f"it has logical blocks of {size} bytes, and {_listed(large)}: md would give the array the larger blocks, and a file system on"
            " it may then not be mounted any more",
            f"Nothing was changed; name devices with blocks of {size} bytes",
        )


def blocks_of(state: State, array: Array) -> int:
    """The size of the array's logical blocks in bytes, by itself if it runs, else by its members; 0 if it is not known."""
    running = state.devices.get(array.kernel_name)
    if running and running.block_size:
        return running.block_size
    return max((state.devices[name].block_size for name in array.devices if name in state.devices), default=0)


def _listed(sizes: Dict[str, int]) -> str:
    return ", ".join(f"{path} has blocks of {size} bytes" for path, size in sizes.items())
