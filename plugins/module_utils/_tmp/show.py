# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diff and the return values of private_tmp for a service. Pure."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Dict, List, Optional

from .._core.plan import Plan
from .options import Wanted
from .state import State
from .verify import failure, kib, unmet


def view(drop_in: Optional[str], helper: Optional[str], restart_needed: bool) -> Dict[str, Any]:
    """One side of the diff."""
    return {"drop_in": drop_in or "", "unit": helper or "", "restart_needed": restart_needed}


def returned(state: State, wanted: Wanted, plan: Plan) -> Dict[str, Any]:
    """The return values."""
    return {
        # In check mode the plan includes a restart that does not take place.
        "restart_needed": bool(plan.after["restart_needed"]),
        "problems": [*unmet(state, wanted), *failure(state)],
        "proof": proof(state),
        "shared": [{**asdict(one), "users": list(one.users)} for one in state.shared],
    }


def with_shared_of(before: State, after: State) -> State:
    """The state after a plan, with the files that were shared before it, because after a restart no file is shared."""
    return replace(after, shared=before.shared)


def proof(state: State) -> List[Dict[str, Any]]:
    """The mounts of each process."""
    return [
        {
            "pid": process.pid,
            "name": process.name,
            "path": place,
            "private": mount is not None and not process.sees_host(state.host, place),
            "fstype": mount.kind if mount else None,
            "options": list(mount.options) if mount else [],
            "size": kib(mount.parameters.get("size")) if mount else None,
        }
        for process in state.processes
        for place, mount in sorted(process.mounts.items())
    ]
