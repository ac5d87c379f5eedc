# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which array does a task mean? By name, UUID and members; never by the number of a device node alone. Pure."""

from __future__ import annotations

from typing import List, Optional, Union

from .array import Array
from .block_device import Superblock
from .conf import uuids_named
from .state import State
from .wanted import WantedArray


def bears_name(state: State, wanted: WantedArray, found: Union[Array, Superblock]) -> bool:
    """Whether an array or superblock has the wanted name: in its own label, or in a line of mdadm.conf for its UUID."""
    return found.label in (wanted.label, wanted.name) or found.uuid in uuids_named(state.conf, wanted.spellings)


def find(state: State, wanted: WantedArray) -> Optional[Array]:
    """The array that a task means, after the checks of its identity: by its members, else by its name."""
    names = {state.paths.get(path) for path in wanted.all_devices}
    by_member = [array for array in state.arrays if names & set(array.devices)]
    by_name = [array for array in state.arrays if bears_name(state, wanted, array)]
    return next(iter(by_member or by_name), None)


def member_nodes(state: State, array: Array) -> List[str]:
    """Device nodes of an array's members."""
    return [state.devices[name].node if name in state.devices else f"/dev/{name}" for name in array.devices]
