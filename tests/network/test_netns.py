# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netns and netns_info on a real kernel: connections, repairs, and that nothing of other programs changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

PORT = 10105
POSTS: dict[str, Any] = {"forwards": [{"port": str(PORT)}]}
BOTH: dict[str, Any] = {
    "links": [
        {
            "name": "v-both",
            "peer": "eth0",
            "addresses": ["10.201.0.1/30", "fd00:201::1/64"],
            "peer_addresses": ["10.201.0.2/30", "fd00:201::2/64"],
            "mtu": 1400,
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
}
FIREWALLS = ("nftables", "iptables")
FOREIGN = """
nft add table inet other
nft add chain inet other forward '{ type filter hook forward priority 0; policy accept; }'
nft add rule inet other forward tcp dport 7 counter drop comment '"mine"'
iptables -N THEIRS
iptables -A THEIRS -p udp --dport 9 -j RETURN
iptables -A FORWARD -j THEIRS
iptables -t nat -A POSTROUTING -s 198.51.100.0/24 -j MASQUERADE
iptables -t nat -A PREROUTING -p tcp --dport 2222 -j DNAT --to-destination 198.51.100.7:22
ip6tables -A FORWARD -s 2001:db8:7::/64 -j DROP
"""


def without_counters(text: str) -> str:
    """The rules as text, without the comments in which iptables writes the time; nft prints no handles here."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_the_example_of_the_posts(host: Any, firewall: str) -> None:
    done = host.make(firewall=firewall, **POSTS)
    (link,) = done["namespace"]["links"][1:]
    assert (link["host_link"], link["host_addresses"], link["addresses"]) == ("v-web", ["10.200.1.1/24"], ["10.200.1.2/24"])
    host.serve("web", PORT)
    # From another host and from the host itself, with the client's address kept where it can be.
    assert host.connect("client", "192.0.2.1", PORT) == "192.0.2.2"
    assert host.connect(None, "192.0.2.1", PORT)
    assert host.connect(None, "127.0.0.1", PORT) == "10.200.1.1"
    # Out, with the host's address.
    host.serve("client", 8000)
    assert host.connect("web", "192.0.2.2", 8000, user="nobody") == "192.0.2.1"


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_nothing_else_is_open(host: Any, firewall: str) -> None:
    host.make(firewall=firewall, **POSTS)
    host.make("other", firewall=firewall)
    host.serve("web", 8081)
    host.serve("other", 8081)
    host.serve(None, 8082)
    host.serve(None, 8083, address="127.0.0.1")
    host.run("ip", "-n", "client", "route", "add", "10.200.0.0/16", "via", "192.0.2.1")
    host.serve("client", 8084)
    # From outside: neither a port that is not forwarded, nor around the forward.
    assert host.connect("client", "192.0.2.1", 8081) == ""
    assert host.connect("client", "10.200.1.2", 8081) == ""
    # From inside, as somebody without rights: not the host's services, not its loopback, not the other namespace.
    for address, port in (("10.200.1.1", 8082), ("192.0.2.1", 8082), ("127.0.0.1", 8083), ("10.200.2.2", 8081), ("10.200.2.1", 8082)):
        assert host.connect("web", address, port, user="nobody") == ""
    # The other one asked for nothing: it gets nowhere.
    assert host.connect("other", "192.0.2.2", 8084) == ""
    # From the host itself everything inside can be reached.
    assert host.connect(None, "10.200.1.2", 8081) == "10.200.1.1"


def test_who_is_inside_sees_and_changes_nothing_of_the_host(host: Any) -> None:
    host.make(**POSTS)
    host.serve(None, 8082)
    drop = [*host.enter("web"), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    seen = subprocess.run([*drop, "cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
    assert f":{8082:04X} " not in seen
    for argv in (["nft", "flush", "ruleset"], ["ip", "link", "delete", "v-peer1"], ["ip", "netns", "exec", "client", "true"]):
        assert subprocess.run([*drop, *argv], capture_output=True, check=False).returncode != 0
    # Even root of the namespace's network changes its own rules only.
    before = host.everything()
    assert subprocess.run([*host.enter("web"), "nft", "flush", "ruleset"], check=False).returncode == 0
    assert host.everything() == before


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_both_families_links_ranges_and_udp(host: Any, firewall: str) -> None:
    host.make("both", firewall=firewall, **BOTH)
    host.serve("both", 8080)
    host.serve("both", 8080, address="fd00:201::2")
    host.serve("both", 5001, kind="udp")
    for port in (80, 6000, 6009):
        assert host.connect("client", "192.0.2.1", port) == "192.0.2.2"
    # The first second after a link is made the kernel looks for others with its link-local address.
    host.wait_until(lambda: host.connect("client", "2001:db8::1", 80) == "2001:db8::2")
    assert host.connect(None, "2001:db8::1", 80)
    assert host.connect("client", "192.0.2.1", 5001, kind="udp") == "192.0.2.2"
    assert host.connect(None, "127.0.0.1", 5001, kind="udp")
    assert host.connect("client", "192.0.2.1", 6010) == ""
    host.serve("client", 8000, address="2001:db8::2")
    assert host.connect("both", "2001:db8::2", 8000) == "2001:db8::1"
    (found,) = host.info(name="both")
    assert {one["name"]: one["mtu"] for one in found["links"]}["eth0"] == 1400
    assert [one["port"] for one in found["forwards"]] == ["80", "6000-6009", "5000-5002"]
    # The way out for IPv6 was learned from a router: forwarding must not make the host deaf to it.
    assert host.run("cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra").strip() == "2"


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_rules_of_others_stay_byte_for_byte(host: Any, firewall: str) -> None:
    host.sh(FOREIGN)
    before = host.everything()
    host.make(firewall=firewall, **POSTS)
    host.netns(firewall=firewall, forwards=[{"port": "10106"}])
    during = without_counters(host.everything())
    for line in without_counters(before).splitlines():
        assert line in during
    removed = host.netns(state="absent")
    assert "failed" not in removed
    after = host.everything()
    if firewall == "nftables":
        assert without_counters(after) == without_counters(before)
    else:
        # Listing makes iptables add the chains it always has, such as those of a table it had not used before: they are empty.
        gone = [line for line in without_counters(before).splitlines() if line not in without_counters(after)]
        assert gone == []
        assert "fleetlab" not in after
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
    assert "stays 1" in removed["warnings"][0] if isinstance(removed["warnings"][0], str) else removed["warnings"]


@pytest.mark.parametrize(
    "drop",
    [
        "iptables -P FORWARD DROP",
        "iptables -A FORWARD -j REJECT",
        "nft add table inet strict; nft add chain inet strict through '{ type filter hook forward priority 10; policy drop; }'",
        """
        nft add table inet fw
        nft add chain inet fw through '{ type filter hook forward priority 10; policy accept; }'
        nft add rule inet fw through ct state established accept
        nft add rule inet fw through counter reject with icmpx admin-prohibited
        """,
    ],
)
@pytest.mark.parametrize("firewall", FIREWALLS)
def test_passes_where_the_host_drops_what_it_forwards(host: Any, firewall: str, drop: str) -> None:
    host.sh(drop)
    before = without_counters(host.everything())
    host.make(firewall=firewall, **POSTS)
    host.serve("web", PORT)
    host.serve("client", 8000)
    assert host.connect("client", "192.0.2.1", PORT) == "192.0.2.2"
    assert host.connect("web", "192.0.2.2", 8000) == "192.0.2.1"
    host.services[0].kill()
    host.services[0].wait()
    assert "failed" not in host.netns(state="absent", check=True)
    assert "failed" not in host.netns(state="absent")
    after = without_counters(host.everything())
    assert "fleetlab" not in after
    assert [line for line in before.splitlines() if line not in after] == []


def changes(answer: dict[str, Any]) -> list[list[str]]:
    assert "failed" not in answer, answer
    return [argv for argv in answer["commands"] if argv[0] != "write-file"]


@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        ("ip address delete 10.200.1.1/24 dev v-web", 1),
        ("ip -n web address add 10.200.1.77/24 dev v-peer1", 3),
        ("ip -n web route delete default", 1),
        ("ip -n web link set dev lo down", 1),
        ("nft flush chain inet fleetlab-netns-web forward", 1),
        ("nft delete table inet fleetlab-netns-web", 1),
        ("nft add rule inet fleetlab-netns-web prerouting tcp dport 22 drop", 1),
        ("nft add set inet fleetlab-netns-web extra '{ type ipv4_addr; }'", 1),
        ("echo 0 > /proc/sys/net/ipv4/ip_forward", 2),
        ("echo 0 > /proc/sys/net/ipv4/conf/v-web/route_localnet", 1),
    ],
)
def test_drift_is_repaired_by_the_smallest_step(host: Any, damage: str, repair: int) -> None:
    host.make(**POSTS)
    host.sh(damage)
    shown = host.netns(check=True, **POSTS)
    done = host.netns(**POSTS)
    assert shown["commands"] == done["commands"]
    assert shown["diff"]["before"] != shown["diff"]["after"]
    assert 1 <= len(changes(done)) <= repair, done["commands"]
    assert changes(host.netns(**POSTS)) == []
    host.serve("web", PORT)
    assert host.connect("client", "192.0.2.1", PORT) == "192.0.2.2"
    assert host.connect(None, "127.0.0.1", PORT)


@pytest.mark.parametrize("damage", ["ip link delete dev v-web", "ip -n web link delete dev v-peer1", "ip netns delete web"])
def test_what_is_gone_comes_back(host: Any, damage: str) -> None:
    host.make(**POSTS)
    host.sh(damage)
    # The links of a namespace go a while after its name.
    host.sh("while ip link show dev v-web && ! ip -n web link show; do sleep 0.01; done >/dev/null 2>&1")
    host.make(**POSTS)
    host.serve("web", PORT)
    assert host.connect("client", "192.0.2.1", PORT) == "192.0.2.2"


def test_rules_of_iptables_that_were_edited_are_repaired(host: Any) -> None:
    host.make(firewall="iptables", **POSTS)
    saved = host.run("iptables-save")
    jump = next(line for line in saved.splitlines() if line.startswith("-A FORWARD") and "fleetlab" in line)
    chain = jump.split()[-1]
    host.sh(f"iptables -D {jump[3:]}; iptables -F {chain}; iptables -I {chain} -j ACCEPT")
    done = host.netns(firewall="iptables", **POSTS)
    assert [argv[0] for argv in changes(done)] == ["iptables-restore", "iptables"]
    assert without_counters(host.run("iptables-save")) == without_counters(saved)


def test_established_connections_survive_what_does_not_concern_them(host: Any) -> None:
    host.make(**POSTS)
    host.serve("web", PORT)
    code = """
import socket, sys
client = socket.create_connection(("192.0.2.1", 10105), 2)
client.recv(100)
print("connected", flush=True)
for line in sys.stdin:
    client.sendall(b"x")
    print(client.recv(1).decode(), flush=True)
"""
    argv = [*host.enter("client"), sys.executable, "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline() == "connected\n"
        for options in (
            {"forwards": [{"port": str(PORT)}, {"port": "81"}]},
            {**POSTS, "dns": ["192.0.2.53"]},
            {**POSTS, "firewall": "iptables"},
            {**POSTS, "persist": False},
        ):
            assert host.netns(**options)["changed"]
            client.stdin.write("\n")
            client.stdin.flush()
            assert client.stdout.readline() == "x\n"
        client.stdin.close()


def test_what_is_no_longer_asked_for_goes(host: Any) -> None:
    host.make("both", **BOTH)
    link = {"name": "v-new", "peer": "eth0", "addresses": ["10.203.0.1/24"], "peer_addresses": ["10.203.0.2/24"]}
    host.make("both", links=[link], dns=["192.0.2.53"], dns_search=["example.com"])
    assert host.run("cat", "/etc/netns/both/resolv.conf").endswith("nameserver 192.0.2.53\nsearch example.com\n")
    names = host.run("ip", "-brief", "link")
    assert "v-new" in names
    assert "v-both" not in names
    assert "v-more" not in names
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "0"
    route = {"to": "198.51.100.0/24", "via": "10.203.0.1"}
    host.make("both", links=[link], routes=[route])
    assert host.run("ip", "-n", "both", "route").splitlines()[1:] == ["198.51.100.0/24 via 10.203.0.1 dev eth0 "]
    assert host.try_run("ls", "/etc/netns/both")["exit_code"] != 0
    host.make("both", links=[])
    assert "fleetlab-netns-both" not in host.run("nft", "list", "ruleset")


def test_absent_leaves_nothing_and_nobody_without_network(host: Any) -> None:
    before = host.snapshot()
    host.make("both", dns=["192.0.2.53"], **BOTH)
    service = host.serve("both", 8080)
    refused = host.netns("both", state="absent")
    assert refused["failed"]
    assert f"{service.pid} (" in refused["msg"]
    assert host.netns("both", state="absent", check=True)["msg"] == refused["msg"]
    service.kill()
    service.wait()
    host.run("ip", "-n", "both", "link", "add", "name", "theirs", "type", "bridge")
    assert "theirs" in host.netns("both", state="absent")["msg"]
    done = host.netns("both", state="absent", force=True)
    assert done["changed"]
    assert done["namespace"] is None
    assert host.snapshot() == before
    assert changes(host.netns("both", state="absent")) == []


def test_names_are_exact(host: Any) -> None:
    host.run("ip", "netns", "add", "mario2")
    assert host.netns("mario", check=True, **POSTS)["changed"]
    assert changes(host.netns("mario", state="absent")) == []
    host.make("mario", **POSTS)
    assert "failed" not in host.netns("mario", state="absent")
    assert host.run("ip", "netns", "list").split("\n")[0].split()[0] == "mario2"


def test_forwarding_stays_while_one_of_several_needs_it(host: Any) -> None:
    host.make("one", forwards=[{"port": "81"}])
    host.make("two", forwards=[{"port": "82"}])
    host.netns("one", state="absent")
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
    host.netns("two", state="absent")
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "0"


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_the_script_for_the_boot_builds_the_same(host: Any, firewall: str) -> None:
    host.sh("iptables -P FORWARD DROP")
    host.make("both", firewall=firewall, **BOTH)
    script = "/etc/fleetlab/netns/both.sh"
    # As after a boot: nothing is there but the files.
    host.sh(
        "ip link delete dev v-both; ip link delete dev v-more; ip netns delete both; nft flush ruleset;"
        " echo 0 >/proc/sys/net/ipv4/ip_forward; iptables -P FORWARD DROP"
    )
    for _time in range(2):
        done = host.try_run("env", "-i", "/bin/sh", script)
        assert (done["exit_code"], done["stderr"]) == (0, "")
        assert changes(host.netns("both", firewall=firewall, **BOTH)) == []
    host.serve("both", 8080)
    assert host.connect("client", "192.0.2.1", 80) == "192.0.2.2"
    # Parts that are missing come back, and those that are in use stay.
    host.sh("ip -n both link delete dev eth1; nft delete table inet fleetlab-netns-both 2>/dev/null || :")
    host.run("/bin/sh", script)
    assert changes(host.netns("both", firewall=firewall, **BOTH)) == []
    assert host.connect("client", "192.0.2.1", 80) == "192.0.2.2"


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_a_run_that_was_killed_is_completed_by_the_next(host: Any, firewall: str) -> None:
    host.sh("iptables -P FORWARD DROP")
    before = host.snapshot()
    options = {**POSTS, "dns": ["192.0.2.53"], "firewall": firewall}
    commands = host.netns(check=True, **options)["commands"]
    # The steps are the same for both but for those of the firewall.
    points = [number for number, argv in enumerate(commands) if firewall == "nftables" or argv[0].startswith("iptables")]
    for step in points[:: 1 if firewall == "nftables" else 3]:
        host.netns(kill_before=step, **options)
        done = host.netns(**options)
        assert "failed" not in done, done
        assert changes(host.netns(check=True, **options)) == []
        host.netns(state="absent", kill_before=step)
        assert "failed" not in host.netns(state="absent")
    # What iptables leaves are its own tables, empty.
    left = [line for line in host.snapshot().splitlines() if line not in before]
    assert [line for line in left if not line.strip().startswith(("table ip", "chain", "type"))] == []


def test_a_file_without_its_namespace_is_replaced(host: Any) -> None:
    host.sh("touch /run/netns/web")
    host.make(**POSTS)
    host.serve("web", PORT)
    assert host.connect("client", "192.0.2.1", PORT)


def test_info_shows_sockets_processes_rules_and_counters(host: Any) -> None:
    host.make(**POSTS)
    service = host.serve("web", PORT)
    assert host.connect("client", "192.0.2.1", PORT)
    found = {one["name"]: one for one in host.info()}
    assert sorted(found) == ["client", "web"]
    web = found["web"]
    assert (web["managed"], found["client"]["managed"]) == (True, False)
    assert web["listening"] == [{"protocol": "tcp", "address": "0.0.0.0", "port": PORT}]
    assert service.pid in [one["pid"] for one in web["processes"]]
    assert sum(rule["packets"] or 0 for rule in web["rules"] if rule["chain"] == "forward") > 0
    assert host.info(name="we") == []


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"forwards": [{"port": "8082"}]}, "listens on 0.0.0.0:8082"),
    ({"nat": {"masquerade": "eth9"}}, "nat.masquerade: this host has no interface eth9"),
    ({"links": [{"name": "eth0"}]}, "eth0 already exists on this host"),
    ({"links": [{"addresses": ["192.0.2.77/25"], "peer_addresses": ["192.0.2.78/25"]}]}, "192.0.2.1/24 of eth0"),
    ({"links": [{"addresses": ["10.200.1.9/24"], "peer_addresses": ["10.200.1.10/24"]}]}, "belongs to the namespace first"),
    ({"links": [{"name": "v-first", "addresses": ["10.9.0.1/24"], "peer_addresses": ["10.9.0.2/24"]}]}, "belongs to the namespace first"),
    ({"forwards": [{"port": "10000-10200"}]}, "it is forwarded to the namespace first"),
    ({"forwards": [{"port": "22;reboot"}]}, "forwards[0].port"),
    ({"links": [{"name": "a-name-of-more-than-15"}]}, "links[0].name"),
]


def test_bad_input_is_refused_before_anything_changes(host: Any) -> None:
    host.make("first", **POSTS)
    host.serve(None, 8082)
    before = host.snapshot()
    for options, message in REFUSED:
        shown = host.netns("bad", check=True, **options)
        assert message in shown["msg"]
        assert host.netns("bad", **options)["msg"] == shown["msg"]
    assert host.snapshot() == before


def test_the_way_to_the_controller_is_not_cut(host: Any) -> None:
    """The ssh connection is found in the environment of an ancestor, which sudo does not hide."""
    link = {"addresses": ["198.51.100.1/24"], "peer_addresses": ["198.51.100.2/24"]}
    answer = host.ask(module="netns", options={"name": "web", "links": [link]}, env={"SSH_CONNECTION": "198.51.100.9 50000 192.0.2.1 22"})
    assert "overlaps the route to 198.51.100.9" in answer["msg"]
    assert host.try_run("ip", "netns", "exec", "web", "true")["exit_code"] != 0


def test_the_lock_of_xtables_is_waited_for(host: Any) -> None:
    if "legacy" not in host.try_run("iptables-legacy", "-V")["stdout"]:
        pytest.fail("iptables-legacy is needed: it is what takes the lock")
    host.run("iptables-legacy", "-P", "FORWARD", "DROP")
    hold = "import fcntl, time; f = open('/run/xtables.lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(1)"
    with subprocess.Popen([*host.enter(None), sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        done = host.netns(**POSTS)
        assert "failed" not in done, done
    rules = host.run("iptables-legacy", "-S", "FORWARD")
    assert rules.count("fleetlab-netns-web") == 2
    host.make(**POSTS)
    assert host.run("iptables-legacy", "-S", "FORWARD") == rules


PLAIN: dict[str, Any] = {"name": "v-web", "peer": "a0", "addresses": ["10.5.0.1/24"], "peer_addresses": ["10.5.0.2/24"]}
SIX: dict[str, Any] = {**PLAIN, "addresses": ["fd00:5::1/64"], "peer_addresses": ["fd00:5::2/64"]}


def refused(host: Any, message: str, name: str = "web", **options: Any) -> None:
    """The module refuses in check mode and outside it, and nothing changes."""
    before = host.snapshot()
    shown = host.netns(name, check=True, **options)
    assert message in shown.get("msg", ""), shown
    assert host.netns(name, **options)["msg"] == shown["msg"]
    assert host.snapshot() == before


def test_a_namespace_of_somebody_else_is_not_removed(host: Any) -> None:
    host.sh("ip netns add theirs; ip link add name cni0v type veth peer name eth0 netns theirs; ip link set dev cni0v up")
    refused(host, "it was not made by this module", "theirs", state="absent")
    # Nor one that has got a part of ours since.
    host.make("theirs", **POSTS)
    refused(host, "it existed before this module changed it", "theirs", state="absent")
    assert host.netns("theirs", state="absent", force=True)["changed"]
    assert changes(host.netns("theirs", state="absent")) == []


def test_a_link_that_bears_the_name_of_ours_is_not_touched(host: Any) -> None:
    host.make(**POSTS)
    host.sh("ip netns delete web")
    host.wait_until(lambda: "v-web" not in host.run("ip", "-brief", "link"))
    host.sh("ip netns add foreign; ip link add name v-web type veth peer name eth0 netns foreign; ip address add 10.77.0.1/24 dev v-web")
    refused(host, "v-web already exists on this host", **POSTS)
    assert host.netns(state="absent")["changed"]
    assert "10.77.0.1/24" in host.run("ip", "-brief", "address")
    host.serve("foreign", 80)
    # A link of ours outlives the name of its namespace as long as processes live there.
    host.make("other", **POSTS)
    host.serve("other", PORT)
    host.sh("umount /run/netns/other; rm /run/netns/other")
    host.make("other", **POSTS)


def test_tunnels_that_the_kernel_puts_into_every_namespace_are_nobody_s(host: Any) -> None:
    host.make(**POSTS)
    # What modules of tunnels make by themselves; here only its name and that it has no address say so.
    host.sh("ip -n web link add name sit0 type bridge; ip -n web address add 10.9.9.9/32 dev sit0")
    assert "sit0" in host.netns(state="absent")["msg"]
    host.sh("ip -n web address flush dev sit0")
    assert host.netns(state="absent")["changed"]


def test_the_host_keeps_the_way_out_that_it_has_learned_from_a_router(host: Any) -> None:
    host.sh(
        "ip link add name br0 type bridge; ip link set dev br0 up; ip -6 route delete default;"
        " ip -6 route add default via 2001:db8::2 dev eth0 proto ra"
    )
    for nat in ({"masquerade": "none"}, {"masquerade": "br0"}):
        host.make(links=[SIX], nat=nat)
        assert host.run("cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra").strip() == "2"
        assert "via 2001:db8::2 dev eth0 proto ra" in host.run("ip", "-6", "route", "show", "default")
        assert host.netns(state="absent")["changed"]
        assert host.run("cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra").strip() == "1"


def test_a_setting_that_two_need_stays_when_the_one_that_changed_it_goes(host: Any) -> None:
    other = {**SIX, "name": "v-two", "addresses": ["fd00:6::1/64"], "peer_addresses": ["fd00:6::2/64"]}
    host.make("one", links=[SIX], nat={})
    host.make("two", links=[other], nat={})
    host.make("one", state="absent")
    assert host.run("cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra").strip() == "2"
    host.make("two", links=[other], nat={})
    host.make("two", state="absent")
    assert host.run("cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra").strip() == "1"


def test_the_former_value_of_a_setting_outlives_a_kill(host: Any) -> None:
    host.make(**POSTS)
    commands = host.netns(check=True)["commands"]
    for step in range(1, len(commands)):
        host.netns(kill_before=step)
        host.netns()
        assert host.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "0"
        host.make(**POSTS)


@pytest.mark.parametrize(("link", "gateway"), [(PLAIN, "10.5.0.1"), (SIX, "fd00:5::1")])
def test_metrics_of_routes(host: Any, link: dict[str, Any], gateway: str) -> None:
    def metrics() -> list[Any]:
        family = f"-{6 if ':' in gateway else 4}"
        routes = json.loads(host.run("ip", "-n", "web", family, "-json", "route", "show", "default"))
        return sorted(route.get("metric", 0) for route in routes)

    kernels = 1024 if ":" in gateway else 0
    for wanted in ([100], [200], [None, 100, 200], [100, 200], [None], [300, None]):
        host.make(links=[link], routes=[{"to": "default", "via": gateway, "metric": metric} for metric in wanted], **POSTS)
        assert metrics() == sorted(kernels if metric is None else metric for metric in wanted)
    host.make(links=[link], routes=[{"to": "default", "via": gateway, "metric": 300}], **POSTS)
    shown = host.netns(check=True, links=[link], **POSTS)["diff"]
    assert any(route.endswith("metric 300") for route in shown["before"]["routes"])
    host.make(links=[link], **POSTS)
    assert metrics() == [kernels]


def test_a_link_that_is_made_anew_has_all_of_its_settings(host: Any) -> None:
    host.make(links=[PLAIN], **POSTS)
    host.make(links=[{**PLAIN, "peer": "b0"}], **POSTS)
    host.sh("ip -n web link set dev b0 name other")
    host.make(links=[{**PLAIN, "peer": "b0"}], **POSTS)
    host.serve("web", PORT)
    assert host.connect(None, "127.0.0.1", PORT)


def test_the_port_that_ansible_comes_in_by_is_not_forwarded(host: Any) -> None:
    options = {"name": "web", "forwards": [{"port": "20-30"}], "services": ["ssh"]}
    answer = host.ask(module="netns", options=options, env={"SSH_CONNECTION": "198.51.100.9 50000 192.0.2.1 22"})
    assert "forward tcp 20-30: refused: Ansible connects to port 22 of this host" in answer["msg"]
    assert host.try_run("ip", "netns", "exec", "web", "true")["exit_code"] != 0


def test_the_longest_name(host: Any) -> None:
    host.sh("nft add table inet strict; nft add chain inet strict through '{ type filter hook forward priority 10; policy drop; }'")
    name = "n" * 113
    host.make(name, **POSTS)
    assert host.run("nft", "list", "chain", "inet", "strict", "through").count(name) == 2
    assert host.netns(name, state="absent")["changed"]
    refused(host, "is longer than 113 characters", "n" * 114, **POSTS)


BY_NAMED_MAP = """
nft -f - <<'END'
table inet fw {
    map zones { type ifname : verdict; elements = { "eth0" : jump outside }; }
    chain outside { ip protocol icmp accept; drop; }
    chain rest { log prefix "rest "; reject; }
    chain through { type filter hook forward priority 10; iifname vmap @zones; counter goto rest; }
}
END
"""


@pytest.mark.parametrize(
    "drop",
    [
        "iptables -N DENY; iptables -A DENY -p udp -j RETURN; iptables -A DENY -j DROP; iptables -A FORWARD -j DENY",
        """
        nft add table inet fw
        nft add chain inet fw through '{ type filter hook forward priority 10; policy accept; }'
        nft add chain inet fw rest
        nft add chain inet fw last
        nft add rule inet fw last log drop
        nft add rule inet fw rest counter goto last
        nft add rule inet fw through ct state established accept
        nft add rule inet fw through jump rest
        """,
        BY_NAMED_MAP,
    ],
)
def test_passes_where_a_jump_leads_to_a_drop(host: Any, drop: str) -> None:
    host.sh(drop)
    host.make(**POSTS)
    host.serve("web", PORT)
    assert host.connect("client", "192.0.2.1", PORT) == "192.0.2.2"


@pytest.mark.parametrize(
    ("drop", "chain"),
    [
        ("iptables -A FORWARD -i eth0 -j DROP", "ip filter FORWARD"),
        ("iptables -N DENY; iptables -A DENY -j DROP; iptables -A FORWARD -i eth0 -g DENY", "ip filter FORWARD"),
        (
            """
            nft add table inet fw
            nft add chain inet fw through '{ type filter hook forward priority 10; policy accept; }'
            nft add chain inet fw zone
            nft add rule inet fw zone reject
            nft add rule inet fw through iifname vmap '{ "eth0" : jump zone }'
            """,
            "inet fw through",
        ),
    ],
)
def test_chains_that_drop_some_are_left_alone_and_named(host: Any, drop: str, chain: str) -> None:
    host.sh(drop)
    before = without_counters(host.everything())
    told = [text for text in warnings(host.netns(**POSTS)) if "rules of other programs" in text]
    assert told == [f"web: rules of other programs in the chain {chain} drop some forwarded packets, also from and to the namespace"]
    assert without_counters(host.everything()).count("fleetlab-netns-web") == 1
    assert host.netns(state="absent")["changed"]
    assert without_counters(host.everything()) == before


def warnings(answer: dict[str, Any]) -> list[str]:
    assert "failed" not in answer, answer
    return [text if isinstance(text, str) else str(text["event"]["msg"]) for text in answer.get("warnings", [])]


BY_NFT = """
nft -f - <<'END'
table ip filter {
    chain FORWARD {
        type filter hook forward priority 0; policy drop;
        ct state vmap { established : accept, related : accept, invalid : drop }
    }
}
END
"""


def test_a_chain_that_iptables_can_not_read_is_read_by_nft(host: Any) -> None:
    host.sh(BY_NFT)
    assert host.try_run("iptables", "-S")["exit_code"] != 0
    before = host.run("nft", "list", "ruleset")
    host.make(**POSTS)
    host.serve("web", PORT)
    assert host.connect("client", "192.0.2.1", PORT) == "192.0.2.2"
    host.services[0].kill()
    host.services[0].wait()
    assert host.netns(state="absent")["changed"]
    assert host.run("nft", "list", "ruleset") == before


def test_gateways_that_the_link_does_not_lead_to_are_refused(host: Any) -> None:
    for route, message in (
        ({"to": "default", "via": "198.51.100.1", "link": "a0"}, "routes[0].via: 198.51.100.1 is not beyond a0"),
        ({"to": "default", "via": "10.5.0.2"}, "routes[0].via: 10.5.0.2 is not beyond a0"),
        ({"to": "2001:db8:9::/48", "via": "fe80::1%eth0", "link": "a0"}, "routes[0].via: 'fe80::1%eth0' has a zone"),
    ):
        refused(host, message, links=[PLAIN], routes=[route], **POSTS)
    near = [{"to": "198.51.100.1/32", "link": "a0"}, {"to": "default", "via": "198.51.100.1", "link": "a0"}]
    host.make(links=[PLAIN], routes=near, **POSTS)
    host.make(links=[SIX], routes=[{"to": "default", "via": "fe80::1", "link": "a0"}], **POSTS)


def test_addresses_of_a_family_that_is_switched_off_are_refused(host: Any) -> None:
    host.sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
    refused(host, "IPv6 is disabled on this host (net.ipv6.conf.default.disable_ipv6)", links=[SIX], **POSTS)
    host.make(links=[PLAIN], **POSTS)


def test_forwarding_ends_where_others_have_chains_and_nothing_in_them(host: Any) -> None:
    host.sh("nft add table inet filter; nft add chain inet filter forward '{ type filter hook forward priority 0; policy accept; }'")
    host.make(**POSTS)
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
    assert warnings(host.netns(state="absent")) == []
    assert host.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == "0"


def test_a_table_that_is_dormant_is_woken(host: Any) -> None:
    host.make(**POSTS)
    host.sh("nft add table inet fleetlab-netns-web '{ flags dormant; }'")
    host.make(**POSTS)
    assert "dormant" not in host.run("nft", "list", "ruleset")


def test_folders_of_others_stay_and_ours_go(host: Any) -> None:
    host.sh("mkdir -p /etc/netns/theirs; touch /etc/netns/theirs/resolv.conf")
    host.make(dns=["192.0.2.53"], **POSTS)
    host.make(persist=False, **POSTS)
    assert host.try_run("ls", "/etc/fleetlab")["exit_code"] != 0
    host.make(dns=["192.0.2.53"], **POSTS)
    assert host.netns(state="absent")["changed"]
    assert host.try_run("ls", "/etc/fleetlab")["exit_code"] != 0
    assert host.sh("ls -R /etc/netns") == "/etc/netns:\ntheirs\n\n/etc/netns/theirs:\nresolv.conf\n"


def test_addresses_of_a_site_and_no_name_servers(host: Any) -> None:
    site = {**PLAIN, "addresses": ["fec0:5::1/64"], "peer_addresses": ["fec0:5::2/64"]}
    host.make(links=[site], dns=[])
    assert host.try_run("ls", "/etc/netns")["exit_code"] != 0


def test_a_socket_of_udp_is_not_called_a_service_that_listens(host: Any) -> None:
    host.serve(None, 40123, kind="udp")
    refused(
        host, "a service of this host receives, or waits for an answer, on 0.0.0.0:40123", forwards=[{"port": "40123", "protocol": "udp"}]
    )


ALONE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.fleetlab.linux.plugins.modules import {module}
with patch_module_args(json.loads(sys.argv[1])):
    {module}.main()
"""


def start_alone(host: Any, tree: Any, module: str, options: dict[str, Any], *before: str) -> subprocess.Popen[str]:
    """Start a module in a separate process, on the host."""
    argv = [*host.enter(None), *before, sys.executable, "-c", ALONE.format(module=module), json.dumps(options)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(tree)})


def test_runs_at_the_same_time_get_subnets_of_their_own(host: Any, tree: Any) -> None:
    runs = [start_alone(host, tree, "netns", {"name": name}) for name in ("one", "two", "three")]
    for run in runs:
        assert json.loads(run.communicate()[0])["changed"]
    addresses = [link["addresses"] for found in host.info() for link in found["links"] if link["name"] == "v-peer1"]
    assert sorted(addresses) == [["10.200.1.2/24"], ["10.200.2.2/24"], ["10.200.3.2/24"]]
    # Check mode waits for nobody.
    hold = "import fcntl; f = open('/run/fleetlab/netns.lock'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    with subprocess.Popen(
        [*host.enter(None), sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert host.netns("four", check=True)["changed"]
        holder.communicate("\n")


def test_who_may_not_look_into_namespaces_is_told(host: Any, tree: Any) -> None:
    host.make(**POSTS)
    drop = ["setpriv", "--bounding-set=-all"]
    answer = json.loads(start_alone(host, tree, "netns_info", {}, *drop).communicate()[0])
    assert "CAP_SYS_ADMIN missing): use become" in answer["msg"]


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_a_look_at_the_firewall_changes_nothing(host: Any, firewall: str, tmp_path: Any) -> None:
    """A monitor of the rules sees no event, and no table of iptables is created."""
    heard = tmp_path / "heard"
    watcher = host.sh(f"nft -j monitor > {heard} 2>&1 < /dev/null & echo $!").strip()
    try:
        host.sh(f"sleep 0.3; kill -0 {watcher}")
        before = host.run("nft", "list", "ruleset")
        planned = host.netns(check=True, firewall=firewall, **POSTS)
        assert planned["changed"], planned
        assert host.run("nft", "list", "ruleset") == before
        assert host.sh("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null || :") == ""
        host.sh("nft add table inet somebody; sleep 0.3")
    finally:
        host.sh(f"kill {watcher}")
    events = [json.loads(line) for line in heard.read_text(encoding="utf-8").splitlines()]
    assert [next(iter(one.values())).get("table", {}).get("name") for one in events] == ["somebody"]
