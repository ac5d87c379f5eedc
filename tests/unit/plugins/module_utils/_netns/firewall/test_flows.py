# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tracked flows of UDP are forgotten, and how the kernel tells of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._host.conntrack import Flow, parse_flow
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.flows import is_stale, make_ways
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.resolve import resolve_defaults
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machine import Machine, empty, want

FIXTURES = Path(__file__).resolve().parents[5] / "fixtures" / "conntrack"
ROUTER, HOST, INSIDE, CLIENT = "10.200.1.1", "192.0.2.1", "10.200.1.2", "198.51.100.9"
FORWARD: Dict[str, Any] = {"protocol": "udp", "port": "5000-5001", "to_port": "6000-6001"}
INTO = Flow(4, CLIENT, HOST, 5001, INSIDE, 6001, CLIENT, translated=True)
TO_HOST = Flow(4, CLIENT, HOST, 5001, HOST, 5001, CLIENT)
OUT = Flow(4, INSIDE, CLIENT, 53, CLIENT, 53, HOST)
TO_SERVICE = Flow(4, INSIDE, HOST, 7000, HOST, 7000, INSIDE)


def stale(flow: Flow, **options: Any) -> bool:
    """Whether a flow is forgotten when the namespace becomes as declared; it had a link with the default subnet before."""
    machine = Machine(empty())
    machine.apply(machine.plan(want(forwards=[])).steps)
    wanted = want(**options)
    state = machine.observe(wanted)
    policy = resolve_defaults(state, wanted).policy if wanted.state == "present" else None
    return is_stale(flow, make_ways(state, "web", policy))


@pytest.mark.parametrize("flow", [INTO, OUT, TO_SERVICE, replace(OUT, source=CLIENT, to=INSIDE, answers=INSIDE)])
def test_no_flow_outlives_its_namespace(flow: Flow) -> None:
    assert stale(flow, state="absent")


@pytest.mark.parametrize(
    ("flow", "change", "forgotten"),
    [
        (INTO, {}, False),
        (INTO, {"to_port": None}, True),
        (INTO, {"port": "5001-5002"}, True),
        (INTO, {"port": "5001", "to_port": "6001"}, False),
        (INTO, {"protocol": "tcp"}, True),
        (INTO, {"address": HOST}, False),
        (INTO, {"address": "192.0.2.9"}, True),
        (INTO, {"sources": ["198.51.100.0/24"]}, False),
        (INTO, {"sources": ["203.0.113.0/24", "2001:db8::/32"]}, True),
        (INTO, {"sources": ["0.0.0.0/0"]}, False),
        (TO_HOST, {}, True),
        (TO_HOST, {"sources": ["203.0.113.0/24"]}, False),
        (TO_HOST, {"port": "4000", "to_port": None}, False),
        # To a port of another host, by this host or through it.
        (replace(TO_HOST, to="203.0.113.5", answers="203.0.113.5"), {}, False),
        (replace(TO_HOST, source=HOST, to=CLIENT, answers=CLIENT, returns=HOST), {}, False),
        # Another program has translated it.
        (replace(TO_HOST, answers="172.17.0.2", translated=True), {}, False),
        (replace(TO_HOST, source=ROUTER, to=INSIDE, answers=INSIDE), {}, False),
        (replace(TO_HOST, to=INSIDE, answers=INSIDE), {}, True),
        (OUT, {}, False),
        (replace(OUT, returns="198.51.100.1"), {}, False),
        (TO_SERVICE, {}, True),
    ],
)
def test_a_flow_is_forgotten_if_a_new_one_would_go_another_way(flow: Flow, change: Dict[str, Optional[str]], forgotten: bool) -> None:
    assert stale(flow, forwards=[{**FORWARD, **change}]) is forgotten


@pytest.mark.parametrize(
    ("flow", "options", "forgotten"),
    [
        (OUT, {}, True),
        (OUT, {"nat": {"masquerade": "none"}}, True),
        (TO_SERVICE, {"host_access": True}, False),
        (TO_SERVICE, {"host_ports": [{"protocol": "udp", "port": "7000"}]}, False),
        (TO_SERVICE, {"host_ports": [{"protocol": "tcp", "port": "7000"}]}, True),
        (replace(TO_SERVICE, to=ROUTER, port=53, answers=ROUTER), {"dns": [ROUTER]}, False),
        (replace(TO_SERVICE, port=53), {"dns": [ROUTER]}, True),
    ],
)
def test_a_flow_from_inside_needs_a_way_that_is_open(flow: Flow, options: Dict[str, Any], forgotten: bool) -> None:
    assert stale(flow, **options) is forgotten


@pytest.mark.parametrize("folder", sorted(FIXTURES.iterdir()), ids=lambda folder: folder.name)
def test_the_messages_of_the_kernel(folder: Path) -> None:
    messages = [bytes.fromhex(line) for line in (folder / "flows.txt").read_text(encoding="ascii").splitlines()]
    found = [flow for flow in map(parse_flow, messages) if flow is not None]
    four = sorted((one.to, one.port, one.answers, one.answers_port, one.translated) for one in found if one.family == 4)
    assert four == [("127.0.0.1", 5000, "127.0.0.1", 6000, True), ("127.0.0.1", 5001, "127.0.0.1", 5001, False)]
    assert [(one.source, one.to, one.port, one.returns) for one in found if one.family == 6] == [("::1", "::1", 5000, "::1")]
    # A truncated message is no flow.
    assert all(one.key for one in found)
    assert [parse_flow(message[:20]) for message in messages] == [None] * len(messages)
