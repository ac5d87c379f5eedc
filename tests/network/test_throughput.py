# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throughput between two network namespaces on the kernel of the machine: the bytes are explained, and what cannot be is refused.

All combinations of MTU, timestamps and offloads are in C(make bench-throughput).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .throughput_pair import Pair

if TYPE_CHECKING:
    from .conftest import Host

# 9000 on both sides of a router that forwards 1500, and says nothing about packets that do not fit.
BLACK_HOLE = """
ip netns add far
ip netns exec client sysctl -qw net.ipv4.ip_forward=1
ip -n client link add name out type veth peer name eth0 netns far
ip -n client address add 198.51.100.1/24 dev out
ip -n far address add 198.51.100.2/24 dev eth0
ip -n client link set dev out mtu 1500 up
ip -n far link set dev eth0 mtu 9000 up
ip -n far link set dev lo up
ip -n far route add default via 198.51.100.1
ip netns exec client nft add table ip silent
ip netns exec client nft 'add chain ip silent out { type filter hook output priority 0; }'
ip netns exec client nft add rule ip silent out icmp type destination-unreachable drop
"""
OVERLAY = """
ip link add name over type vxlan id 42 remote 192.0.2.2 dstport 4789
ip address add 203.0.113.1/24 dev over
ip link set dev over up
ip -n client link add name over type vxlan id 42 remote 192.0.2.1 dstport 4789
ip -n client address add 203.0.113.2/24 dev over
ip -n client link set dev over up
"""
FLOOD = """
import socket, sys, time
sender, end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    sender.sendto(bytes(1000), ("192.0.2.2", 9))
    time.sleep(0.0005)
"""


@pytest.fixture
def pair(host: Host, tree: Path) -> Pair:
    return Pair(host, str(tree))


@pytest.mark.parametrize(
    ("address", "mtu", "timestamps", "offloads"), [("192.0.2.2", 1500, False, False), ("2001:db8::2", 9000, True, True)]
)
def test_every_byte_of_the_interface_is_explained(pair: Pair, address: str, mtu: int, timestamps: bool, offloads: bool) -> None:
    pair.shape(mtu, timestamps, offloads)
    result = pair.measure(address, seconds=1, omit=0.2, rate="2G")
    found = result["measured"]["to"]
    headers = (60 if ":" in address else 40) + 12 * timestamps
    assert found["efficiency"] | {"measured": 0} == {
        "measured": 0,
        "theory": round((mtu - headers) / (mtu + 14), 5),
        "of_wire": round((mtu - headers) / (mtu + 38), 5),
        "timestamps": timestamps,
        "mss": mtu - headers,
        "mtu": mtu,
    }
    assert abs(found["explained"] - 1) <= 0.0001, found
    assert (found["counters"]["offload_share"] > 0.0005) == offloads, found["counters"]
    assert result["path"]["mtu"] == mtu
    assert result["path"]["tries"] == 1


def test_every_byte_of_an_overlay_is_explained(pair: Pair) -> None:
    """The counters of a VXLAN do not include the Ethernet header that it carries."""
    pair.host.sh(OVERLAY)
    result = pair.measure("203.0.113.2", seconds=1, omit=0.2, rate="200M")
    found = result["measured"]["to"]
    assert abs(found["explained"] - 1) <= 0.0001, found
    assert abs(found["predicted"] / found["rate"]["payload"] - 1) <= 0.02, found


def test_the_rate_is_that_of_the_counters_and_of_the_bottleneck(pair: Pair) -> None:
    pair.shape(rate="200mbit")
    found = pair.measure(seconds=2, omit=0.5)["measured"]["to"]
    assert abs(found["predicted"] / found["rate"]["payload"] - 1) <= 0.005, found
    # The bucket lets through what it owes from before the window: 32 KiB and its latency.
    assert 0.8 * 191.28e6 < found["rate"]["payload"] < 1.03 * 191.28e6
    assert found["counters"]["qdisc_bytes"] > found["bytes"]
    assert abs(found["explained"] - 1) <= 0.0001, found


def test_both_directions_and_several_streams_and_a_second_opinion(pair: Pair) -> None:
    # On a busy machine one of the two may get no time for a part of its second. What the counters say holds in any case.
    for _attempt in range(4):
        found = pair.measure(seconds=1, omit=0, streams=3, rate="90M", direction="both", tool="both")["measured"]
        assert list(found) == ["to", "from"]
        for one in found.values():
            assert abs(one["explained"] - 1) <= 0.0005, one
            assert one["rate"]["payload"] < 94.5e6
        if all(one["rate"]["payload"] > 60e6 and 0.8 < one["iperf3"]["ratio"] < 1.25 for one in found.values()):
            return
    raise AssertionError(f"iperf3 measured another rate four times: {found}")


def test_other_traffic_is_the_unexplained_part(pair: Pair) -> None:
    flood = subprocess.Popen([*pair.host.enter(None), sys.executable, "-c", FLOOD, "8"])
    try:
        found = pair.measure(seconds=1, omit=0.2, rate="20M")["measured"]["to"]
    finally:
        flood.kill()
        flood.wait()
    assert found["explained"] < 0.99
    assert not found["trusted"]
    assert "other traffic" in found["reason"]


def test_a_black_hole_is_named_with_its_mtu(pair: Pair) -> None:
    pair.shape(9000)
    pair.host.sh(BLACK_HOLE)
    begin = time.monotonic()
    result = pair.measure("198.51.100.2", "far", seconds=1)
    assert result["path"]["black_hole"], result
    assert (result["path"]["mtu"], result["path"]["negotiated_mtu"]) == (1500, 9000)
    assert result["path"]["seconds"] < 6
    assert "1500" in result["failure"]
    assert time.monotonic() - begin < 15
    # With ICMP there is no hole, and TCP finds the size by itself.
    pair.host.run("ip", "netns", "exec", "client", "nft", "flush", "ruleset")
    healed = pair.measure("198.51.100.2", "far", seconds=1, omit=0.2, rate="500M")
    assert not healed["path"]["black_hole"]
    assert healed["measured"]["to"]["efficiency"]["mtu"] == 1500


def test_a_half_that_is_killed_ends_the_other(pair: Pair) -> None:
    port = pair.listen(seconds=20)
    sender = pair.start(None, part="run", turns=pair.turn(port), seconds=20)
    holders = "ss -xlpH | grep fleetlab-throughput || :"
    pair.host.wait_until(lambda: "users" in pair.host.run("ip", "netns", "exec", "client", "sh", "-c", holders))
    refused = pair.agent("client", turns=[{"peer": "host", "act": "listen", "address": "192.0.2.2"}])
    assert "another measurement" in refused["msg"], refused
    time.sleep(1.5)
    kill_tree(sender)
    pair.host.wait_until(lambda: "users" not in pair.host.run("ip", "netns", "exec", "client", "sh", "-c", holders))


def kill_tree(process: subprocess.Popen[str]) -> None:
    """Kill a process with what it has started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False).stdout.split()
    for pid in [*found, str(process.pid)]:
        subprocess.run(["kill", "-9", pid], check=False)
    process.wait()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"turns": [{"peer": "me", "act": "connect", "address": "192.0.2.1"}]}, "an address of this host itself"),
    ({"turns": [{"peer": "b", "act": "connect", "address": "192.0.2.2"}], "interface": "lo"}, "leave by eth0 and not by lo"),
]


def test_what_cannot_be_measured_is_refused_in_check_mode_too(pair: Pair) -> None:
    for options, words in REFUSED:
        answer = pair.agent(None, _ansible_check_mode=True, part="run", **options)
        assert answer.get("failed"), answer
        assert words in answer["msg"]
    planned = pair.agent(None, _ansible_check_mode=True, part="run", turns=pair.turn(9), rate="80M")
    assert planned["results"] == []
    assert planned["plan"][0]["bytes"] == 62_000_000


MATRIX = """
all:
  vars:
    ansible_connection: local
    throughput_seconds: 1
    throughput_omit: 0.2
    throughput_rate: 200M
    throughput_directory: {folder}
  hosts:
    one: {{ansible_host: 192.0.2.1}}
    two: {{ansible_host: 192.0.2.2, ansible_python_interpreter: {folder}/python}}
    gone: {{ansible_host: 192.0.2.9, ansible_python_interpreter: /bin/false}}
"""


def playbook(pair: Pair, folder: Path) -> list[str]:
    """The command of the playbook, with its inventory."""
    interpreter = folder / "python"
    interpreter.write_text(f'#!/bin/sh\nexec ip netns exec client {sys.executable} "$@"\n', encoding="utf-8")
    interpreter.chmod(0o755)
    (folder / "hosts.yml").write_text(MATRIX.format(folder=folder), encoding="utf-8")
    play = str(Path(sys.executable).with_name("ansible-playbook"))
    settings = [
        f"ANSIBLE_COLLECTIONS_PATH={pair.tree}",
        f"HOME={folder}",
        f"TMPDIR={folder}",
        "ANSIBLE_FORKS=3",
        f"ANSIBLE_PYTHON_INTERPRETER={sys.executable}",
    ]
    return ["env", *settings, play, "-i", str(folder / "hosts.yml"), "fleetlab.linux.throughput"]


def test_the_playbook_measures_a_matrix_and_lists_the_host_that_cannot_take_part(pair: Pair, tmp_path: Path) -> None:
    done = pair.host.try_run(*playbook(pair, tmp_path))
    matrix = json.loads((tmp_path / "throughput.json").read_text(encoding="utf-8"))
    assert [{cell["from"], cell["to"]} for cell in matrix["cells"]] == [{"one", "two"}], done["stdout"]
    assert abs(matrix["cells"][0]["explained"] - 1) < 0.0005
    assert len(matrix["failed"]) == 2
    assert all("gone" in one["reason"] for one in matrix["failed"])
    assert "capped at 200 Mbit/s: at most 0.035 GB" in done["stdout"]
    assert "one -> two: " in done["stdout"] or "two -> one: " in done["stdout"]
    assert done["exit_code"] == 2, "a pair that could not be measured fails the play at its end"
    assert (tmp_path / "throughput.html").exists()


def test_the_playbook_measures_from_one_host_to_each_of_the_others(pair: Pair, tmp_path: Path) -> None:
    done = pair.host.try_run(*playbook(pair, tmp_path), "-e", "throughput_from=two")
    matrix = json.loads((tmp_path / "throughput.json").read_text(encoding="utf-8"))
    assert [(cell["from"], cell["to"]) for cell in matrix["cells"]] == [("two", "one")], done["stdout"]
    # The pair of the two others is not measured.
    assert [{one["from"], one["to"]} for one in matrix["failed"]] == [{"two", "gone"}]


HOLDERS = "ss -xlpH | grep -o 'fleetlab-throughput.*pid=[0-9]*' || :"


def test_a_killed_controller_leaves_no_process_on_either_host(pair: Pair, tmp_path: Path) -> None:
    argv = [*playbook(pair, tmp_path), "--limit", "one,two", "-e", "throughput_seconds=4"]

    def holders() -> list[str]:
        return [pair.host.run("sh", "-c", HOLDERS), pair.host.run("ip", "netns", "exec", "client", "sh", "-c", HOLDERS)]

    with subprocess.Popen([*pair.host.enter(None), "setsid", *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as controller:
        pair.host.wait_until(lambda: all(holders()), 30)
        for process in subprocess.run(
            ["ps", "-o", "pid=", "-s", str(controller.pid)], capture_output=True, text=True, check=True
        ).stdout.split():
            subprocess.run(["kill", "-9", process], check=False)
    assert all(holders()), "they measure without the controller"
    # Four seconds of one turn, and the start of the other half.
    pair.host.wait_until(lambda: not any(holders()), 20)


PROOF = """
- hosts: one
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: fleetlab.linux.jumbo_frames, tasks_from: verify}
      vars: {jumbo_frames_hosts: [one, two], jumbo_frames_mtu: 9000}
"""


def test_jumbo_frames_finds_the_size_of_a_path_that_answers_no_ping(pair: Pair, tmp_path: Path) -> None:
    pair.shape(9000)
    pair.host.sh(BLACK_HOLE)
    pair.host.run("ip", "netns", "exec", "client", "nft", "add", "chain", "ip", "silent", "way", "{ type filter hook forward priority 0; }")
    pair.host.run("ip", "netns", "exec", "client", "nft", "add", "rule", "ip", "silent", "way", "icmp", "type", "echo-request", "drop")
    argv = playbook(pair, tmp_path)[:-1]
    for name, (old, new) in {"hosts.yml": ("192.0.2.2", "198.51.100.2"), "python": ("exec client", "exec far")}.items():
        (tmp_path / name).write_text((tmp_path / name).read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    (tmp_path / "proof.yml").write_text(PROOF, encoding="utf-8")
    done = pair.host.try_run(*argv, str(tmp_path / "proof.yml"))
    assert done["exit_code"] == 2, done["stdout"]
    assert "one reaches two with small frames, but not with frames of 9000 bytes" in done["stdout"]
    assert "The largest MTU that TCP gets through: {'two': 1500}" in done["stdout"]
