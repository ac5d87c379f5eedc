# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network namespace costs, also as one of many, and how much passes a forward: C(make bench-netns).

Everything happens in namespaces of the benchmark's own; the machine's network is not touched. Each module call is a process that has its
Python started already, so that the times are those of the modules. First, tasks that name one, ten and a hundred namespaces each make
them, look at them again and remove them: the time of each namespace is that of the task by their number. Then as many are made by a task
for each. nft prepares itself for every table of the host before it does anything, and a namespace has a table; what it takes to list the
chains and to check a change, which is what creating one does with it, is timed by itself. community.general.ip_netns is timed for making
and removing an empty namespace, which is all it does. iperf3 runs from a client beside the host through a forward, and over a plain pair
of links to a server beside it; the ratio of the two counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.plugins.module_utils._netns.firewall.abilities import nftables_sample
from ansible_collections.fleetlab.linux.tests.network.conftest import Host

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / ".cache" / "collections"
IP_NETNS = "ansible_collections.community.general.plugins.modules.ip_netns"
PORT = 5201

Forwards = list[dict[str, str]]


def timed(host: Host, module: str, changed: bool, **options: Any) -> float:
    """Seconds of a run of the module, which has to succeed."""
    start = time.monotonic()
    answer = host.ask(module=module, options=options)
    seconds = time.monotonic() - start
    if answer.get("failed") or answer["changed"] is not changed:
        raise SystemExit(f"{module}: {json.dumps(answer)[:2000]}")
    return seconds


def nft_alone(host: Host) -> float:
    """Seconds that nft takes to list the chains and to check a change that concerns none of them."""
    start = time.monotonic()
    host.run("nft", "-j", "list", "chains")
    host.run("nft", "-j", "-c", "-f", "-", stdin=nftables_sample())
    return time.monotonic() - start


def create(host: Host, names: Sequence[str], forwards: Sequence[Forwards]) -> dict[str, list[float]]:
    """Create the namespaces, and measure the share of nft with as many tables."""
    whole, nft = [], []
    for name, some in zip(names, forwards, strict=True):
        whole.append(timed(host, "netns", True, name=name, forwards=some))
        nft.append(nft_alone(host))
    return {"create": whole, "  of that nft": nft, "  and the rest": [one - other for one, other in zip(whole, nft, strict=True)]}


def port_of(number: int) -> Forwards:
    """The forward of one of many; with it, each has a link, NAT, and all the defaults."""
    return [{"port": str(20000 + number)}]


def in_one_task(host: Host, count: int) -> dict[str, float]:
    """Seconds for each namespace if one task names all: to create, to run again, to remove."""
    names = [f"bench{number}" for number in range(count)]
    there = [{"name": name, "forwards": port_of(number)} for number, name in enumerate(names)]
    gone = [{"name": name, "state": "absent"} for name in names]
    tasks = {"create": (there, True), "again": (there, False), "remove": (gone, True)}
    return {what: timed(host, "netns", changed, namespaces=entries) / count for what, (entries, changed) in tasks.items()}


def show_tasks(host: Host, most: int, rounds: int) -> None:
    """A column for each number of namespaces, and what each costs in the largest task compared with one that is alone."""
    counts = sorted({1, max(1, most // 10), most})
    found: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    for _round in range(rounds):
        for count in counts:
            found[count].append(in_one_task(host, count))
    print(f"{'':16}" + "".join(f"{f'{count} in one':>12}" for count in counts) + f"{'ratio':>7}")
    for what in ("create", "again", "remove"):
        each = [statistics.median(one[what] for one in found[count]) * 1000 for count in counts]
        print(f"{what:16}" + "".join(f"{one:9.1f} ms" for one in each) + f"{each[-1] / each[0]:7.2f}")


def one_by_one(host: Host, count: int) -> dict[str, list[float]]:
    """A task for each namespace: create, run again, remove."""
    names = [f"bench{number}" for number in range(count)]
    forwards = [port_of(number) for number in range(count)]
    return {
        **create(host, names, forwards),
        "again": [timed(host, "netns", False, name=name, forwards=some) for name, some in zip(names, forwards, strict=True)],
        "remove": [timed(host, "netns", True, name=name, state="absent") for name in names],
        "ip_netns create": [timed(host, IP_NETNS, True, name=name) for name in names],
        "ip_netns remove": [timed(host, IP_NETNS, True, name=name, state="absent") for name in names],
    }


def show(rows: dict[str, list[float]]) -> None:
    """A line for each namespace, and whether the last ones took longer than the first."""
    print(f"{'':16} {'median ms':>10} {'first tenth':>12} {'last tenth':>11} {'ratio':>6}")
    for name, seconds in rows.items():
        tenth = max(1, len(seconds) // 10)
        first, last = statistics.median(seconds[:tenth]), statistics.median(seconds[-tenth:])
        print(f"{name:16} {statistics.median(seconds) * 1000:10.1f} {first * 1000:12.1f} {last * 1000:11.1f} {last / first:6.2f}")


def throughput(host: Host, where: str, seconds: int, server: str | None, port: int) -> float:
    """Gbit/s from the client to a server that is started in C(server)."""
    listening = subprocess.Popen([*host.enter(server), "iperf3", "-s", "-1", "-p", str(port)], stdout=subprocess.DEVNULL)
    host.services.append(listening)
    time.sleep(0.5)
    argv = [*host.enter("client"), "iperf3", "-c", where, "-p", str(port), "-t", str(seconds), "-J"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise SystemExit(f"iperf3: {answer['error']}")
    return float(answer["end"]["sum_received"]["bits_per_second"]) / 1e9


def forward(host: Host, seconds: int, rounds: int) -> None:
    """The same stream through a forward and over a plain pair, in turn."""
    answer = host.netns("iperf", forwards=[{"port": str(PORT)}])
    if answer.get("failed"):
        raise SystemExit(answer["msg"])
    pairs = []
    for _round in range(rounds):
        plain = throughput(host, "192.0.2.1", seconds, None, PORT + 1)
        pairs.append((throughput(host, "192.0.2.1", seconds, "iperf", PORT), plain))
    through, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"iperf3: {through:.2f} Gbit/s through a forward, {plain:.2f} Gbit/s over a plain pair, ratio {ratio:.2f}")


def main(arguments: Sequence[str]) -> int:
    """Run both parts."""
    parser = argparse.ArgumentParser(description="What network namespaces cost.")
    parser.add_argument("--count", type=int, default=100, help="namespaces on one host (default: 100)")
    parser.add_argument("--seconds", type=int, default=5, help="of each stream (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="of the tasks and of each kind of stream (default: 3)")
    chosen = parser.parse_args(arguments)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    host = Host(TREE)
    try:
        print("Time for each namespace, with a link, NAT and a forward, when a task names so many:")
        show_tasks(host, chosen.count, chosen.rounds)
        print(f"{chosen.count} of them, a task for each:")
        show(one_by_one(host, chosen.count))
        forward(host, chosen.seconds, chosen.rounds)
    finally:
        host.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
