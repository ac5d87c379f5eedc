# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from the state of the rule and the disks to the wanted values. Pure."""

from __future__ import annotations

from typing import List

from .._core.plan import Command, Operation, Plan, RemoveFile, Step, WriteFile
from . import show
from .options import TRANSPORTS, Wanted
from .state import State, differences, names

FOLLOW = "follow-rule"
"""The operation that waits for the disks; see apply."""

RELOAD = Command(("udevadm", "control", "--reload"))


def rule(wanted: Wanted) -> str:
    """The content of the rule file."""
    pattern = TRANSPORTS[wanted.transport]
    lines = [f"# Written by the module fleetlab.linux.disk_queue: queues of disks with the transport {wanted.transport}."]
    lines += [
        f'ACTION=="add|change", SUBSYSTEM=="block", ENV{{DEVTYPE}}=="disk", ENV{{ID_PATH}}=="{pattern}", ATTR{{queue/{name}}}="{value}"'
        for name, value in wanted.settings
    ]
    return "\n".join(lines) + "\n"


def plan(state: State, wanted: Wanted) -> Plan:
    """Write the rule for disks that appear later, also at boot, and have the existing disks follow it.

    The next run completes a run that was killed between these steps, because the disks still differ.
    """
    return Plan(
        subject=f"queues of disks by {wanted.path}",
        before=show.before(state, wanted),
        after=show.after(state, wanted, rule(wanted)),
        steps=tuple(_present(state, wanted) if wanted.present else _absent(state, wanted)),
    )


def _present(state: State, wanted: Wanted) -> List[Step]:
    written = state.rule == rule(wanted)
    differing = names(differences(state, wanted))
    if written and not differing:
        return []
    steps: List[Step] = [] if written else [WriteFile(wanted.path, rule(wanted))]
    return [*steps, RELOAD, Operation(FOLLOW, {"disks": differing})]


def _absent(state: State, wanted: Wanted) -> List[Step]:
    return [] if state.rule is None else [RemoveFile(wanted.path), RELOAD]
