# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where packets go in the chains of others, and which networks outside a namespace are closed."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Dict, List

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.inside import POOL, outside
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.verdicts import GOES, Verdict, reached
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.state import Firewall, FoundRoute
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machine import empty, want


def goes(*targets: str) -> List[Verdict]:
    return [Verdict(False, GOES, target) for target in targets]


@pytest.mark.parametrize(
    ("chains", "expected"),
    [
        ({}, {"forward"}),
        ({"forward": goes("bans", "ours"), "bans": goes("more"), "alone": goes("other")}, {"forward", "bans", "ours", "more"}),
        ({"forward": goes("a"), "a": goes("b"), "b": goes("a", "forward")}, {"forward", "a", "b"}),
    ],
)
def test_chains_are_reached_by_the_rules_that_lead_to_them(chains: Dict[str, List[Verdict]], expected: set[str]) -> None:
    assert reached(chains, "forward") == expected


@pytest.mark.parametrize(
    ("route", "closed"),
    [
        (FoundRoute("10.200.7.0/24", 4, "eth0", "192.0.2.254"), True),
        (FoundRoute("10.200.0.0/16", 4, "eth0", "192.0.2.254"), False),
        (FoundRoute("10.0.0.0/8", 4, "eth0", "192.0.2.254"), False),
        (FoundRoute("10.0.0.0/8", 4, "eth1", "198.51.100.254"), True),
    ],
)
def test_the_pool_is_closed_unless_a_route_leads_to_all_of_it_beyond_the_uplink(route: FoundRoute, closed: bool) -> None:
    state = empty(kind="iptables")
    state = replace(state, routes=(*state.routes, route), inhabited=("10.200.5.0/24", "172.30.1.0/24"))
    found = dict(outside(state, want(), ("eth0",)).nets)
    assert found[ipaddress.ip_network("172.30.1.0/24")] is False
    assert (ipaddress.ip_network("10.200.5.0/24") in found) is not closed
    assert (POOL in found and not found[POOL]) == closed
    # With nftables the gate closes all of them, and hosts beyond the uplink may have any address.
    by_gate = dict(outside(replace(state, firewall=Firewall("nftables")), want(), ("eth0",)).nets)
    assert POOL not in by_gate
    assert ipaddress.ip_network("172.30.1.0/24") not in by_gate
    if route.to == "10.200.7.0/24":
        # The hosts there are beyond the uplink, and stay reachable.
        assert found[ipaddress.ip_network(route.to)]
