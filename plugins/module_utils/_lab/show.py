# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab in the diff and in the return values of lab_guests. Pure."""

from __future__ import annotations

from typing import Any, Dict

from .._core.plan import Plan
from .render import start_script
from .state import State, Wanted


def view(state: State, lab: Wanted) -> Dict[str, Any]:
    """The lab as it is."""
    guests = {}
    for guest in lab.guests:
        observed = state.guest(guest.name)
        guests[guest.name] = "running" if observed.running else "stopped" if observed.has_root else "absent"
    return {"namespace": "absent" if state.holder is None else "present", "guests": guests}


def before(state: State, lab: Wanted) -> Dict[str, Any]:
    """The lab as it is, with the start scripts that are to change."""
    return {**view(state, lab), "starts": {name: state.guest(name).start_script for name in _changed_starts(state, lab)}}


def after(state: State, lab: Wanted) -> Dict[str, Any]:
    """The same after the plan."""
    starts = _changed_starts(state, lab)
    return {"namespace": "present", "guests": {guest.name: "running" for guest in lab.guests}, "starts": starts}


def _changed_starts(state: State, lab: Wanted) -> Dict[str, str]:
    """The start scripts of guests with other settings than before. Those of new guests would say nothing in a diff."""
    scripts = {guest.name: start_script(lab, guest) for guest in lab.guests if state.guest(guest.name).start_script is not None}
    return {name: script for name, script in scripts.items() if script != state.guest(name).start_script}


def returned(state: State, lab: Wanted, _plan: Plan) -> Dict[str, Any]:
    """The return values; empty for an absent lab."""
    if not lab.present:
        return {}
    guests = [
        {
            "name": guest.name,
            "address": guest.address.split("/")[0],
            "running": state.guest(guest.name).running,
            "disks": [
                {"name": disk.name, "device": lab.backend.device(number, disk), "size": disk.size}
                for number, disk in enumerate(guest.disks)
            ],
        }
        for guest in lab.guests
    ]
    return {
        "enter": f"{lab.directory}/enter",
        "private_key": f"{lab.directory}/id_ed25519",
        "interface": lab.backend.interface,
        "guests": guests,
    }
