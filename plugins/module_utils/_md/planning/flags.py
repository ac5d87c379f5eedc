# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags of the members of a running array: write-mostly and failfast. Pure.

sysfs sets them on new and on running members alike, and the kernel keeps them in the superblocks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Tuple

from ..._core.plan import Command
from ..model.array import Array
from ..model.block_device import BlockDevice
from ..model.wanted import WantedArray
from .builder import PlanBuilder

_WORDS = {"write_mostly": "writemostly", "failfast": "failfast"}
"""The word that sysfs shows, and the word that it takes."""


def plan_flags(builder: PlanBuilder, wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> Array:
    """Plan to set and clear the flags that differ; returns the array after these steps."""
    for shown, written in _WORDS.items():
        flagged = wanted.flagged(shown)
        if flagged is not None:
            array = _set(
                builder, array, {devices[path].kernel_name: path in flagged for path in wanted.devices if path in devices}, (shown, written)
            )
    return array


def _set(builder: PlanBuilder, array: Array, wanted: Dict[str, bool], words: Tuple[str, str]) -> Array:
    shown, written = words
    members = []
    for member in array.members:
        want = wanted.get(member.device)
        if want is None or member.faulty or (shown in member.state) == want:
            members.append(member)
            continue
        file = f"/sys/block/{array.kernel_name}/md/dev-{member.device}/state"
        builder.steps.append(Command(("tee", file), stdin=f"{'' if want else '-'}{written}\n"))
        rest = tuple(word for word in member.state if word != shown)
        members.append(replace(member, state=(*rest, shown) if want else rest))
    changed = replace(array, members=tuple(members))
    if changed != array:
        builder.state = builder.state.with_changed_array(changed)
    return changed
