# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is every copy of the data in its own failure domain? Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ..._core.errors import RefusedError
from ..model.array import Array
from ..model.block_device import BlockDevice
from ..model.layout import redundancy_groups
from ..model.wanted import WantedArray


def check_domains(wanted: WantedArray) -> None:
    """Refuse a declaration that puts two copies of the same data, or more members of a parity level than it can lose, in one domain."""
    found = _together(wanted, wanted.level, wanted.layout_word, len(wanted.devices), dict(enumerate(wanted.devices)))
    if found:
        raise RefusedError(
            wanted.subject,
            f"{' and '.join(found[1])} keep copies of the same data and are all in failure domain '{found[0]}'",
            "Order the devices so that no domain holds two copies, or correct failure_domains",
        )


def check_real_domains(wanted: WantedArray, devices: Dict[str, BlockDevice], array: Array) -> None:
    """L(check_domains) for an existing array, by the array's own layout and the slots of its members."""
    paths = {device.kernel_name: path for path, device in devices.items()}
    slots = {m.slot: paths[m.device] for m in array.members if m.slot is not None and not m.faulty and m.device in paths}
    found = _together(wanted, array.level, array.layout, array.raid_disks, slots)
    if found:
        raise RefusedError(
            wanted.subject,
            f"{' and '.join(found[1])} keep copies of the same data in the existing array, and are all in failure domain '{found[0]}'",
            "Nothing was changed; copy the data to a new array whose devices are ordered by domain, or correct failure_domains",
        )


def _together(
    wanted: WantedArray, level: str, layout: Optional[int], raid_disks: int, slots: Mapping[int, str]
) -> Optional[Tuple[str, List[str]]]:
    """The first domain with too many members that keep the same data, and their paths. C(slots) has the paths of known members, by slot."""
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
