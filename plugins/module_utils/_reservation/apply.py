# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of plans: hold, take over and release a disk."""

from __future__ import annotations

from typing import Callable, Dict

from .._core.errors import FleetlabError
from .._core.plan import Operations
from .._programs.hold_disk.hold import hold, release, take_over
from .._programs.hold_disk.scsi import Disk, Failed, Refused


def operations(make_disk: Callable[[str], Disk] = Disk) -> Operations:
    """The operations of plans, by name."""
    actions: Dict[str, Callable[[Disk, int], object]] = {"hold": _hold, "take_over": take_over, "release": release}

    def carry_out(action: Callable[[Disk, int], object], device: str, key: str) -> None:
        try:
            action(make_disk(device), int(key, 16))
        except Refused:
            raise FleetlabError(f"{device}: another host changed its reservation at the same moment: run this again") from None
        except Failed as error:
            raise FleetlabError(str(error)) from None

    def operation(name: str) -> Callable[..., None]:
        return lambda device, key: carry_out(actions[name], device, key)

    return {name: operation(name) for name in actions}


def _hold(disk: Disk, key: int) -> None:
    if not hold(disk, key):
        raise Refused(disk.node)
