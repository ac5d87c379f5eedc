# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add spares to a running array, and take those away that are no longer declared. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List

from .._core.errors import RefusedError
from .._core.plan import Operation
from .checks import check_usable
from .draft import Draft
from .grow import add_blank
from .state import Array, BlockDevice, Member, shown_uuid
from .wanted import Wanted


def surplus_spares(devices: Dict[str, BlockDevice], array: Array) -> List[Member]:
    """Members that are nothing but spares and not declared."""
    named = {device.kernel_name for device in devices.values()}
    return [member for member in array.members if member.slot is None and not member.faulty and member.device not in named]


def plan_spares(draft: Draft, wanted: Wanted, devices: Dict[str, BlockDevice], array: Array) -> Array:
    """Add to the draft what gives the array exactly the declared spares; returns it as it then is.

    :raises RefusedError: a device may not be used, or a spare may be needed at any moment.
    """
    if not wanted.exact_spares:
        return array
    new = [path for path in wanted.spares if path in devices and devices[path].kernel_name not in array.devices]
    surplus = surplus_spares(devices, array)
    check_usable(wanted, devices, new)
    if surplus and array.missing_slots:
        nodes = ", ".join(f"/dev/{member.device}" for member in surplus)
        raise RefusedError(
            f"array {wanted.name}",
            f"its spares {nodes} are no longer declared, but it is degraded and may need them",
            "Nothing was changed; bring its members back first, or declare the spares",
        )
    for path in new:
        add_blank(draft, array, devices[path])
    for member in surplus:
        draft.run("mdadm", "--manage", array.node, "--remove", member.device)
        # Else it would be taken for a spare again at the next boot.
        draft.steps.append(Operation("zero_superblock", {"device": f"/dev/{member.device}", "uuid": shown_uuid(array.uuid)}))
    added = tuple(Member(devices[path].kernel_name, None, ("spare",)) for path in new)
    array = replace(array, members=tuple(member for member in array.members if member not in surplus) + added)
    draft.state = draft.state.with_changed_array(array)
    return array
