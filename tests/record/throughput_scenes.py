# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""iperf3 between two network namespaces, over a path that works and over a black hole, and what ip and tc show of them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

from ansible_collections.fleetlab.linux.tests.record.recording import Folder, run, upstream_version

NEAR, FAR, ROUTER = "record-near", "record-far", "record-router"
# 9000 on both sides of a router that forwards 1500, and whose messages about that do not leave it.
SETUP = f"""
link add name n0 mtu 9000 netns {NEAR} type veth peer name r0 netns {ROUTER}
link add name f0 mtu 9000 netns {FAR} type veth peer name r1 netns {ROUTER}
-n {NEAR} address add 192.0.2.1/24 dev n0
-n {NEAR} address add 2001:db8::1/64 dev n0 nodad
-n {ROUTER} address add 192.0.2.2/24 dev r0
-n {ROUTER} address add 198.51.100.1/24 dev r1
-n {FAR} address add 198.51.100.2/24 dev f0
-n {NEAR} link set dev n0 up
-n {NEAR} link set dev lo up
-n {ROUTER} link set dev r0 mtu 9000 up
-n {ROUTER} link set dev r1 mtu 1500 up
-n {FAR} link set dev f0 up
-n {NEAR} route add 198.51.100.0/24 via 192.0.2.2 mtu 8000
-n {FAR} route add default via 198.51.100.1
"""
SILENT = [
    "add table ip t",
    "add chain ip t o { type filter hook output priority 0; }",
    "add rule ip t o icmp type destination-unreachable drop",
]
TBF = ["root", "tbf", "rate", "200mbit", "burst", "32k", "latency", "50ms"]


def inside(name: str, *argv: str) -> str:
    """Run a command in a namespace."""
    return run("ip", "netns", "exec", name, *argv)


def client(server: str, address: str, *options: str) -> str:
    """A test of two seconds, with a server for it."""
    argv = ["ip", "netns", "exec", server, "iperf3", "--server", "--one-off", "--port", "5201"]
    serving = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        return inside(NEAR, "iperf3", "--client", address, "--port", "5201", "--json", "--time", "2", *options)
    finally:
        serving.kill()
        serving.wait()


def connection_info() -> bytes:
    """C(TCP_INFO) of a connection over lo that has carried a megabyte."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        with socket.create_connection(listener.getsockname()) as sending:
            receiving, _address = listener.accept()
            with receiving:
                for _round in range(16):
                    sending.sendall(bytes(1 << 16))
                    left = 1 << 16
                    while left:
                        left -= len(receiving.recv(left))
            return sending.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)


def record(output: Path) -> None:
    """All scenes."""
    namespaces = (NEAR, FAR, ROUTER)
    try:
        for name in namespaces:
            run("ip", "netns", "add", name)
        for line in SETUP.strip().splitlines():
            run("ip", *line.split())
        inside(ROUTER, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        inside(NEAR, "tc", "qdisc", "add", "dev", "n0", *TBF)
        _iproute(Folder(output / "ip" / upstream_version("iproute2")))
        tests = Folder(output / "iperf3" / run("iperf3", "--version").split()[1])
        tests.save("one-stream.json", client(ROUTER, "192.0.2.2", "--omit", "1"))
        tests.save("four-streams-reverse.json", client(ROUTER, "192.0.2.2", "--parallel", "4", "--reverse"))
        run("ip", "-n", NEAR, "route", "change", "198.51.100.0/24", "via", "192.0.2.2")
        for line in SILENT:
            inside(ROUTER, "nft", *line.split())
        tests.save("black-hole.json", client(FAR, "198.51.100.2"))
    finally:
        for name in namespaces:
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)
    kernel = ".".join(os.uname().release.split(".")[:2])
    Folder(output / "tcp_info" / kernel).save("lo.hex", connection_info().hex() + "\n")


def _iproute(folder: Folder) -> None:
    folder.save("throughput-addresses.json", inside(NEAR, "ip", "-json", "address"))
    folder.save("throughput-route.json", inside(NEAR, "ip", "-json", "route", "get", "198.51.100.2"))
    folder.save("throughput-route-local.json", inside(NEAR, "ip", "-json", "route", "get", "192.0.2.1"))
    folder.save("throughput-link.json", inside(NEAR, "ip", "-details", "-json", "link", "show", "dev", "n0"))
    folder.save("throughput-qdisc.json", inside(NEAR, "tc", "-statistics", "-json", "qdisc", "show", "dev", "n0"))
    folder.save("throughput-noqueue.json", inside(NEAR, "tc", "-statistics", "-json", "qdisc", "show", "dev", "lo"))
