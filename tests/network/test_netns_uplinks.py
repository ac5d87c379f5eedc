# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with several ways out, which marks and rules of routing choose, and hosts whose only way out is one of IPv6."""

from __future__ import annotations

from typing import Any

import pytest

SECOND = """
ip netns add lan
ip link add name eth1 type veth peer name eth0 netns lan
ip address add 198.51.100.1/24 dev eth1
ip link set dev eth1 up
ip -n lan address add 198.51.100.2/24 dev eth0
ip -n lan address add 203.0.113.7/32 dev eth0
ip -n lan link set dev eth0 up
ip -n lan link set dev lo up
ip -n client address add 203.0.113.7/32 dev eth0
ip route add default via 198.51.100.2 dev eth1 table 100
"""
MARTIAN = """
ip netns exec client sh -c 'echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet'
ip -n client address flush dev lo
ip -n client route add 127.0.0.1/32 via 192.0.2.1 src 192.0.2.2
"""
MARK = """
nft add table inet marks
nft add chain inet marks prerouting '{ type filter hook prerouting priority mangle; }'
nft add rule inet marks prerouting iifname "v-web" tcp dport 8001 meta mark set 1
ip rule add fwmark 1 lookup 100
"""


@pytest.mark.parametrize("firewall", ["nftables", "iptables"])
def test_marks_and_rules_choose_among_the_uplinks_that_the_task_names(host: Any, firewall: str) -> None:
    host.sh(SECOND + MARK)
    for place in ("client", "lan"):
        for port in (8000, 8001):
            host.serve(place, port)
    assert "failed" not in host.netns(firewall=firewall, nat={"masquerade": "eth0"})
    # The same address is beyond both: the answer says by which address of the host the packets left.
    assert host.connect("web", "203.0.113.7", 8000) == "192.0.2.1"
    assert host.connect("web", "203.0.113.7", 8001) == ""
    host.make(firewall=firewall, nat={"masquerade": ["eth0", "eth1"]})
    assert host.connect("web", "203.0.113.7", 8000) == "192.0.2.1"
    assert host.connect("web", "203.0.113.7", 8001) == "198.51.100.1"
    # A rule for all packets from the namespace, and only the second uplink.
    host.sh("ip rule add iif v-web lookup 100")
    host.make(firewall=firewall, nat={"masquerade": "eth1"})
    assert host.connect("web", "203.0.113.7", 8000) == "198.51.100.1"
    host.sh("ip rule delete iif v-web lookup 100")
    assert host.connect("web", "203.0.113.7", 8000) == ""
    host.serve(None, 7000)
    assert host.connect("web", "198.51.100.1", 7000) == ""


def test_a_host_that_begins_to_route_between_its_own_networks_is_told(host: Any) -> None:
    """A neighbour could use it as a router to the other network, such as a VPN (moby#14041)."""
    text = "and so between its own networks too (eth0, eth1): let its firewall drop what it forwards"
    host.sh("echo 0 >/proc/sys/net/ipv4/ip_forward")
    assert "begins to forward" not in str(host.netns(check=True, nat={"masquerade": "eth0"}))
    host.sh(SECOND)
    assert text in str(host.netns(check=True, nat={"masquerade": "eth0"})["warnings"])
    assert "begins to forward" not in str(host.netns(check=True))
    host.sh("iptables -P FORWARD DROP")
    assert "begins to forward" not in str(host.netns(check=True, nat={"masquerade": "eth0"}))


BOTH = "nexthop via 192.0.2.2 dev eth0 nexthop via 198.51.100.2 dev eth1"
GROUP = "ip nexthop add id 1 via 192.0.2.2 dev eth0; ip nexthop add id 2 via 198.51.100.2 dev eth1; ip nexthop add id 9 group 1/2"


@pytest.mark.parametrize(
    ("before", "route", "answers"),
    [
        (":", BOTH, {"192.0.2.1", "198.51.100.1"}),
        (GROUP, "nhid 9", {"192.0.2.1", "198.51.100.1"}),
        (":", "via inet6 2001:db8::2 dev eth0", {"192.0.2.1"}),
        (":", "via 198.51.100.2 dev eth1 metric 50; ip route add default via 192.0.2.2 dev eth0 metric 60", {"198.51.100.1"}),
    ],
)
def test_the_next_hops_of_the_default_route_are_the_uplinks(host: Any, before: str, route: str, answers: set[str]) -> None:
    host.sh(f"{SECOND}\nsysctl -q net.ipv4.fib_multipath_hash_policy=1; ip route delete default; {before}; ip -4 route add default {route}")
    for place in ("client", "lan"):
        host.serve(place, 8000)
    host.make(forwards=[{"port": "80"}])
    # A new link of IPv6 may not ask for its neighbours before it has proved that its own address is unique.
    host.wait_until(lambda: host.connect("web", "203.0.113.7", 8000) != "")
    found: set[str] = set()
    for _try in range(40 if len(answers) == 2 else 1):
        found.add(host.connect("web", "203.0.113.7", 8000))
        if found == answers:
            break
    assert found == answers


@pytest.mark.parametrize("firewall", ["nftables", "iptables"])
def test_a_host_that_has_only_ipv6_outside(host: Any, firewall: str) -> None:
    host.sh("ip route delete default; ip address delete 192.0.2.1/24 dev eth0")
    refused = host.netns(firewall=firewall, forwards=[{"port": "80"}])
    assert "default route for IPv6 only" in refused["msg"]
    links = [{"addresses": ["fd00:7::1/64"], "peer_addresses": ["fd00:7::2/64"]}]
    host.make(firewall=firewall, links=links, forwards=[{"port": "80"}, {"port": "81", "to_port": "80", "address": "2001:db8::1"}])
    host.serve("web", 80, address="fd00:7::2")
    host.serve("client", 8000, address="2001:db8::2")
    for port in (80, 81):
        host.wait_until(lambda port=port: host.connect("client", "2001:db8::1", port) == "2001:db8::2")
    host.wait_until(lambda: host.connect("web", "2001:db8::2", 8000) == "2001:db8::1")
    host.serve(None, 7000, address="2001:db8::1")
    assert host.connect("web", "2001:db8::1", 7000) == ""


@pytest.mark.parametrize("firewall", ["nftables", "iptables"])
def test_a_forward_of_one_address_leaves_the_others_to_the_host(host: Any, firewall: str) -> None:
    host.sh("ip address add 192.0.2.9/24 dev eth0; ip -n client address add 192.0.2.3/24 dev eth0")
    host.serve(None, 80, address="192.0.2.9")
    forwards = [
        {"port": "80", "address": "192.0.2.1"},
        {"port": "81", "address": "127.0.0.1", "to_port": "80"},
        {"port": "8100-8102", "to_port": "9000-9002", "sources": ["192.0.2.3/32", "2001:db8:9::/48"]},
    ]
    done = host.make(firewall=firewall, forwards=forwards)
    assert [one["address"] for one in done["namespace"]["forwards"]] == ["192.0.2.1", "127.0.0.1", None]
    for port in (80, 9001):
        host.serve("web", port)
    assert host.connect("client", "192.0.2.1", 80) == "192.0.2.2"
    assert host.connect("client", "192.0.2.9", 80) == "192.0.2.2"
    # The way by 127.0.0.1 is one of the host alone.
    assert host.connect(None, "127.0.0.1", 81) == "10.200.1.1"
    assert host.connect("client", "192.0.2.1", 81) == ""
    # Nor does a neighbour come that way, who sends packets for 127.0.0.1 to the host (moby#41872, kubernetes#92315).
    host.sh(MARTIAN)
    assert host.connect("client", "127.0.0.1", 81) == ""
    assert host.connect(None, "127.0.0.1", 81) == "10.200.1.1"
    # From one network only, by the port that has the same place in the range.
    assert host.connect("client", "192.0.2.1", 8101) == ""
    host.sh("ip -n client route add 192.0.2.9/32 dev eth0 src 192.0.2.3")
    assert host.connect("client", "192.0.2.9", 8101) == "192.0.2.3"
    assert host.connect("client", "192.0.2.9", 8102) == ""
    # The script of the boot makes the same.
    host.sh("nft flush ruleset; iptables -F; env -i /bin/sh /etc/fleetlab/netns/web.sh")
    assert host.netns(firewall=firewall, forwards=forwards)["commands"] == []
    warned = host.netns(firewall=firewall, forwards=[{"port": "80", "address": "192.0.2.77"}], check=True)
    assert "does not have the address 192.0.2.77 now" in str(warned["warnings"]), warned
    refused = host.netns(firewall=firewall, forwards=[{"port": "80", "address": "192.0.2.9"}])
    assert "listens on 192.0.2.9:80" in refused["msg"]
