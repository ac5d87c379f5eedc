# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a host is to its measurements: addresses, routes to the peers, and their interfaces."""

from __future__ import annotations

import errno
import socket
from typing import Dict, List, Optional

from ..._core.runner import Runner
from ..._host.files import Host
from ..options import Turn, Wanted
from ..parse import parse_addresses, parse_json, parse_link, parse_route
from ..state import Link, Route, State
from . import ethtool
from .exclusive import holder

_TOOLS = ("iperf3",)


def observe(wanted: Wanted, runner: Runner, host: Host) -> State:
    """The state of this host."""
    addresses = parse_addresses(parse_json("ip address", runner.run(["ip", "-json", "address"]).stdout))
    routes = {turn.address: _route(runner, turn.address) for turn in wanted.connects}
    devices = [route.device for route in routes.values() if route] + [addresses.get(turn.address, "") for turn in wanted.listens]
    return State(
        addresses=addresses,
        routes=routes,
        links=_links(runner, devices),
        measuring=holder(host),
        taken=tuple(str(turn.port) for turn in wanted.listens if turn.address in addresses and _is_taken(turn)),
        tools=tuple(name for name in _TOOLS if host.program(name)),
    )


def _route(runner: Runner, address: str) -> Optional[Route]:
    # Exit code 2: there is no route.
    done = runner.run(["ip", "-json", "route", "get", address], accept=(0, 2))
    return parse_route(parse_json("ip route get", done.stdout)) if done.exit_code == 0 else None


def _links(runner: Runner, devices: List[str]) -> Dict[str, Link]:
    found: Dict[str, Link] = {}
    for name in dict.fromkeys(filter(None, devices)):
        shown = runner.run(["ip", "-details", "-json", "link", "show", "dev", name], accept=(0, 1))
        link = parse_link(parse_json("ip link", shown.stdout), ethtool.driver(name), ethtool.speed(name), ethtool.offloads(name))
        if link is not None:
            found[name] = link
    return found


def _is_taken(turn: Turn) -> bool:
    """Whether another program listens there."""
    family = socket.AF_INET6 if ":" in turn.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((turn.address, turn.port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
