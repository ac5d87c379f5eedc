# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diff and the return values, without secrets. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from .._core.plan import Plan
from .._programs.storage_check.notify import SETTINGS
from .checks import undelivered
from .conf import value_of
from .options import Wanted
from .program import TIMER
from .state import State

_HIDDEN = "has a webhook"


def before(state: State) -> Dict[str, Any]:
    """The host before the plan."""
    return {
        "files": sorted(state.files),
        "settings": _settings(state.files.get(SETTINGS)),
        "timer": TIMER if state.timer_enabled and state.timer_active else "",
        "mdadm_conf": _lines(state.confs[0][1] if state.confs else None),
    }


def after(state: State, wanted: Wanted, conf: Optional[str]) -> Dict[str, Any]:
    """The host after the plan."""
    return {
        "files": sorted(state.wanted_files) if wanted.present else [],
        "settings": _settings(state.wanted_files[SETTINGS]) if wanted.present else [],
        "timer": TIMER if wanted.present else "",
        "mdadm_conf": _lines(conf),
    }


def _settings(content: Optional[str]) -> List[str]:
    """The lines of the settings, without the address of the webhook."""
    return [_HIDDEN if '"webhook"' in line else line.strip(' ,"') for line in (content or "").splitlines() if ":" in line]


def _lines(content: Optional[str]) -> List[str]:
    confs = [("", content or "")]
    found = ((keyword, value_of(confs, keyword)) for keyword in ("MAILADDR", "PROGRAM"))
    return [f"{keyword} {value[0]}" for keyword, value in found if value]


def returned(state: State, wanted: Wanted, _plan: Plan) -> Mapping[str, Any]:
    """The return values: who is told, and why somebody would not be."""
    told = (
        [f"mail to {wanted.mail or state.mail}"] if state.confs is not None and (wanted.mail or state.mail) and state.has_sendmail else []
    )
    told += [f"program {wanted.program}"] if wanted.program else []
    told += ["webhook"] if wanted.webhook else []
    return {"told": told if wanted.present else [], "undelivered": undelivered(state, wanted)}
