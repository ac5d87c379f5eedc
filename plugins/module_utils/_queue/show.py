# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diff and the return values. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from .._core.plan import Plan
from .options import Wanted
from .state import State, differences


def before(state: State, wanted: Wanted) -> Mapping[str, Any]:
    """The rule, and the values that differ from the wanted values."""
    return {"rule": state.rule or "", "queues": _queues(state, wanted, "value")}


def after(state: State, wanted: Wanted, rule: str) -> Mapping[str, Any]:
    """The rule after the plan, and the wanted values in place of values that differ."""
    return {"rule": rule if wanted.present else "", "queues": _queues(state, wanted, "wanted")}


def _queues(state: State, wanted: Wanted, field: str) -> Dict[str, Dict[str, str]]:
    shown: Dict[str, Dict[str, str]] = {}
    for one in differences(state, wanted):
        shown.setdefault(one.disk, {})[one.setting] = getattr(one, field)
    return shown


def returned(state: State, wanted: Wanted, _plan: Plan) -> Mapping[str, Any]:
    """The return values: the disks, the settings that differ, and the disks that were skipped."""
    differing: List[Dict[str, str]] = [
        {"disk": one.disk, "setting": one.setting, "value": one.value, "wanted": one.wanted} for one in differences(state, wanted)
    ]
    return {
        "disks": [disk.name for disk in state.disks if disk.answers],
        "skipped": [disk.name for disk in state.disks if not disk.answers],
        "differing": differing,
    }
