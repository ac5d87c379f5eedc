# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the network: ports that drop, links that go, packets that are lost, late or too large."""

from __future__ import annotations

import time
from typing import Any

import pytest

from . import oracle
from .lab import Lab

_DROP = {
    "both ways": ("ingress:dport", "egress:sport"),
    "towards the server": ("ingress:dport",),
    "towards the client": ("egress:sport",),
}


def drop(lab: Lab, server: str, ways: str) -> None:
    """Let a server's target fall silent, without a word to its clients."""
    # User-mode Linux has nf_tables without any family of protocols; traffic control can drop as well.
    commands = [f"tc qdisc add dev {lab.interface} clsact"]
    for hook, port in (way.split(":") for way in _DROP[ways]):
        commands.append(f"tc filter add dev {lab.interface} {hook} protocol ip u32 match ip {port} 3260 0xffff action drop")
    lab.run(server, " && ".join(commands))


def undrop(lab: Lab, server: str) -> None:
    """And speak again."""
    lab.run(server, f"tc qdisc del dev {lab.interface} clsact")


@pytest.mark.parametrize(("row", "ways"), [("5", "both ways"), ("7", "towards the server"), ("7b", "towards the client")])
def test_a_short_silence(lab: Lab, fault: Any, row: str, ways: str) -> None:
    with fault(row, f"port 3260 of a server dropped {ways} for 10 s") as scene:
        drop(lab, "server1", ways)
        time.sleep(10)
        undrop(lab, "server1")
        scene.traffic.flows()
        time.sleep(10)
        assert oracle.degraded(lab) == [0] * len(lab.mirrors), "a member was ejected"
        scene.note("no member ejected")


@pytest.mark.parametrize(
    ("row", "ways", "seconds"), [("6", "both ways", 300), ("7c", "towards the server", 60), ("7d", "towards the client", 60)]
)
def test_a_long_silence(lab: Lab, fault: Any, row: str, ways: str, seconds: int) -> None:
    with fault(row, f"port 3260 of a server dropped {ways} for {seconds} s") as scene:
        start = time.monotonic()
        drop(lab, "server1", ways)
        scene.note(f"member ejected after {oracle.wait_ejected(lab):.0f} s")
        scene.traffic.flows()
        time.sleep(max(0.0, start + seconds - time.monotonic()))
        undrop(lab, "server1")


def test_the_link_of_a_server_is_cut(lab: Lab, fault: Any) -> None:
    with fault("6b", "network of a server cut for 40 s, the server runs on") as scene:
        lab.enter("ip", "link", "set", lab.tap("server2"), "down")
        lab.disconnect("server2")
        scene.note(f"member ejected after {oracle.wait_ejected(lab):.0f} s")
        scene.traffic.flows()
        time.sleep(20)
        lab.enter("ip", "link", "set", lab.tap("server2"), "up")


@pytest.mark.parametrize(
    ("row", "what", "netem"),
    [
        ("8", "1 % of a server's packets lost", "loss 1%"),
        ("8b", "5 % of a server's packets lost", "loss 5%"),
        ("8c", "packets of a server 50 ms late", "delay 50ms"),
        ("8d", "a quarter of a server's packets out of order", "delay 10ms reorder 75% 50%"),
    ],
)
def test_a_bad_link(lab: Lab, fault: Any, row: str, what: str, netem: str) -> None:
    with fault(row, what) as scene:
        lab.run("server1", f"tc qdisc add dev {lab.interface} root netem limit 4000 {netem}")
        scene.traffic.flows(operations=60)
        time.sleep(10)
        lab.run("server1", f"tc qdisc del dev {lab.interface} root")
        assert oracle.degraded(lab) == [0] * len(lab.mirrors), "a member was ejected"


def test_a_slow_server(lab: Lab, fault: Any) -> None:
    with fault("16b", "link of a server 50 times slower (tbf, 20 Mbit/s)") as scene:
        lab.run("server1", f"tc qdisc add dev {lab.interface} root tbf rate 20mbit burst 32kb latency 400ms")
        scene.traffic.flows(operations=60)
        time.sleep(10)
        lab.run("server1", f"tc qdisc del dev {lab.interface} root")


def test_frames_that_are_too_large_for_the_way(lab: Lab, fault: Any) -> None:
    with fault("9", "a port between a server and the others takes 1500 bytes only (black hole)") as scene:
        lab.enter("ip", "link", "set", lab.tap("server1"), "mtu", "1500")
        try:
            run = lab.playbook()
        finally:
            lab.enter("ip", "link", "set", lab.tap("server1"), "mtu", "9000")
        assert run.exit_code == 2, f"the run did not find it: {run.end}"
        assert "MTU" in run.output or "9000" in run.output, f"no word of the size of frames: {run.end}"
        scene.note("the run stops before the storage and names host and size")
