# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody flushes, reloads and rebuilds the firewall at random moments, while packets are sent to every place where none may arrive.

C(make test-isolation) runs this for an hour. It ends with the packets that arrived where none may, by their way: there has to be none.
The scene is a host between a client and a second network, with five namespaces: C(web) has a forward, the way out and IPv6, C(alone) has no
NAT, C(old) and C(away) have the rules of iptables, C(away) with a forward and a subnet that is not of the default ones, and C(port) may use
one port of the host.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .conftest import Host

ROOT = Path(__file__).resolve().parents[2]
PORT, FORWARD, OPEN = 7000, 10105, 7001
LATE = "203.0.113.1"
"""An address that the host gets after the namespaces were made. Only nftables can close it: with iptables the next run does."""
PLACES = ("host", "client", "lan", "web", "alone", "away", "old", "port")
ADDRESSES = {
    "host": [
        *("192.0.2.1", "198.51.100.1", "2001:db8::1", "fd00:201::1"),
        *("10.200.71.1", "10.200.72.1", "10.200.73.1", "10.200.74.1", "172.30.75.1"),
    ],
    "client": ["192.0.2.2", "2001:db8::2"],
    "lan": ["198.51.100.2"],
    "web": ["10.200.71.2", "fd00:201::2"],
    "alone": ["10.200.72.2"],
    "away": ["172.30.75.2"],
    "old": ["10.200.73.2"],
    "port": ["10.200.74.2"],
}
ALLOWED = {
    ("web", "client"),
    ("port", "client"),
    ("old", "client"),
    ("away", "client"),
    ("client", "away"),
    ("lan", "away"),
    ("client", "host"),
    ("lan", "host"),
    ("client", "lan"),
    ("lan", "client"),
}
"""The ways that are open: out with a masquerade, to services of the host and to a forwarded port from outside, and from one network of the
host to another."""

SETUP = """
ip netns add lan
ip link add name eth1 type veth peer name eth0 netns lan
ip address add 198.51.100.1/24 dev eth1
ip link set dev eth1 up
ip -n lan address add 198.51.100.2/24 dev eth0
ip -n lan link set dev eth0 up
ip -n lan link set dev lo up
ip -n lan route add default via 198.51.100.1
ip -n client route add 10.200.0.0/16 via 192.0.2.1
ip -n client route add 172.30.0.0/16 via 192.0.2.1
ip -n client route add 198.51.100.0/24 via 192.0.2.1
ip -n client -6 route add fd00::/8 via 2001:db8::1
"""

# Counts the datagrams and the connections that arrive, by the place that sent them: it is the first word. Nothing else is sent back.
LISTEN = """
import collections, json, selectors, signal, socket, sys
found, some = collections.Counter(), selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        s = socket.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            s.listen(200)
        s.setblocking(False)
        some.register(s, selectors.EVENT_READ, (kind, port))
def end(*_):
    print(json.dumps(found), flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    for key, _mask in some.select():
        kind, port = key.data
        try:
            if kind == socket.SOCK_DGRAM:
                data, peer = key.fileobj.recvfrom(100)
                found[f"{data.decode()} udp {port}"] += 1
            else:
                client, peer = key.fileobj.accept()
                found[f"{peer[0]} tcp {port}"] += 1
                client.close()
        except OSError:
            pass
"""

# Sends datagrams, and begins connections, to all addresses in turn.
SEND = """
import itertools, signal, socket, sys, time
here, port, *there = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
begun, sockets = [], {}
for number, address in enumerate(itertools.cycle(there)):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        s = sockets.get(family) or sockets.setdefault(family, socket.socket(family, socket.SOCK_DGRAM))
        s.setblocking(False)
        s.sendto(here.encode(), (address, int(port)))
    except OSError:
        pass
    if number % 7 == 0:
        c = socket.socket(family, socket.SOCK_STREAM)
        c.setblocking(False)
        try:
            c.connect((address, int(port)))
        except OSError:
            pass
        begun.append(c)
        if len(begun) > 60:
            begun.pop(0).close()
    time.sleep(0.002)
"""

LINKS: dict[str, dict[str, Any]] = {
    name: {"addresses": [f"10.200.7{number}.1/24"], "peer_addresses": [f"10.200.7{number}.2/24"]}
    for number, name in enumerate(("web", "alone", "old", "port"), 1)
}
LINKS["away"] = {"addresses": ["172.30.75.1/24"], "peer_addresses": ["172.30.75.2/24"]}
LINKS["web"]["addresses"].append("fd00:201::1/64")
LINKS["web"]["peer_addresses"].append("fd00:201::2/64")
NAMESPACES: dict[str, dict[str, Any]] = {
    "web": {"nat": {"masquerade": "eth0", "forwards": [{"port": str(FORWARD)}]}},
    "alone": {},
    "away": {"firewall": "iptables", "nat": {"masquerade": "eth0", "forwards": [{"port": str(FORWARD + 1), "to_port": str(PORT)}]}},
    "old": {"firewall": "iptables", "nat": {"masquerade": "eth0"}},
    "port": {"nat": {"masquerade": "eth0"}, "host_ports": [{"port": str(OPEN), "protocol": "udp"}]},
}
RESTORED = """
flush ruleset
table inet filter {
    chain input { type filter hook input priority 0; policy accept; }
    chain forward { type filter hook forward priority 0; policy accept; }
}
"""
FLUSHES: list[list[str]] = [
    ["nft", "flush", "ruleset"],
    ["iptables", "-F"],
    ["iptables", "-t", "nat", "-F"],
    ["sh", "-c", "iptables -F; iptables -X; iptables -P FORWARD ACCEPT; ip6tables -F; ip6tables -X"],
    ["iptables-legacy", "-F"],
    ["sh", "-c", "iptables-save | iptables-restore"],
    ["nft", "-f", "-"],
    ["sh", "-c", "for table in $(nft list tables inet | grep -o 'fleetlab-netns-.*'); do nft delete table inet $table; done"],
]


class Scene:
    """The host with its namespaces, the programs that send, and those that listen."""

    def __init__(self, host: Host, chance: random.Random) -> None:
        self.host = host
        self.chance = chance
        self.listening: dict[str, list[subprocess.Popen[str]]] = {place: [] for place in PLACES}
        self.sending: list[subprocess.Popen[str]] = []
        host.sh(SETUP)

    def declare(self, name: str) -> None:
        """Make or repair a namespace with the module."""
        answer = self.host.netns(name, links=[LINKS[name]], **NAMESPACES[name])
        if "failed" in answer:
            raise SystemExit(json.dumps(answer)[:2000])

    def enter(self, place: str) -> list[str]:
        """The words before a command at this place."""
        return self.host.enter(None if place == "host" else place)

    def begin(self) -> None:
        """Start all programs."""
        for place in PLACES:
            argv = [*self.enter(place), sys.executable, "-c", LISTEN, str(PORT), *([str(OPEN)] if place == "host" else [])]
            self.listening[place].append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
        for some in self.listening.values():
            assert some[-1].stdout is not None
            assert some[-1].stdout.readline() == "ready\n"
        for place in PLACES:
            there = [address for other in PLACES if other != place for address in ADDRESSES[other]]
            there += [LATE] if place not in ("old", "away") else []
            ports = [str(PORT), str(OPEN)] if place == "port" else [str(PORT)]
            for port in ports if place != "host" else []:
                self.sending.append(subprocess.Popen([*self.enter(place), sys.executable, "-c", SEND, place, port, *there], text=True))

    def end(self) -> Counter[str]:
        """Stop all programs, and return what arrived where nothing may."""
        for sender in self.sending:
            sender.terminate()
            sender.wait()
        found: Counter[str] = Counter()
        for place, some in self.listening.items():
            for one in some:
                one.terminate()
                text, _errors = one.communicate()
                found.update({f"{way} -> {place}": count for way, count in json.loads(text or "{}").items()})
        return found

    def disturb(self) -> str:
        """Do one of the things that somebody may do at any moment, and return its name."""
        kind = self.chance.choice(["flush"] * 6 + ["again", "script", "boot"])
        name = self.chance.choice(list(NAMESPACES))
        if kind == "flush":
            argv = self.chance.choice(FLUSHES)
            self.host.try_run(*argv, stdin=RESTORED if argv == ["nft", "-f", "-"] else None)
            return " ".join(argv)[:60]
        if kind == "boot":
            # Nothing of the host's network survives a boot; here the namespaces stay, as programs run in them.
            self.host.sh(f"nft flush ruleset; ip link delete dev v-{name}")
        if kind == "again":
            self.declare(name)
        else:
            self.host.run("env", "-i", "/bin/sh", f"/etc/fleetlab/netns/{name}.sh")
        return f"{kind} {name}"


def origin(way: str) -> str:
    """The place that sent: a datagram says it, a connection has the address of its sender, or of the host after a masquerade."""
    word = way.split()[0].replace("::ffff:", "")
    return next((place for place, addresses in ADDRESSES.items() if word == place or word in addresses), word)


def forbidden(found: Counter[str]) -> dict[str, int]:
    """The packets that arrived where none may."""
    passed = {}
    for way, count in found.items():
        start, target = origin(way), way.rpartition(" ")[2]
        if start == "host" or (start, target) in ALLOWED or way == f"port udp {OPEN} -> host":
            continue
        passed[way] = count
    return passed


def attack(host: Host, seconds: float, seed: int) -> tuple[dict[str, int], Counter[str], Counter[str]]:
    """What arrived where nothing may, everything that arrived, and what was done."""
    scene = Scene(host, random.Random(seed))
    for name in NAMESPACES:
        scene.declare(name)
    host.run("ip", "address", "add", f"{LATE}/32", "dev", "eth1")
    done: Counter[str] = Counter()
    scene.begin()
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done[scene.disturb()] += 1
            time.sleep(scene.chance.choice([0, 0.05, 0.3]))
    finally:
        found = scene.end()
    return forbidden(found), found, done


def main(arguments: Sequence[str]) -> int:
    """Attack a host of its own, and say what passed."""
    parser = argparse.ArgumentParser(description="Flush and rebuild firewalls under traffic: nothing may pass that is not allowed.")
    parser.add_argument("--seconds", type=float, default=3600, help="duration (default: 3600)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random choices, to repeat a run")
    chosen = parser.parse_args(arguments)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    host = Host(ROOT / ".cache" / "collections")
    try:
        passed, found, done = attack(host, chosen.seconds, chosen.seed)
    finally:
        host.close()
    print(f"seed {chosen.seed}, {chosen.seconds:.0f} s")
    for name, count in sorted(done.items()):
        print(f"{count:8} times  {name}")
    print(f"{sum(found.values()):8} packets arrived on ways that are open, {sum(passed.values())} where none may")
    for way, count in passed.items():
        print(f"{count:8} PASSED {way}")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
