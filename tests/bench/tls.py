# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tls_info beside sslyze, and apache_tls beside its goals, on servers of two Debian releases: C(make bench-tls).

The first part compares the suites of each protocol, and whether TLS compresses, on 28 configurations of Apache, nginx, ProFTPD and
GnuTLS. sslyze is installed into a virtual environment that is thrown away. ProFTPD misses the goal for a name by its own doing, see
docs/tls.md; the others do so only on a busy machine. The second counts what has no forward secrecy before and after,
and what a client sees that asks 20 times a second, while configurations that end Apache are tried and changes are rolled back.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

from ansible_collections.fleetlab.linux.scripts.server_roots import server_root
from ansible_collections.fleetlab.linux.tests.bench.tls_sslyze import PROTOCOLS, VERSION, scan, sslyze
from ansible_collections.fleetlab.linux.tests.network.apache_host import (
    CONF,
    KILLERS,
    ONLY_HERE,
    OWNED,
    apache_host,
    count_answers,
    is_gone,
    pid,
    start_client,
)
from ansible_collections.fleetlab.linux.tests.network.server_host import ServerHost
from ansible_collections.fleetlab.linux.tests.network.tls_servers import SERVERS, start_all

SUITES = ("bookworm", "trixie")
SECONDS = 0.5
"""The goal for one name."""


@dataclass
class Row:
    """One server of one release. The seconds are those of the slowest name."""

    configurations: int = 0
    lists: int = 0
    equal: int = 0
    suites: int = 0
    seconds: float = 0.0
    seconds_sslyze: float = 0.0
    differences: list[str] = field(default_factory=list)

    def add(self, name: str, found: dict[str, Any], expected: dict[str, Any]) -> None:
        """Compare the answers of one configuration: a list of suites for each protocol, an empty one for what is not spoken."""
        self.configurations += 1
        for protocol in PROTOCOLS:
            ours, theirs = (each["suites"].get(protocol, []) for each in (found, expected))
            self.lists += 1
            self.equal += ours == theirs
            self.suites += len(ours)
            if ours != theirs:
                self.differences.append(f"{name} {protocol}: {sorted(set(ours) ^ set(theirs))}")
        if found["compression"] != expected["compression"]:
            self.differences.append(f"{name}: compression")


def ask(host: ServerHost, port: str, starttls: str) -> dict[str, Any]:
    """What tls_info finds, in the form of L(scan)."""
    options: dict[str, Any] = {"starttls": starttls} if starttls else {}
    (one,) = host.module("tls_info", host="127.0.0.1", port=int(port), max_handshakes=400, **options)["names"]
    suites = {name: sorted(suite["name"] for suite in each["suites"]) for name, each in one["protocols"].items()}
    return {"suites": suites, "compression": one["compression"]}


@contextlib.contextmanager
def timed(row: Row, name: str) -> Iterator[None]:
    """Keep the longest time."""
    start = time.monotonic()
    yield
    setattr(row, name, max(getattr(row, name), time.monotonic() - start))


def compare(suite: str, servers: list[str], python: Path) -> tuple[list[str], list[str]]:
    """Print a line for each server. Returns what missed the goals, and what took too long, which may be the fault of a busy machine."""
    failures: list[str] = []
    slow: list[str] = []
    with contextlib.closing(ServerHost(server_root(suite))) as host:
        for server in servers:
            row = Row()
            for word, name in start_all(host, [server]).items():
                port, _colon, starttls = word.partition(":")
                with timed(row, "seconds"):
                    found = ask(host, port, starttls)
                with timed(row, "seconds_sslyze"):
                    expected = scan(python, host.agent.pid, port, starttls)
                row.add(name, found, expected)
            counts = f"{row.configurations:2} configurations, {row.equal:3} of {row.lists:3} lists equal, {row.suites:4} suites"
            times = f"{row.seconds / SECONDS:5.2f} of the goal: slowest name {row.seconds:5.2f} s, by sslyze {row.seconds_sslyze:5.2f} s"
            print(f"{suite:9}{server:8}{counts}, {times}", flush=True)
            failures += [f"{suite}: {text}" for text in row.differences]
            slow += [f"{suite} {server}"] * (row.seconds > SECONDS)
    return failures, slow


def answers(host: ServerHost, what: str) -> list[str]:
    """Print what the client saw. Returns what missed the goals."""
    seen = count_answers(host)
    rate = (seen.good + seen.bad) / seen.seconds
    print(f"  a client that asked {rate:.1f} times a second {what}: {seen.good} answers, {seen.bad} failures", flush=True)
    return [f"a client was not answered {what}"] * (seen.bad > 0)


def change(suite: str) -> list[str]:
    """Forward secrecy before and after, a second run, and the time of a name. Returns what missed the goals."""
    with contextlib.closing(apache_host(server_root(suite))) as host:
        times = []
        for _round in range(5):
            start = time.monotonic()
            found = host.module("tls_info", host="127.0.0.1", port=443)["names"]
            times.append((time.monotonic() - start) / len(found))
        done = host.module("apache_tls")
        again = host.module("apache_tls")["changed"]
    before, after = (set(done["diff"][when]["names"].values()) for when in ("before", "after"))
    print(f"{suite}: before: {'; '.join(sorted(before))}", flush=True)
    print(f"  after: {'; '.join(sorted(after))}; a second run {'CHANGES SOMETHING' if again else 'changes nothing'}", flush=True)
    seconds = statistics.median(times)
    print(
        f"  {seconds / SECONDS:4.2f}  a name of the stock Apache, s: {seconds:.3f}, median of {len(times)} (the goal is {SECONDS})",
        flush=True,
    )
    failures = [f"{suite}: a name took too long"] * (seconds > SECONDS) + [f"{suite}: a second run changed something"] * again
    return failures + [f"{suite}: suites without forward secrecy are left"] * any(one["without"] for one in done["names"])


def kill(suite: str) -> list[str]:
    """Try each configuration that ends Apache, and then without the trial. Returns what missed the goals."""
    failures = []
    with contextlib.closing(apache_host(server_root(suite))) as host:
        process = pid(host)
        host.sh("gnutls-serv --port 8444 --echo --x509keyfile /etc/tls/rsa.key --x509certfile /etc/tls/rsa.pem >/dev/null 2>&1 &")
        start_client(host)
        for what, (path, text, message) in KILLERS.items():
            host.write(path, text)
            accepted = host.ask(run=["apache2ctl", "-t"])["exit_code"] == 0
            refused = message in host.module("apache_tls", overrides="report").get("msg", "") and pid(host) == process
            print(
                f"  {what}: configtest {'accepts' if accepted else 'refuses'}, apache_tls {'refuses' if refused else 'TAKES'} it",
                flush=True,
            )
            failures += [f"{suite}: {what} reached the server"] * (not refused)
            host.sh(f"rm {path}")
        failures += answers(host, "during these trials")
        for what, (path, text, _message) in KILLERS.items():
            host.write(path, text)
            host.ask(run=["apache2ctl", "graceful"])
            print(f"  {what}: a reload without apache_tls {'ends' if is_gone(host) else 'does not end'} the server", flush=True)
            host.sh(f"rm {path}; apache2ctl start; sleep 0.5")
    return failures


def roll_back(suite: str) -> list[str]:
    """Let the running server do something else than the trial did, for a change and for its way back."""
    failures = []
    changes: tuple[dict[str, Any], ...] = ({"tickets": "rotate", "overrides": "report"}, {"state": "absent"})
    for options in changes:
        with contextlib.closing(apache_host(server_root(suite))) as host:
            start_client(host)
            host.module("apache_tls")
            old = host.sh(f"cat {OWNED}")
            host.write(f"{CONF}/zzz.conf", ONLY_HERE.format("SSLCipherSuite AES128-SHA"))
            host.sh("touch /run/only-here")
            is_back = "The old settings are back, and the server answers" in host.module("apache_tls", **options).get("msg", "")
            is_back = is_back and host.sh(f"cat {OWNED}") == old
            what = f"during a change, and one to {options} that {'was rolled back' if is_back else 'WAS NOT ROLLED BACK'}"
            failures += answers(host, what) + [f"{suite}: {options} was not rolled back"] * (not is_back)
    return failures


def main() -> int:
    """Return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="oracle,goals", help="oracle, goals, or both")
    parser.add_argument("--suites", default=",".join(SUITES))
    parser.add_argument("--servers", default=",".join(SERVERS), help="of the oracle")
    arguments = parser.parse_args()
    suites = arguments.suites.split(",")
    failures: list[str] = []
    slow: list[str] = []
    if "oracle" in arguments.parts:
        with sslyze() as python:
            print(f"tls_info and sslyze {VERSION}: the suites of {', '.join(PROTOCOLS)}", flush=True)
            for suite in suites:
                missed, late = compare(suite, arguments.servers.split(","), python)
                failures, slow = failures + missed, slow + late
    for suite in suites if "goals" in arguments.parts else ():
        failures += change(suite) + kill(suite) + roll_back(suite)
    if slow:
        print(f"more than {SECONDS} s for a name, at a load of {os.getloadavg()[0]:.1f}: {', '.join(slow)}")
    print("\n".join(failures) or f"all {'other ' * bool(slow)}goals were reached")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
