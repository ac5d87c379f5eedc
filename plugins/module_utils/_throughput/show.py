# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values of the half on a host. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from .options import Wanted
from .plan import plan
from .state import Link, State


def returned(state: State, wanted: Wanted) -> Dict[str, Any]:
    """What will be sent, and what the host is like."""
    return {
        "changed": False,
        "plan": plan(state, wanted),
        "links": {name: _link(link) for name, link in state.links.items()},
        "addresses": [address for address, device in state.addresses.items() if device != "lo"],
        "limit": round(len(wanted.turns) * wanted.turn_limit),
        "ports": {},
        "folder": "",
        "results": [],
    }


def _link(link: Link) -> Dict[str, Any]:
    return {
        "mtu": link.mtu,
        "kind": link.kind,
        "driver": link.driver,
        "speed": link.speed,
        "qdisc": link.qdisc,
        "offloads": sorted(name for name, on in link.offloads.items() if on),
    }


def with_results(shown: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """The return values after the turns."""
    taken: List[Mapping[str, Any]] = list(results)
    return {**shown, "results": taken}


def with_process(shown: Mapping[str, Any], ports: Mapping[int, int], folder: str) -> Dict[str, Any]:
    """The return values of a process that goes on."""
    return {**shown, "ports": {str(turn): port for turn, port in ports.items()}, "folder": folder}
