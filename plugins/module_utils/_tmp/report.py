# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What private_tmp returns. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, Sequence

from .._core.plan import Plan
from .options import Wanted
from .proof import shown, unmet
from .state import Shared, State


def report(state: State, wanted: Wanted, shared: Sequence[Shared], changes: Plan) -> Dict[str, Any]:
    """The return values.

    :arg state: after the plan was applied, in check mode before.
    :arg shared: what was shared before; afterwards nothing is.
    """
    left = unmet(state, wanted)
    return {
        # The plan knows of the restart that check mode only announces.
        "restart_needed": bool(changes.after["restart_needed"]),
        "problems": list(left),
        "proof": shown(state),
        "shared": [{**asdict(one), "users": list(one.users)} for one in shared],
    }
