# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace stays closed while the firewall of the host is flushed, reloaded or rebuilt."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from . import isolation

FLUSH = "nft flush ruleset; iptables -F; iptables -t nat -F; iptables-legacy -F 2>/dev/null || :"


@pytest.mark.parametrize("firewall", ["nftables", "iptables"])
def test_nothing_opens_when_the_rules_of_the_host_are_gone(host: Any, firewall: str) -> None:
    host.sh("ip link add name eth1 type veth peer name eth9; ip address add 198.51.100.1/24 dev eth1; ip link set dev eth1 up")
    host.sh("ip -n client route add 10.200.0.0/16 via 192.0.2.1")
    host.netns("web", firewall=firewall, forwards=[{"port": "10105"}])
    host.netns("other", firewall=firewall)
    for place in (None, "web", "other", "client"):
        host.serve(place, 7000)
    host.sh(FLUSH)
    for address in ("10.200.1.1", "192.0.2.1", "198.51.100.1", "10.200.2.1", "10.200.2.2"):
        assert host.connect("web", address, 7000) == ""
    assert host.connect("other", "192.0.2.2", 7000) == ""
    assert host.connect("client", "10.200.1.2", 7000) == ""
    # The script, which the unit runs together with the services that flush, brings everything back.
    for name in ("web", "other"):
        host.run("env", "-i", "/bin/sh", f"/etc/fleetlab/netns/{name}.sh")
        assert host.netns(name, firewall=firewall, **({"forwards": [{"port": "10105"}]} if name == "web" else {}))["commands"] == []
    assert host.connect(None, "10.200.1.2", 7000) == "10.200.1.1"


@pytest.mark.parametrize("firewall", ["nftables", "iptables"])
def test_subnets_of_any_address_are_closed_while_the_rules_are_gone(host: Any, firewall: str) -> None:
    entries = [
        {
            "name": name,
            "firewall": firewall,
            "links": [{"addresses": [f"172.30.{number}.1/24"], "peer_addresses": [f"172.30.{number}.2/24"]}],
            "forwards": [{"port": f"1010{number}", "to_port": "7000"}],
        }
        for number, name in enumerate(("one", "two", "three"))
    ]
    # In one task each knows all, also those after it; in a task of its own it knows those before it.
    assert "failed" not in host.netns_all(entries[:2])
    assert host.netns_all(entries[:2], check=True)["commands"] == []
    assert "failed" not in host.netns(**entries[2])
    for name in ("one", "two", "three"):
        host.serve(name, 7000)
    host.serve("client", 8000)
    assert host.connect("one", "192.0.2.2", 8000) == "192.0.2.1"
    host.sh(FLUSH)
    for name, number in (("one", 1), ("two", 0), ("three", 0), ("three", 1)):
        assert host.connect(name, f"172.30.{number}.2", 7000) == ""


def test_no_packet_passes_while_somebody_flushes(host: Any) -> None:
    passed, found, done = isolation.attack(host, 20, seed=22)
    assert passed == {}, done
    # Packets were sent all the time, and those on open ways arrived. Their number depends on the machine, and on the time a way was open.
    for way in ("web udp 7000 -> client", "client udp 7000 -> host", "port udp 7001 -> host"):
        assert found[way] > 0, found
    assert sum(found.values()) > 1000, found


def test_the_attack_would_see_a_packet(host: Any) -> None:
    """Without the filters inside and without the gate, a flush opens: the programs that listen see it."""
    scene = isolation.Scene(host, random.Random(1))
    for name in isolation.NAMESPACES:
        scene.declare(name)
    inside = "ip netns exec $name nft flush ruleset; ip -n $name neighbor flush nud permanent"
    host.sh(f"for name in web alone old port; do {inside}; done; nft flush ruleset")
    scene.begin()
    time.sleep(2)
    passed = isolation.forbidden(scene.end())
    for way in ("web udp 7000 -> host", "alone udp 7000 -> host", "old udp 7000 -> alone", "client udp 7000 -> web"):
        assert passed[way] > 0, passed


@pytest.mark.parametrize("firewall", ["nftables", "iptables"])
def test_ways_that_are_opened_by_name(host: Any, firewall: str) -> None:
    six = {"addresses": ["10.200.1.1/24", "fd00:5::1/64"], "peer_addresses": ["10.200.1.2/24", "fd00:5::2/64"]}
    host.netns("web", firewall=firewall, links=[six], forwards=[{"port": "10105"}])
    ports = [{"port": "5432", "protocol": "tcp"}]
    done = host.netns("other", firewall=firewall, forwards=[{"port": "10106"}], peers=["web"], host_ports=ports)
    assert "failed" not in done, done
    for place, port in (("web", 10105), ("other", 10106), (None, 5432), (None, 5433)):
        host.serve(place, port)
    # The service reaches itself by the address of the host, and a peer does; others do not.
    assert host.connect("web", "192.0.2.1", 10105) == "10.200.1.1"
    assert host.connect("other", "192.0.2.1", 10105) == "10.200.2.2"
    assert host.connect("web", "192.0.2.1", 10106) == ""
    assert host.connect("other", "10.200.1.2", 10105) == ""
    # Single ports of the host.
    assert host.connect("other", "192.0.2.1", 5432)
    assert host.connect("other", "10.200.2.1", 5432)
    assert host.connect("other", "192.0.2.1", 5433) == ""
    assert host.connect("web", "192.0.2.1", 5432) == ""
    # A connection to ::1 is refused at once, so that a client of localhost goes on with 127.0.0.1.
    start = time.monotonic()
    assert host.connect(None, "::1", 10105) == ""
    assert time.monotonic() - start < 0.5 + host_start(host)
    assert host.connect(None, "127.0.0.1", 10105) == "10.200.1.1"
    assert "peers: there is no namespace gone that this module made" in host.netns("web", peers=["gone"])["msg"]


def host_start(host: Any) -> float:
    """Seconds that a client needs to start, which depends on the machine."""
    start = time.monotonic()
    host.connect(None, "127.0.0.1", 1)
    return time.monotonic() - start


def test_names_are_asked_of_the_namespace_s_servers_only(host: Any) -> None:
    host.sh("echo 'hosts: files resolve [!UNAVAIL=return] mdns4_minimal dns myhostname' >/etc/nsswitch.conf")
    host.netns(dns=["10.200.1.1"])
    assert host.run("ip", "netns", "exec", "web", "cat", "/etc/nsswitch.conf").splitlines()[-1] == "hosts: files dns myhostname"
    host.netns()
    assert host.try_run("ls", "/etc/netns/web")["exit_code"] != 0
