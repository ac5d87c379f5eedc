# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether throughput explains what it measures, and what it costs, in network namespaces of its own: C(make bench-throughput).

Each goal is printed as a ratio of the value to the goal; up to 1 is reached. The same transfer is shown as the counters, tc and iftop show
it, in all combinations of MTU, timestamps and offloads. iperf3 and the own sender are run in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.tests.network.conftest import Host
from ansible_collections.fleetlab.linux.tests.network.test_throughput import BLACK_HOLE
from ansible_collections.fleetlab.linux.tests.network.throughput_pair import Pair

TREE = Path(__file__).resolve().parents[2] / ".cache" / "collections"
EXPLAINED, PREDICTED, OWN, HOLE, SPARE = 0.0001, 0.005, 0.9, 6.0, 2.0
HOSTS, OMIT = 8, 0.5
BRIDGE = "ip link add name br0 type bridge; ip link set dev br0 up"
MEMBER = """
ip netns add {name}
ip link add name {name} type veth peer name eth0 netns {name}
ip link set dev {name} master br0 up
ip -n {name} address add 198.51.100.{number}/24 dev eth0
ip -n {name} link set dev eth0 up
ip -n {name} link set dev lo up
"""

Goals = dict[str, float]


@contextmanager
def pair() -> Iterator[Pair]:
    """Two new hosts."""
    host = Host(TREE)
    try:
        yield Pair(host, str(TREE))
    finally:
        host.close()


def cell(mtu: int, timestamps: bool, offloads: bool, rate: str, seconds: float) -> dict[str, Any]:
    """One measurement in one combination."""
    with pair() as one:
        one.shape(mtu, timestamps, offloads, rate)
        if not rate:
            one.host.sh("tc qdisc add dev eth0 root pfifo limit 1000")
        result = one.measure(seconds=seconds, omit=0.5, mtu_probe=False)
    if "measured" not in result:
        raise SystemExit(result["failure"])
    found: dict[str, Any] = result["measured"]["to"]
    return found


def combinations(rate: str, seconds: float) -> list[dict[str, Any]]:
    """All combinations, with a line for each."""
    print(f"\n{rate or 'full speed'}: the payload of one transfer in the bytes of")
    print("  MTU stamps offloads ip -s link       tc   theory      payload    iftop  unexplained")
    cells = []
    for mtu, timestamps, offloads in product((1500, 9000), (True, False), (True, False)):
        found = cell(mtu, timestamps, offloads, rate, seconds)
        cells.append(found)
        shape, counted = found["efficiency"], found["counters"]
        sent = shape["measured"] * counted["tx_bytes"]
        print(
            f"{mtu:5} {'on' if timestamps else 'off':>6} {'on' if offloads else 'off':>8} {shape['measured']:10.5f}"
            f" {sent / counted['qdisc_bytes']:8.5f} {shape['theory']:8.5f} {found['rate']['payload'] / 1e6:7.1f} Mb/s"
            f" {found['iftop_would_show']:>8} {found['unexplained_bytes']:6} bytes",
            flush=True,
        )
    return cells


def explain(seconds: float) -> Goals:
    """Every byte is explained, and the throttled rate is that of the counters."""
    throttled, free = combinations("200mbit", seconds), combinations("", seconds)
    return {
        "unexplained part of the interface's bytes, worst": max(abs(one["explained"] - 1) for one in [*throttled, *free]) / EXPLAINED,
        "throttled rate, away from the counters' prediction, worst": max(_away(one) for one in throttled) / PREDICTED,
    }


def _away(found: dict[str, Any]) -> float:
    away: float = abs(found["predicted"] / found["rate"]["payload"] - 1)
    return away


def compare(streams: int, seconds: int, rounds: int) -> Goals:
    """The own sender and iperf3, in turn."""
    ratios = []
    with pair() as one:
        for _round in range(rounds):
            found = one.measure(seconds=seconds, omit=1, streams=streams, mtu_probe=False)["measured"]["to"]["rate"]["payload"]
            ratios.append((found, iperf3(one, "192.0.2.2", "client", "--omit", "1", "--time", str(seconds), "--parallel", str(streams))))
    own, other = (statistics.median(column) / 1e9 for column in zip(*ratios, strict=True))
    ratio = statistics.median(one / another for one, another in ratios)
    print(f"{streams} streams: own sender {own:.2f} Gbit/s, iperf3 {other:.2f} Gbit/s, ratio {ratio:.2f}", flush=True)
    return {f"0.9 of iperf3 by the own sender's rate, {streams} streams": OWN / ratio}


def iperf3(one: Pair, address: str, where: str, *options: str) -> float:
    """What iperf3 receives, in bit/s. It has to end with exit code 0."""
    server = subprocess.Popen([*one.host.enter(where), "iperf3", "-s", "-1", "-p", "5201"], stdout=subprocess.DEVNULL)
    one.host.services.append(server)
    time.sleep(0.5)
    argv = [*one.host.enter(None), "iperf3", "--client", address, "--port", "5201", "--json", *options]
    report = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    server.kill()
    received: float = report["end"]["sum_received"]["bits_per_second"]
    return received


def black_hole() -> Goals:
    """A path that drops large packets without a message."""
    with pair() as one:
        one.shape(9000)
        one.host.sh(BLACK_HOLE)
        path = one.measure("198.51.100.2", "far", seconds=1)["path"]
        received = iperf3(one, "198.51.100.2", "far", "--time", "2")
    print(
        f"black hole: MTU {path['mtu']} of {path['negotiated_mtu']} named in {path['seconds']:.2f} s with {path['tries']} probes;", end=" "
    )
    print(f"iperf3 ended with exit code 0 and received {received:.0f} bit/s", flush=True)
    if not path["black_hole"] or path["mtu"] != 1500:
        raise SystemExit(f"the black hole was not found: {path}")
    return {"time until a black hole is named": path["seconds"] / HOLE}


def matrix(seconds: float, rate: str) -> Goals:
    """Every pair of eight hosts, by the playbook."""
    with pair() as one, tempfile.TemporaryDirectory(prefix="fleetlab-bench-") as name:
        folder = Path(name)
        hosts: dict[str, dict[str, str]] = {}
        one.host.sh(BRIDGE)
        for number in range(1, HOSTS + 1):
            one.host.sh(MEMBER.format(name=f"h{number}", number=number))
            python = folder / f"python{number}"
            python.write_text(f'#!/bin/sh\nexec ip netns exec h{number} {sys.executable} "$@"\n', encoding="utf-8")
            python.chmod(0o755)
            hosts[f"h{number}"] = {"ansible_host": f"198.51.100.{number}", "ansible_python_interpreter": str(python)}
        # TCP between namespaces needs no longer to find its speed.
        measured = {"throughput_seconds": seconds, "throughput_omit": OMIT, "throughput_rate": rate}
        variables = {"ansible_connection": "local", "throughput_directory": name, **measured}
        (folder / "hosts.json").write_text(json.dumps({"all": {"vars": variables, "hosts": hosts}}), encoding="utf-8")
        environment = [
            "env",
            f"ANSIBLE_COLLECTIONS_PATH={TREE}",
            f"ANSIBLE_FORKS={HOSTS}",
            f"HOME={name}",
            "ANSIBLE_PIPELINING=true",
            "ANSIBLE_INVENTORY_ENABLED=yaml",
        ]
        play = [*environment, str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder / "hosts.json")]
        begin = time.monotonic()
        measuring = run_playbook([*one.host.enter(None), *play, "fleetlab.linux.throughput"])
        whole = time.monotonic() - begin
        found = json.loads((folder / "throughput.json").read_text(encoding="utf-8"))
    goal = (HOSTS - 1) * (seconds + SPARE)
    print(f"matrix: {len(found['cells'])} pairs of {HOSTS} hosts, {seconds:g} s after {OMIT:g} s,", end=" ")
    print(
        f"in {len(found['rounds'])} rounds took {measuring:.1f} s; the goal is {goal:.0f} s; the whole playbook took {whole:.1f} s",
        flush=True,
    )
    return {f"time of a matrix of {HOSTS} hosts, from the first start to the last result": measuring / goal}


def run_playbook(argv: Sequence[str]) -> float:
    """Run the playbook, which has to succeed. Returns the seconds between the start of its measurements and its report."""
    moments: dict[str, float] = {}
    lines = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as play:
        assert play.stdout is not None
        for line in play.stdout:
            lines.append(line)
            moments.update({name: time.monotonic() for name in ("Measure | Start", "Report | Explain") if name in line})
    if play.returncode != 0:
        raise SystemExit("".join(lines[-60:]))
    return moments["Report | Explain"] - moments["Measure | Start"]


def main(arguments: Sequence[str]) -> int:
    """Run the chosen parts, and print all goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement of the matrix (default: %(default)s)")
    parser.add_argument("--rate", default="", help="of each measurement of the matrix, such as 50M (default: full speed)")
    parser.add_argument("--rounds", type=int, default=3, help="of each comparison with iperf3 (default: %(default)s)")
    parser.add_argument("--parts", default="explain,compare,hole,matrix", help="what to measure (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    parts: dict[str, Callable[[], Goals]] = {
        "explain": lambda: explain(2),
        "compare": lambda: {**compare(1, 3, chosen.rounds), **compare(4, 3, chosen.rounds)},
        "hole": black_hole,
        "matrix": lambda: matrix(chosen.seconds, chosen.rate),
    }
    goals: Goals = {}
    for name in chosen.parts.split(","):
        goals.update(parts[name]())
    print("\nratio to the goal, reached up to 1:")
    for text, ratio in goals.items():
        print(f"{ratio:6.2f}  {text}")
    return 0 if max(goals.values()) <= 1 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
