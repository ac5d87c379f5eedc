# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task will send, before it is sent. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .layers import as_text
from .options import Turn, Wanted
from .state import Link, State


def plan(state: State, wanted: Wanted) -> List[Dict[str, Any]]:
    """Each turn of this host, with its bounds."""
    return [_listening(state, turn) if turn.listens else _connecting(state, wanted, turn) for turn in wanted.turns]


def _listening(state: State, turn: Turn) -> Dict[str, Any]:
    return {
        "turn": turn.number,
        "peer": turn.peer,
        "act": "listen",
        "address": turn.address,
        "port": turn.port,
        "interface": state.addresses.get(turn.address, ""),
    }


def _connecting(state: State, wanted: Wanted, turn: Turn) -> Dict[str, Any]:
    route = state.routes[turn.address]
    link = state.links.get(route.device) if route else None
    return {
        "turn": turn.number,
        "peer": turn.peer,
        "act": "connect",
        "address": turn.address,
        "port": turn.port,
        "interface": link.name if link else "",
        "mtu": (route.mtu if route and route.mtu else link.mtu) if link else 0,
        "directions": list(wanted.directions),
        "streams": wanted.streams,
        "seconds": round(len(wanted.directions) * wanted.sending, 1),
        "bytes": most_bytes(wanted, link),
        "bounds": bounds(wanted, link),
    }


def most_bytes(wanted: Wanted, link: Optional[Link]) -> Optional[int]:
    """The most bytes that one turn sends; C(None) if only the time bounds them."""
    passes = len(wanted.directions)
    speeds = [speed for speed in (wanted.rate, link.speed if link else None) if speed]
    limits = [round(min(speeds) / 8 * wanted.sending * passes)] if speeds else []
    limits += [wanted.max_bytes * passes] if wanted.max_bytes else []
    return min(limits) if limits else None


def bounds(wanted: Wanted, link: Optional[Link]) -> str:
    """The bounds of one turn, as a sentence."""
    most = most_bytes(wanted, link)
    passes = len(wanted.directions)
    amount = f"at most {most / 1e9:.3g} GB" if most else "as much as the path carries"
    cap = f", capped at {as_text(wanted.rate)}" if wanted.rate else ", at full speed"
    return f"{passes} x {wanted.sending:g} s, {wanted.streams} streams{cap}: {amount}"
