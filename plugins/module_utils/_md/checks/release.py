# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May an array let go of members, so that their disks can be taken away? Pure."""

from __future__ import annotations

from typing import Sequence

from ..model.array import Array, Member

_WAIT = "wait for it (wait: sync)"
_BRING_BACK = "bring its other members back (replace_failed) and wait for them (wait: sync)"


def obstacle(array: Array, leaving: Sequence[Member]) -> str:
    """Why the array cannot let go of the members in C(leaving), with the remedy; empty if it can.

    Members that md has given up already hold nothing that the array needs. A member with current data that answers is only spared by
    an array whose other members all have current data and answer. One that does not answer is lost anyway: it can go where the data
    are complete without it.
    """
    if all(member.faulty for member in leaving):
        return ""
    obstacle = _not_at_rest(array)
    if obstacle:
        return obstacle
    others = [member for member in array.members if member not in leaving]
    current = [member for member in others if member.current and member.slot is not None]
    slots = {member.slot for member in current}
    missing = [slot for slot in range(array.raid_disks) if slot not in slots]
    names = " and ".join(member.node for member in leaving)
    have = ", ".join(member.node for member in current) or "none"
    if not array.survives(missing):
        return f"{array.level} cannot do without {names}: of its other members {have} holds current data and answers; {_BRING_BACK}"
    # The slot of a failed member that leaves too is not known any more: so what leaves is counted.
    gone = [member for member in leaving if member.faulty or member.slot is not None]
    if any(member.current for member in leaving) and len(current) + len(gone) < array.raid_disks:
        return (
            f"it is degraded already: of its {array.raid_disks} members only {have} would hold current data and answer without {names};"
            f" {_BRING_BACK}"
        )
    return ""


def _not_at_rest(array: Array) -> str:
    """Why md would not let go of any member now, or should not."""
    if not array.active:
        return f"it does not run, and only collects members; stop it with mdadm --stop {array.node}"
    if array.broken:
        return "it is broken: members are gone that it cannot do without; stop it (state: stopped)"
    if array.array_state == "readonly":
        return f"it is read-only, so that md could not note which members have gone; make it writable with mdadm --readwrite {array.node}"
    if array.sync_action != "idle" or array.unsettled:
        action = array.sync_action if array.sync_action != "idle" else "a resync or a rebuild that is about to begin"
        return f"it is busy with {action}; {_WAIT}"
    return ""
