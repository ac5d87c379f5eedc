# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diff and the return values. Pure."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from .._core.plan import Plan
from .options import Wanted
from .state import HeldDisk, State, shown_key


def before(state: State, wanted: Wanted) -> Mapping[str, Any]:
    """The rule, and the holder of each disk."""
    return {
        "rule": state.files.get(wanted.path, ""),
        "holders": {disk.node: _holder(disk) for disk in state.disks},
    }


def after(state: State, wanted: Wanted, rule: str) -> Mapping[str, Any]:
    """The rule and the holders after the plan."""
    holder = shown_key(state.key) if wanted.held else ""
    return {"rule": rule, "holders": {disk.node: holder for disk in state.disks}}


def _holder(disk: HeldDisk) -> str:
    holder = disk.status.holder if disk.status else None
    return shown_key(holder.key) if holder else ""


def returned(state: State, _wanted: Wanted, _plan: Plan) -> Mapping[str, Any]:
    """The return values: the key of this host, and the reservation of each disk."""
    return {"key": shown_key(state.key), "disks": [_describe(state, disk) for disk in state.disks]}


def _describe(state: State, disk: HeldDisk) -> Dict[str, Any]:
    status = disk.status
    return {
        "device": disk.node,
        "target": disk.target,
        "lun": disk.lun,
        "held": status is not None and status.held(state.key),
        "holder": _holder(disk) or None,
        "initiators": sorted({one.initiator for one in status.registrations}) if status else [],
        "writable": status is not None and status.writable,
    }
