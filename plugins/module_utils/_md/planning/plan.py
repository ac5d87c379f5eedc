# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan for everything that a task asks for. Pure."""

from __future__ import annotations

from ..model.array_plan import ArrayPlan
from ..model.state import State
from ..model.wanted import Wanted
from .builder import PlanBuilder
from .presence import plan_presence
from .release import plan_release
from .removal import plan_removal
from .rename_running import plan_renaming


def plan(state: State, wanted: Wanted) -> ArrayPlan:
    """One plan for all arrays: removals from the last array (which may lie on the others) to the first, then arrays that shall be present.

    :raises FleetlabError: a change would do harm, or is not possible; then nothing is planned.
    """
    if not wanted.arrays:
        return plan_release(state, wanted.release)
    builder = PlanBuilder(state)
    for one in reversed(wanted.arrays):
        if one.state != "present":
            plan_removal(builder, one)
    present = [one for one in wanted.arrays if one.state == "present"]
    plan_renaming(builder, present)
    for one in present:
        plan_presence(builder, one)
    return builder.finish(wanted.arrays)
