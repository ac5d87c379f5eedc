# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the journal of an array present, which it needs to be assembled? Pure.

mdadm gives a journal to an array of parity levels (C(--write-journal)); the last writes to the array are in it first.
"""

from __future__ import annotations

from typing import List

from ..._core.errors import RefusedError
from ..model.block_device import BlockDevice, Superblock
from ..model.state import State
from ..model.wanted import WantedArray
from .devices import check_free


def journals_of(state: State, wanted: WantedArray, newest: Superblock) -> List[BlockDevice]:
    """The journal of a stopped array, for its assembly; empty for an array without a journal.

    :raises RefusedError: the array has a journal that is in use, or that no device carries.
    """
    if not newest.journaled:
        return []
    found = state.journals(newest.uuid)
    if not found:
        raise RefusedError(
            wanted.subject,
            "it has a journal, and no device of this host carries it; its last writes may be in the journal alone",
            "Nothing was changed; bring the disk of the journal back",
        )
    check_free(wanted, {device.node: device for device in found}, "its journal cannot be used: ")
    return found
