# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before a byte is sent. Pure."""

from __future__ import annotations

from typing import Optional

from .._core.errors import InputError, ObservationError, RefusedError
from .options import Turn, Wanted
from .state import Link, Route, State

_NOTHING = "Nothing was sent"


def check(state: State, wanted: Wanted) -> None:
    """Refuse a measurement that cannot be, or that would disturb another.

    :raises FleetlabError: with the name of the peer.
    """
    if state.measuring:
        raise RefusedError(
            "throughput",
            f"this host takes part in another measurement ({state.measuring}), and two at once would measure each other",
            f"{_NOTHING}; run this after its end",
        )
    if wanted.iperf3 and "iperf3" not in state.tools:
        raise InputError(
            "tool", "both needs the command iperf3 on both hosts, and this host lacks it: install the package iperf3, or use own"
        )
    for turn in wanted.listens:
        _check_listening(state, turn)
    for turn in wanted.connects:
        _check_connecting(state, wanted, turn)


def _check_listening(state: State, turn: Turn) -> None:
    if turn.address not in state.addresses:
        own = ", ".join(sorted(address for address, device in state.addresses.items() if device != "lo")) or "none"
        raise InputError("address", f"{turn.address} is no address of {turn.peer}'s peer, which has {own}: name one of these. {_NOTHING}")
    if str(turn.port) in state.taken:
        raise RefusedError(
            f"port {turn.port}",
            f"another program listens on it at {turn.address}",
            f"{_NOTHING}; name a free port, or leave the option out",
        )


def _check_connecting(state: State, wanted: Wanted, turn: Turn) -> None:
    route = state.routes.get(turn.address)
    if route is None:
        raise ObservationError(f"{turn.peer}: this host has no route to {turn.address}: add one, or name another address. {_NOTHING}")
    if route.local and not wanted.loopback:
        raise RefusedError(
            turn.peer,
            f"{turn.address} is an address of this host itself, so no network would be measured",
            f"{_NOTHING}; name another host, or set loopback to true if that is what you want",
        )
    if wanted.interface and wanted.interface != route.device:
        raise InputError(
            "interface", f"packets to {turn.peer} ({turn.address}) leave by {route.device} and not by {wanted.interface}. {_NOTHING}"
        )
    _check_link(state.links.get(route.device), route, turn)


def _check_link(link: Optional[Link], route: Route, turn: Turn) -> None:
    if link is None or not link.up:
        raise ObservationError(f"{turn.peer}: the interface {route.device}, by which {turn.address} is reached, is not up. {_NOTHING}")
