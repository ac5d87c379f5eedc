# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that set up TLS of a server, checked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from .._core.errors import InputError
from .profiles import GROUPS, PROFILES

SPEC: Dict[str, Dict[str, Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "profile": {"type": "str", "choices": list(PROFILES), "default": "intermediate"},
    "oldest_client": {"type": "str", "choices": ["TLSv1.2", "TLSv1.3"]},
    "groups": {"type": "list", "elements": "str"},
    "overrides": {"type": "str", "choices": ["refuse", "report", "comment_out"], "default": "refuse"},
    "timeout": {"type": "float", "default": 5.0},
}

NGINX_SPEC: Dict[str, Dict[str, Any]] = {
    **SPEC,
    "tickets": {"type": "str", "choices": ["off", "rotate"], "default": "off"},
}

APACHE_SPEC: Dict[str, Dict[str, Any]] = {
    **NGINX_SPEC,
    "stapling": {"type": "str", "choices": ["auto", "off"], "default": "auto"},
    "trace": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class Wanted:
    """The options. C(groups) is C(None) for those of the guidelines; C(timeout) is in seconds for one handshake; without C(is_present)
    all goes that this collection wrote."""

    profile: str = "intermediate"
    groups: Optional[Tuple[str, ...]] = None
    tickets: bool = False
    stapling: bool = False
    trace: bool = False
    overrides: str = "refuse"
    timeout: float = 5.0
    is_present: bool = True


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """Check the options."""
    if params["profile"] == "modern" and params["oldest_client"] == "TLSv1.2":
        raise InputError("profile", "modern speaks only TLS 1.3, but oldest_client is TLSv1.2: take intermediate")
    if not 0.1 <= params["timeout"] <= 60:
        raise InputError("timeout", f"is {params['timeout']}; it has to be 0.1 to 60 seconds")
    return Wanted(
        profile=params["profile"],
        groups=_groups(params["groups"]),
        tickets=params.get("tickets", "rotate") == "rotate",
        stapling=params.get("stapling") == "auto",
        trace=bool(params.get("trace")),
        overrides=params["overrides"],
        timeout=params["timeout"],
        is_present=params["state"] == "present",
    )


def _groups(asked: Any) -> Optional[Tuple[str, ...]]:
    if asked is None:
        return None
    if not asked:
        raise InputError("groups", "is empty: omit it for the groups of the guidelines")
    for name in asked:
        if name not in GROUPS:
            raise InputError("groups", f"{name!r} is no group that this module knows; it knows {', '.join(GROUPS)}")
    return tuple(dict.fromkeys(asked))
