# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows of UDP whose client keeps its port, as syslog and games do: they go the way of the rules from the next packet on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

FIREWALLS = ("nftables", "iptables", "legacy")

# For each line of its input, sends a datagram from its one port, and prints the answer.
TALK = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(0.4)
for line in sys.stdin:
    client.sendto(b"?", (sys.argv[1], int(sys.argv[2])))
    try:
        print(client.recv(100).decode().strip(), flush=True)
    except OSError:
        print("", flush=True)
"""


class Client:
    """A client with one port."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self) -> str:
        """The address by which the service saw the client, or nothing without an answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextmanager
def talking(host: Any, where: str | None, address: str, port: int) -> Iterator[Client]:
    """A client that talks to one address."""
    argv = [*host.enter(where), sys.executable, "-c", TALK, address, str(port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Client(process)
        finally:
            process.kill()


def legacy_as_iptables(host: Any) -> None:
    """Let the plain names of the commands be those of the old variant, as on hosts that have no other."""
    for name in ("iptables", "ip6tables"):
        for suffix in ("", "-save", "-restore"):
            host.run("ln", "-sf", f"/usr/sbin/{name}-legacy{suffix}", f"/etc/alternatives/{name}{suffix}")


@pytest.fixture(params=FIREWALLS)
def firewall(host: Any, request: pytest.FixtureRequest) -> str:
    """The choice of the task; the host has the commands for it."""
    if request.param != "legacy":
        return str(request.param)
    legacy_as_iptables(host)
    return "iptables"


def declare(host: Any, name: str = "web", **options: Any) -> list[list[str]]:
    """The namespace is as declared, and a second run has nothing to do."""
    done = host.netns(name, **options)
    assert "failed" not in done, done
    assert host.netns(name, check=True, **options)["commands"] == []
    commands: list[list[str]] = done["commands"]
    return commands


def udp(port: str = "5000", **options: Any) -> dict[str, Any]:
    return {"protocol": "udp", "port": port, **options}


def test_a_client_that_sent_before_follows_each_change_of_a_forward(host: Any, firewall: str) -> None:
    declare(host, firewall=firewall, forwards=[udp("5009")])
    for port in (6000, 6001):
        host.serve("web", port, kind="udp")
    with talking(host, "client", "192.0.2.1", 5000) as client, talking(host, "client", "192.0.2.1", 5009) as other:
        assert (client.ask(), other.ask()) == ("", "")
        # A new forward takes the flow over; changed in its target and its limits, it keeps the flow or lets it go; gone, it has none.
        kept = udp("5009", to_port="6001")
        for forwards, answer in (
            ([kept, udp(to_port="6000")], "192.0.2.2"),
            ([kept, udp(to_port="6002")], ""),
            ([kept, udp("4999-5001", to_port="5999-6001")], "192.0.2.2"),
            ([kept, udp(to_port="6000", address="192.0.2.1")], "192.0.2.2"),
            ([kept, udp(to_port="6000", sources=["192.0.2.3", "198.51.100.0/24"])], ""),
            ([kept, udp(to_port="6000", sources=["192.0.2.0/30", "10.0.0.0/8"])], "192.0.2.2"),
            ([kept], ""),
        ):
            declare(host, firewall=firewall, forwards=forwards)
            assert (client.ask(), other.ask()) == (answer, "192.0.2.2"), forwards
        declare(host, state="absent", force=True)
        assert other.ask() == ""
        assert "5009" not in host.run("sh", "-c", "grep src=10.200 /proc/net/nf_conntrack || :")


def test_what_closes_ends_flows_from_inside(host: Any, firewall: str) -> None:
    declare(host, firewall=firewall, forwards=[udp(to_port="6000")])
    ways = {"peers": ["web"], "host_ports": [udp("7000")], "nat": {"masquerade": "eth0"}}
    declare(host, "other", firewall=firewall, **ways)
    for place, port in (("web", 6000), (None, 7000), ("client", 8000)):
        host.serve(place, port, kind="udp")
    with (
        talking(host, "other", "192.0.2.1", 5000) as peer,
        talking(host, "other", "10.200.2.1", 7000) as service,
        talking(host, "other", "192.0.2.2", 8000) as out,
    ):
        clients = (peer, service, out)
        assert [bool(one.ask()) for one in clients] == [True, True, True]
        for number, way in enumerate(ways):
            closed = {**ways, way: {"masquerade": "none"} if way == "nat" else []}
            declare(host, "other", firewall=firewall, **closed)
            assert [bool(one.ask()) for one in clients] == [one != number for one in range(3)], way
            declare(host, "other", firewall=firewall, **ways)
            assert [bool(one.ask()) for one in clients] == [True, True, True]


def test_a_flow_that_began_while_the_rules_were_gone_is_found_by_the_next_run(host: Any) -> None:
    declare(host, forwards=[udp()])
    host.serve("web", 5000, kind="udp")
    host.sh(
        "nft flush ruleset; nft -f - <<'END'\ntable inet t { chain c { type filter hook input priority 0; ct state new accept; }; }\nEND"
    )
    with talking(host, "client", "192.0.2.1", 5000) as client:
        assert client.ask() == ""
        # The script brings the rules back, and has no way to forget a flow.
        host.run("env", "-i", "/bin/sh", "/etc/fleetlab/netns/web.sh")
        assert client.ask() == ""
        assert declare(host, forwards=[udp()]) == [["forget_flows", "namespace=web"]]
        assert client.ask() == "192.0.2.2"


def test_flows_of_others_stay(host: Any) -> None:
    host.serve("client", 5000, kind="udp")
    host.serve(None, 7000, kind="udp")
    with talking(host, None, "192.0.2.2", 5000) as out, talking(host, "client", "192.0.2.1", 7000) as into:
        assert (out.ask(), into.ask()) == ("192.0.2.1", "192.0.2.2")
        before = flows(host)
        declare(host, forwards=[udp()])
        declare(host, forwards=[udp("5001")])
        declare(host, state="absent")
        assert (out.ask(), into.ask()) == ("192.0.2.1", "192.0.2.2")
        assert set(before) <= set(flows(host))


def flows(host: Any) -> list[str]:
    """Addresses and ports of the tracked flows of UDP."""
    lines = host.run("cat", "/proc/net/nf_conntrack").splitlines()
    return sorted(" ".join(word for word in line.split() if "=" in word and "use=" not in word) for line in lines if " udp " in line)
