# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace with two links and three forwards: the output of ip, and the rules of nft and iptables beside those of other programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import Tuple

from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Command, Step
from ansible_collections.fleetlab.linux.plugins.module_utils._host.conntrack import messages
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.addresses import Forward
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.foreign import read_chain, texts_by_handle
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.inside import Outside, Rule, rules
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.iptables import parse_forward
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.nftables import FAMILY
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.plan import inside_steps, opening_steps, own_steps
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.policy import Peer, Policy, make_policy
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.names import entering, tag
from ansible_collections.fleetlab.linux.plugins.module_utils._netns.state import Firewall
from ansible_collections.fleetlab.linux.tests.record.recording import Folder, run, upstream_version
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._netns.machine import want

NAME = "both"
OPTIONS = {
    "links": [
        {
            "name": "v-both",
            "peer": "eth0",
            "addresses": ["10.201.0.1/30", "fd00:201::1/64"],
            "peer_addresses": ["10.201.0.2/30", "fd00:201::2/64"],
        },
        {"name": "v-more", "peer": "eth1", "addresses": ["10.202.0.1/30"], "peer_addresses": ["10.202.0.2/30"]},
    ],
    "nat": {
        "forwards": [
            {"port": "80", "to_port": "8080"},
            {"port": "5000-5002", "protocol": "udp"},
            {"port": "6000-6009", "to_port": "8080"},
        ]
    },
    "dns": ["10.201.0.1"],
    "host_ports": [{"port": "5432", "protocol": "tcp"}, {"port": "100-102", "protocol": "udp"}],
}
FIREWALLD = """
table ip filter {
  chain FORWARD { type filter hook forward priority 0; policy drop; }
}
table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority 10; policy accept;
    ct state established,related accept
    reject with icmpx type admin-prohibited
  }
}
"""
LINKS = """
link add eth0 address 02:00:00:00:01:01 type veth peer name other
address add 192.0.2.1/24 dev eth0
address add 2001:db8::1/64 dev eth0 nodad
link set eth0 up
link set other up
route add default via 192.0.2.2
link add v-both mtu 1400 type veth peer name eth0 netns both
link add v-more type veth peer name eth1 netns both
address add 10.201.0.1/30 dev v-both
address add fd00:201::1/64 dev v-both nodad
address add 10.202.0.1/30 dev v-more
link set v-both up
link set v-more up
"""
INSIDE = """
link set lo up
address add 10.201.0.2/30 dev eth0
address add fd00:201::2/64 dev eth0 nodad
address add 10.202.0.2/30 dev eth1
link set eth0 mtu 1400 up
link set eth1 up
route add default via 10.201.0.1
neighbor replace 10.201.0.1 lladdr 03:66:6c:65:65:74 nud permanent dev eth0
neighbor replace fd00:201::1 lladdr 03:66:6c:65:65:74 nud permanent dev eth0
-6 route add default via fd00:201::1 metric 1024
"""
_IN_A_HOST = "FLEETLAB_RECORD_HOST"
TRANSLATED = """
flush ruleset
table ip translated {
  chain output { type nat hook output priority -100; udp dport 5000 dnat to 127.0.0.1:6000; }
}
table inet tracked {
  chain output { type filter hook output priority 0; ct state new accept; }
}
"""


def policy() -> Policy:
    """The options from which the recorded rules were made."""
    made = make_policy(want(NAME, **OPTIONS), {4: ("eth0",), 6: ("eth0",)}, (Peer(("v-other",), (Forward("tcp", 9000, 9000),)),))
    assert made is not None
    return made


def inside() -> Tuple[Rule, ...]:
    """The rules of the filter in the namespace."""
    nets = (("192.0.2.1/32", False), ("2001:db8::1/128", False), ("10.200.5.0/24", True), ("10.200.0.0/16", False), ("fc00::/7", False))
    own = tuple(ip_network(net) for net, _passes in nets[:2])
    return rules(want(NAME, **OPTIONS), policy(), Outside(own, tuple((ip_network(net), passes) for net, passes in nets)))


def record(output: Path) -> None:
    """All scenes, in separate namespaces."""
    if _IN_A_HOST not in os.environ:
        module = f"{__package__}"
        run("env", f"{_IN_A_HOST}=1", "unshare", "--net", "--mount", sys.executable, "-m", module, str(output), "netns")
        return
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    _record_links(Folder(output / "ip" / upstream_version("iproute2")))
    _record_nft(Folder(output / "nft" / upstream_version("nftables")))
    run("nft", "flush", "ruleset")
    _record_iptables(Folder(output / "iptables" / upstream_version("iptables")))
    _record_flows(Folder(output / "conntrack" / f"linux-{os.uname().release.split('-')[0]}"))


def _ip(*argv: str) -> str:
    return run("ip", *argv)


def _record_links(folder: Folder) -> None:
    _ip("link", "set", "lo", "up")
    _ip("netns", "add", NAME)
    for line in filter(None, LINKS.splitlines()):
        _ip(*line.split())
    for line in filter(None, INSIDE.splitlines()):
        _ip("-n", NAME, *line.split())
    # Link-local addresses are tried out before they count.
    run("sh", "-c", "while ip address show | grep -q tentative; do sleep 0.2; done")
    folder.save("address-host.json", _ip("-json", "-details", "address", "show"))
    folder.save("address-inside.json", _ip("-n", NAME, "-json", "-details", "address", "show"))
    folder.save("route-host.json", _ip("-4", "-json", "route", "show", "table", "main"))
    batch = "address show\nneighbor show nud permanent\nroute show table all\n"
    folder.save("inside.json", run("ip", "-n", NAME, "-json", "-details", "-batch", "-", stdin=batch))
    folder.save("route-inside-6.json", _ip("-n", NAME, "-6", "-json", "route", "show", "table", "main"))


def _record_nft(folder: Folder) -> None:
    run("nft", "-f", "-", stdin=FIREWALLD)
    listing = json.loads(run("nft", "-j", "-a", "list", "chain", "inet", "firewalld", "filter_FORWARD"))
    texts = texts_by_handle(run("nft", "-a", "list", "table", "inet", "firewalld"))
    chain = read_chain(listing, ("inet", "firewalld", "filter_FORWARD", False), NAME, texts)
    found = Firewall("nftables", chains=(chain,))
    _carry_out((*opening_steps(found, NAME, policy()), *own_steps(found, NAME, policy())))
    _carry_out(inside_steps(found, NAME, inside(), (4, 6)))
    folder.save("chains.json", run("nft", "-j", "list", "chains"))
    folder.save("table.json", run("nft", "-j", "list", "table", FAMILY, tag(NAME)))
    folder.save("table-inside.json", run(*entering(NAME), "nft", "-j", "list", "table", FAMILY, tag(NAME)))
    folder.save("firewalld.txt", run("nft", "-a", "list", "table", "inet", "firewalld"))
    folder.save("firewalld.json", run("nft", "-j", "-a", "list", "chain", "inet", "firewalld", "filter_FORWARD"))


def _record_iptables(folder: Folder) -> None:
    run("iptables", "--policy", "FORWARD", "DROP")
    run("iptables", "--append", "FORWARD", "-i", "docker0", "-j", "ACCEPT")
    found = Firewall("iptables", chains=(parse_forward(run("iptables", "--list-rules"), "iptables", 4, NAME),))
    # Openings are made for a namespace whose own rules are of nftables.
    _carry_out(opening_steps(found, NAME, policy()))
    folder.save("forward.txt", run("iptables", "--list-rules", "FORWARD"))
    _carry_out(own_steps(found, NAME, policy()))
    folder.save("save.txt", run("iptables-save"))
    _carry_out(inside_steps(found, NAME, inside(), (4, 6)))
    folder.save("save-inside.txt", run(*entering(NAME), "iptables-save"))
    folder.save("save-inside-6.txt", run(*entering(NAME), "ip6tables-save"))
    folder.save("save-6.txt", run("ip6tables-save"))
    folder.save("save-counters.txt", run("iptables-save", "--counters"))


def _record_flows(folder: Folder) -> None:
    """A flow that is translated, one that is not, one of IPv6, and one of TCP, which is not listed."""
    run("nft", "-f", "-", stdin=TRANSLATED)
    code = "import socket, sys; socket.socket(int(sys.argv[1]), int(sys.argv[2])).connect_ex((sys.argv[3], int(sys.argv[4])))"
    for family, kind, address, port in (
        (2, 1, "127.0.0.1", 5001),
        (2, 2, "127.0.0.1", 5000),
        (2, 2, "127.0.0.1", 5001),
        (10, 2, "::1", 5000),
    ):
        send = code.replace("connect_ex(", "sendto(b'x', ") if kind == 2 else code
        run(sys.executable, "-c", send, str(family), str(kind), address, str(port))
    folder.save("flows.txt", "".join(f"{message.hex()}\n" for message in messages()))


def _carry_out(steps: Iterable[Step]) -> None:
    for step in steps:
        assert isinstance(step, Command)
        run(*step.argv, stdin=step.stdin)
