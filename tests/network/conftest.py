# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host, a client beside it, and services inside, in three separate network namespaces. The machine's own network does not change.

The host has the interface eth0 with 192.0.2.1 and 2001:db8::1, the client is 192.0.2.2 and 2001:db8::2 and the host's default gateway.
"""

from __future__ import annotations

import importlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

ROOT = Path(__file__).resolve().parents[2]
# For tests that run a part of the collection in their own process.
sys.path.insert(0, str(ROOT / ".cache" / "collections"))
AGENT = Path(__file__).with_name("agent.py")
SETUP = """
ip netns add client
ip link add name eth0 type veth peer name eth0 netns client
ip address add 192.0.2.1/24 dev eth0
ip address add 2001:db8::1/64 dev eth0 nodad
ip link set dev eth0 up
ip -n client address add 192.0.2.2/24 dev eth0
ip -n client address add 2001:db8::2/64 dev eth0 nodad
ip -n client link set dev eth0 up
ip -n client link set dev lo up
ip route add default via 192.0.2.2
ip -6 route add default via 2001:db8::2
"""
SNAPSHOT = """
ls -R /run/netns /etc/netns /etc/fleetlab /run/fleetlab/netns 2>&1 | grep -v '^ls:' || :
ip -brief address; ip route; ip -6 route; nft list ruleset
cd /proc/sys/net; cat ipv4/ip_forward ipv6/conf/all/forwarding ipv6/conf/eth0/accept_ra
"""
EVERYTHING = ["sh", "-c", "nft list ruleset; iptables-save; ip6tables-save"]
SERVE = """
import socket, sys, threading
kind, family, address, port = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
server = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((address, port))
def talk(client, peer):
    client.sendall((peer[0] + "\\n").encode())
    while True:
        data = client.recv(100)
        if not data:
            return
        client.sendall(data)
if kind == "udp":
    print("ready", flush=True)
    while True:
        data, peer = server.recvfrom(100)
        server.sendto((peer[0] + "\\n").encode(), peer)
server.listen(20)
print("ready", flush=True)
while True:
    threading.Thread(target=talk, args=server.accept(), daemon=True).start()
"""
CONNECT = """
import os, socket, sys
kind, address, port, user = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
client = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
client.settimeout(0.6)
# Loads what a connection needs as long as it may be read: the user may have no way to this Python.
address.encode("idna")
if user:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
try:
    client.connect((address, port))
    if kind == "udp":
        client.send(b"?")
    print(client.recv(100).decode().strip())
except OSError:
    pass
"""


class Host:
    """The host of a test, and the actions on it."""

    def __init__(self, tree: Path) -> None:
        own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        env = dict(os.environ, PYTHONPATH=str(tree), LC_ALL="C.UTF-8", PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        env.pop("SSH_CONNECTION", None)
        argv = ["unshare", *own, "--net", "--mount", "--", sys.executable, str(AGENT)]
        self.agent = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.services: list[subprocess.Popen[Any]] = []
        self.sh(SETUP)

    def ask(self, **question: Any) -> dict[str, Any]:
        """Send a request to the agent, and return its answer."""
        assert self.agent.stdin is not None
        assert self.agent.stdout is not None
        self.agent.stdin.write(json.dumps(question) + "\n")
        self.agent.stdin.flush()
        answer: dict[str, Any] = json.loads(self.agent.stdout.readline())
        return answer

    def try_run(self, *argv: str, stdin: str | None = None) -> dict[str, Any]:
        """Run a command on the host."""
        return self.ask(run=list(argv), stdin=stdin)

    def run(self, *argv: str, stdin: str | None = None) -> str:
        """Run a command on the host that has to succeed."""
        done = self.try_run(*argv, stdin=stdin)
        assert done["exit_code"] == 0, (argv, done)
        return str(done["stdout"])

    def sh(self, script: str) -> str:
        """Run lines of shell."""
        return self.run("sh", "-euc", script)

    def netns(self, name: str = "web", kill_before: int | None = None, check: bool = False, **options: Any) -> dict[str, Any]:
        """Run the module netns."""
        flags = {"_ansible_check_mode": check, "_ansible_diff": True}
        return self.ask(module="netns", options={"name": name, **options, **flags}, kill_before=kill_before)

    def netns_all(self, entries: list[dict[str, Any]], kill_before: int | None = None, check: bool = False) -> dict[str, Any]:
        """Run the module netns for several namespaces."""
        flags = {"_ansible_check_mode": check, "_ansible_diff": True}
        return self.ask(module="netns", options={"namespaces": entries, **flags}, kill_before=kill_before)

    def make_all(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """The same as C(make)."""
        return self._four_times(lambda check: self.netns_all(entries, check=check))

    def make(self, name: str = "web", **options: Any) -> dict[str, Any]:
        """Run the module four times: in check mode, to apply, again, and in check mode again."""
        return self._four_times(lambda check: self.netns(name, check=check, **options))

    def _four_times(self, run: Callable[[bool], dict[str, Any]]) -> dict[str, Any]:
        planned = run(True)
        assert "failed" not in planned, planned
        done = run(False)
        assert "failed" not in done, done
        assert (planned["commands"], planned["changed"]) == (done["commands"], done["changed"])
        for check in (False, True):
            again = run(check)
            assert again["commands"] == [], again
            assert not again["changed"]
            assert again["diff"]["before"] == again["diff"]["after"]
        return done

    def info(self, **options: Any) -> list[dict[str, Any]]:
        """Run the module netns_info."""
        answer = self.ask(module="netns_info", options=options)
        found: list[dict[str, Any]] = answer["namespaces"]
        return found

    def enter(self, where: str | None) -> list[str]:
        """The beginning of a command that runs from outside in a namespace of the host, or on the host."""
        user = ["--user"] if os.geteuid() != 0 else []
        inside = ["ip", "netns", "exec", where] if where is not None else []
        return ["nsenter", "-t", str(self.agent.pid), *user, "--net", "--mount", "--", *inside]

    def serve(self, where: str | None, port: int, kind: str = "tcp", address: str = "") -> subprocess.Popen[str]:
        """Start a service that answers with the address of its client."""
        family = 10 if ":" in address else 2
        argv = [*self.enter(where), sys.executable, "-c", SERVE, kind, str(family), address, str(port)]
        service = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.services.append(service)
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        return service

    def connect(self, where: str | None, address: str, port: int, kind: str = "tcp", user: str | None = None) -> str:
        """Connect, and return by which address the service was reached, or nothing if it was not."""
        number = pwd.getpwnam(user).pw_uid if user is not None else 0
        argv = [*self.enter(where), sys.executable, "-c", CONNECT, kind, address, str(port), str(number)]
        # A client that could not even try has not been refused.
        return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def wait_until(self, question: Callable[[], bool], within: float = 5) -> None:
        """Wait until a condition is true."""
        end = time.monotonic() + within
        while not question():
            assert time.monotonic() < end
            time.sleep(0.05)

    def snapshot(self) -> str:
        """All resources of the host that a namespace could leave behind."""
        return self.sh(SNAPSHOT)

    def everything(self) -> str:
        """All rules of the host except those in the module's own tables, as text."""
        return self.run(*EVERYTHING)

    def close(self) -> None:
        """End all processes."""
        for service in self.services:
            service.kill()
            service.wait()
        assert self.agent.stdin is not None
        self.agent.stdin.close()
        self.agent.wait(10)


@pytest.fixture(scope="session")
def tree() -> Iterator[Path]:
    """This checkout as ansible_collections.fleetlab.linux."""
    folder = Path(tempfile.mkdtemp(prefix="fleetlab-network-"))
    link = folder / "ansible_collections" / "fleetlab" / "linux"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def host(tree: Path) -> Iterator[Host]:
    """A new host."""
    one = Host(tree)
    yield one
    one.close()


@pytest.fixture(scope="session")
def server_root(tree: Path) -> Callable[[str], ServerRoot]:
    """Finds the root of a Debian release with real servers by the name of the release, and makes it the first time, in minutes."""
    sys.path.insert(0, str(tree))
    made: Callable[[str], ServerRoot] = importlib.import_module("ansible_collections.fleetlab.linux.scripts.server_roots").server_root
    return made
