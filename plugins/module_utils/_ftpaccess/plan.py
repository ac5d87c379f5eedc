# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that write or remove the file of sections, and let the server read it. Pure."""

from __future__ import annotations

from typing import List

from .._core.plan import MakeDirectory, Operation, Plan, RemoveFile, Step, WriteFile
from . import show
from .checks import check_cure
from .options import WantedCure
from .state import UNREAD, CureState


def plan(state: CureState, wanted: WantedCure) -> Plan:
    """Write or remove the file, and let the server read it.

    :raises RefusedError: see L(check_cure).
    """
    check_cure(state, wanted)
    steps: List[Step] = []
    is_changed = state.wanted != (state.text or "")
    if is_changed:
        # The next boot needs no reload, so the note of it is kept in memory.
        steps += [MakeDirectory(UNREAD.rpartition("/")[0]), WriteFile(UNREAD, f"{wanted.file}\n")]
        steps.append(WriteFile(wanted.file, state.wanted) if state.wanted else RemoveFile(wanted.file))
    if is_changed or state.is_unread:
        steps += [Operation("reload", {"config": state.plain.path, "running": state.is_running}), RemoveFile(UNREAD)]
    return Plan(
        subject=wanted.file,
        before=show.before(state),
        after=show.after(state) if steps else show.before(state),
        steps=tuple(steps),
    )
