# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May the disks be held or released? Pure."""

from __future__ import annotations

from typing import List, Sequence

from .._core.errors import ObservationError, RefusedError
from .._programs.hold_disk.scsi import Registration
from .options import Wanted
from .state import HeldDisk, State, shown_key

_SHOWN = 3


def check(state: State, wanted: Wanted, held_as_a_whole: Sequence[str] = ()) -> None:
    """Refuse disks that another host holds, unless the task takes them over, and the release of some LUNs of a target held as a whole.

    :raises ObservationError: a disk knows no persistent reservations.
    :raises RefusedError: another host holds disks, or the rule names no LUNs of a target of which some are released.
    """
    whole = [target for target in wanted.targets if target in held_as_a_whole]
    if whole and wanted.luns is not None and not wanted.held:
        raise RefusedError(
            f"some LUNs of {whole[0]}",
            f"the rule {wanted.path} holds every LUN of this target",
            "Nothing was changed; name the LUNs to hold first (state: held, luns), and release the others then",
        )
    failed = [disk for disk in state.disks if disk.status is None and not disk.is_away]
    if failed and wanted.held:
        raise ObservationError(
            f"{'; '.join(disk.problem for disk in failed[:_SHOWN])}. Nothing was changed; the target has to offer persistent reservations"
            " (LIO does, unless emulate_pr is 0). In the role, storage_client_reservation: false does without them"
        )
    taken = [f"{disk.label} is held by {_holder(disk)}" for disk in state.disks if held_by_other(disk, state.key)]
    if taken and not wanted.take_over and wanted.held:
        more = f" and {len(taken) - _SHOWN} more disks" if len(taken) > _SHOWN else ""
        raise RefusedError(
            "the disks of these targets",
            f"{'; '.join(taken[:_SHOWN])}{more}",
            "Nothing was changed; a disk has one writer. If that host is lost for good, set take_over: it cannot write any more after that",
        )


def held_by_other(disk: HeldDisk, key: int) -> bool:
    """Whether another host holds the disk."""
    holder = disk.status.holder if disk.status else None
    return holder is not None and holder.key != key


def intruders(disk: HeldDisk, key: int) -> List[Registration]:
    """Other hosts that are registered at a disk, and so may write to it."""
    return disk.status.others(key) if disk.status else []


def _holder(disk: HeldDisk) -> str:
    holder = disk.status.holder if disk.status else None
    return f"{holder.initiator or 'an unknown initiator'} (key {shown_key(holder.key)})" if holder else "no host"
