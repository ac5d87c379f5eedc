# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for all arrays of a task. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

from .._core.plan import Plan
from .draft import Draft
from .heal import Healing
from .presence import plan_presence
from .realign import plan_realignment
from .removal import plan_removal
from .state import State
from .wanted import Wanted


@dataclass(frozen=True)
class Outcome:
    """C(state) is the host after the plan, but for the arrays in C(deferred), which are planned when their members run.

    C(healed) says what is done about lost members, C(postponed) are arrays that are grown when they are whole.
    """

    plan: Plan
    state: State
    healed: Tuple[Healing, ...] = ()
    deferred: Tuple[str, ...] = ()
    postponed: Tuple[str, ...] = ()


def plan_arrays(state: State, wanted: Sequence[Wanted]) -> Outcome:
    """One plan for all arrays: what goes, from the last (which may lie on the others) to the first, then what comes.

    :raises FleetlabError: something cannot be done without harm; then nothing is planned at all.
    """
    draft = Draft(state)
    for one in reversed(wanted):
        if one.state != "present":
            plan_removal(draft, one)
    present = [one for one in wanted if one.state == "present"]
    plan_realignment(draft, present)
    for one in present:
        plan_presence(draft, one)
    plan = draft.finish(wanted)
    return Outcome(plan, draft.state, tuple(draft.healed), tuple(one.name for one in draft.deferred), tuple(draft.postponed))
