# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May an array release members, so that their disks can be detached? Pure."""

from __future__ import annotations

from typing import Sequence

from ..model.array import Array, Member

_WAIT = "wait for it (wait: sync)"
_BRING_BACK = "bring its other members back (replace_failed) and wait for them (wait: sync)"


def obstacle(array: Array, leaving: Sequence[Member]) -> str:
    """Why the array cannot release the members in C(leaving), with the remedy; empty if it can.

    The array does not need members that md has ejected already. It can spare a member with current data that answers only if all other
    members have current data and answer. A member that does not answer is lost already, and is released if the data are complete without
    it.
    """
    if all(member.faulty for member in leaving):
        return ""
    reason = _not_at_rest(array)
    if reason:
        return reason
    others = [member for member in array.members if member not in leaving]
    current = [member for member in others if member.current and member.slot is not None]
    slots = {member.slot for member in current}
    missing = [slot for slot in range(array.raid_disks) if slot not in slots]
    names = " and ".join(member.node for member in leaving)
    have = f"only {', '.join(member.node for member in current)}" if current else "none"
    then = f"{have} of its {array.raid_disks} members would hold current data and answer; {_BRING_BACK}"
    if not array.survives(missing):
        return f"{array.level} cannot lose {names}: then {then}"
    # Members are counted, because the slot of a failed member that also leaves is no longer known.
    gone = [member for member in leaving if member.faulty or member.slot is not None]
    if any(member.current for member in leaving) and len(current) + len(gone) < array.raid_disks:
        return f"it is degraded already: without {names} {then}"
    return ""


def _not_at_rest(array: Array) -> str:
    """Why md cannot, or should not, release any member now."""
    if not array.active:
        return f"it does not run, and only collects members; stop it with mdadm --stop {array.node}"
    if array.broken:
        return "it is broken: it has lost more members than it can; stop it (state: stopped)"
    if array.array_state == "readonly":
        return f"it is read-only, so md cannot record which members have left; make it writable with mdadm --readwrite {array.node}"
    if array.sync_action != "idle" or array.unsettled:
        action = array.sync_action if array.sync_action != "idle" else "a resync or a rebuild that is about to begin"
        return f"it is busy with {action}; {_WAIT}"
    return ""
