# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway copy of this host for one server: its writes go to memory, its network is its own, and it ends with this process.

Every address is local there, so that the configuration runs as it is. Nothing of it is reached from outside.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Callable, Iterator, Mapping, Optional, Sequence, TypeVar

from ..._core.errors import FleetlabError, ObservationError
from ..._core.runner import Process, Runner, environment
from ..._host.files import Host
from ..._host.mounts import read_mounts
from ..._host.process import name_of, parent_of, process_ids
from ..state import Endpoint

_Result = TypeVar("_Result")

_LIFE = "300"
"""Seconds after which the sandbox ends in any case."""
_START = 15.0
_MOMENT = 1.0
_POLL = 0.05
_NEW_NET = 0x40000000
_SETNS = "setns"
_IN_MEMORY = ("/etc", "/var")
_EMPTY = ("/run", "/tmp")
_KEPT = ("/proc", "/sys", "/dev", *_EMPTY, *_IN_MEMORY)
_SHARED = "/dev/shm"
_LOGS = "/var/log"
_SYSTEM_LOG = "/dev/log"
_LOGS_IN_MEMORY = "/run/fleetlab-trial/log"
_ANY = tuple(range(256))
_NONLOCAL = ("/proc/sys/net/ipv4/ip_nonlocal_bind", "/proc/sys/net/ipv6/ip_nonlocal_bind")


class Sandbox:
    """Mounts, processes and a network of its own, below the process C(pid)."""

    def __init__(self, host: Host, runner: Runner, pid: int) -> None:
        self._host, self._runner, self._pid = host, runner, pid
        self._server: Optional[Process] = None
        self._output: Optional[IO[bytes]] = None
        self._covered = 0

    def run(self, *argv: str) -> None:
        """Run a command inside."""
        self._runner.run(self._enter(argv))

    def _enter(self, argv: Sequence[str]) -> Sequence[str]:
        return ("nsenter", "--target", str(self._pid), "--mount", "--net", "--pid", "--ipc", "--", *argv)

    def isolate(self) -> None:
        """Cover what the server may write to, and forbid the rest."""
        for path in (*_EMPTY, *((_SHARED,) if self._host.is_folder(_SHARED) else ())):
            self.run("mount", "-t", "tmpfs", "-o", f"mode={'755' if path == '/run' else '1777'},size=25%", "tmpfs", path)
        self.run("mkdir", "--parents", "--mode=1777", "/run/lock")
        # A server does not make the folder of its process id.
        folders = [f"/run/{name}" for name in self._host.names("/run") if self._host.is_folder(f"/run/{name}")]
        self.run("mkdir", "--parents", *folders, "/run/lock")
        # A log that is opened would be copied to memory with all its lines; and below /var a mount of its own is not seen.
        self.run("mkdir", "--parents", _LOGS_IN_MEMORY)
        self._runner.run(self._enter(("cp", "--archive", "--attributes-only", f"{_LOGS}/.", _LOGS_IN_MEMORY)), accept=_ANY)
        for path in _IN_MEMORY:
            self._overlay(path, f"/run/fleetlab-trial{path}")
        self.run("mount", "--bind", _LOGS_IN_MEMORY, _LOGS)
        for path in self._others():
            self.run("mount", "-o", "remount,bind,ro", path)
        # Without systemd the log of the system is a socket of the host in /dev, and not below /run.
        if self._host.exists(_SYSTEM_LOG) and not self._host.resolve(_SYSTEM_LOG).startswith("/run/"):
            self.run("mount", "--bind", "/dev/null", _SYSTEM_LOG)
        self.run("ip", "link", "set", "dev", "lo", "up")
        self.run("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo")
        # A host without IPv6 has no addresses of it to reach.
        self._runner.run(self._enter(("ip", "-6", "route", "add", "local", "::/0", "dev", "lo")), accept=_ANY)
        self.call(_bind_everywhere)

    def cover(self, logs: Sequence[str]) -> None:
        """Let the server write logs that lie in other places than L(_LOGS): into empty files with the same owners and modes."""
        others = [path for path in dict.fromkeys(map(self._host.resolve, logs)) if self._is_read_only(path)]
        missing = {os.path.dirname(path) for path in others if not self._host.exists(path)}
        for number, folder in enumerate(sorted(missing)):
            self._overlay(folder, f"/run/fleetlab-trial/logs/{number}")
        for path in others:
            if self._host.is_file(path):
                self._cover_file(path)

    def _cover_file(self, path: str) -> None:
        """Put an empty file with the same owner and mode in the place of a file, as long as the sandbox lives."""
        self._covered += 1
        place = f"/run/fleetlab-trial/file.{self._covered}"
        self.run("cp", "--attributes-only", "--preserve=mode,ownership", path, place)
        self.run("mount", "--bind", place, path)

    def _is_read_only(self, path: str) -> bool:
        return not path.startswith(tuple(f"{kept}/" for kept in _KEPT)) and self._host.is_folder(os.path.dirname(path))

    def _overlay(self, path: str, layers: str) -> None:
        self.run("mkdir", "--parents", f"{layers}/upper", f"{layers}/work")
        options = f"lowerdir={path},upperdir={layers}/upper,workdir={layers}/work"
        self.run("mount", "-t", "overlay", "-o", options, "overlay", path)

    def _others(self) -> Iterator[str]:
        """The other mounts, which the server may only read."""
        for mount in read_mounts(self._host, str(self._pid), "surrogateescape"):
            if not any(mount.point == kept or mount.point.startswith(f"{kept}/") for kept in _KEPT):
                yield mount.point

    def write(self, path: str, content: str) -> None:
        """Write a file inside. Through /proc/pid/root an absolute link would lead back to the file of the host."""
        if self._is_read_only(path) and self._host.is_file(path):
            self._cover_file(path)
        self._runner.run(self._enter(("tee", path)), stdin=content)

    def know(self, names: Mapping[str, str]) -> None:
        """Let the server find addresses of these names, as long as it starts. Every address is local.

        A name that the host has in /etc/hosts keeps its addresses: with one of them twice, nginx would listen there twice.
        """
        lines = (line.partition("#")[0].split()[1:] for line in (self._host.read("/etc/hosts") or "").splitlines())
        known = {name for line in lines for name in line}
        added = "".join(f"{address} {name}\n" for name, address in names.items() if name not in known)
        self._runner.run(self._enter(("tee", "--append", "/etc/hosts")), stdin=f"\n{added}")

    def start(self, argv: Sequence[str], output: IO[bytes]) -> None:
        """Start the server, which stays the child of this process."""
        self._output = output
        self._server = Process(self._enter(argv), subprocess.DEVNULL, output, output, environment())

    def await_answers(self, endpoints: Sequence[Endpoint], logs: Sequence[str]) -> None:
        """Wait until the server answers at each endpoint.

        :raises FleetlabError: it has ended, or does not answer.
        """
        deadline = time.monotonic() + _START
        while not self.call(lambda: all(map(answers, endpoints))):
            self.expect_alive(logs)
            if time.monotonic() > deadline:
                raise FleetlabError(f"the throwaway server did not answer within {_START:g} s: {self._said(logs)}")
            time.sleep(_POLL)

    def expect_alive(self, logs: Sequence[str], moment: bool = False) -> None:
        """Raise L(FleetlabError) if the server has ended; its exit code says nothing.

        With C(moment) it may still be ending: a server listens before it reads its keys.
        """
        if self._server is not None and moment:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(_MOMENT)
        if self._server is None or self._server.poll() is not None:
            raise FleetlabError(f"the throwaway server has ended: {self._said(logs)}")

    def _said(self, logs: Sequence[str]) -> str:
        texts = [self._host.read(f"/proc/{self._pid}/root{path}") or "" for path in logs]
        if self._output is not None:
            self._output.seek(0)
            texts.append(self._output.read().decode("utf-8", "replace"))
        lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
        return " | ".join(lines[-5:]) or "it said nothing"

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Call a function in the network of the sandbox. A thread has its own network namespace, so this process stays where it is."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._called, function).result()

    def _called(self, function: Callable[[], _Result]) -> _Result:
        descriptor = os.open(f"/proc/{self._pid}/ns/net", os.O_RDONLY)
        try:
            if getattr(ctypes.CDLL(None, use_errno=True), _SETNS)(descriptor, _NEW_NET) != 0:
                raise ObservationError(f"the network of the throwaway server cannot be entered: {os.strerror(ctypes.get_errno())}")
        finally:
            os.close(descriptor)
        return function()


def _bind_everywhere() -> None:
    """Let servers listen on addresses that this network does not have."""
    for path in _NONLOCAL:
        with contextlib.suppress(FileNotFoundError), open(path, "w", encoding="ascii") as stream:
            stream.write("1")


def answers(endpoint: Endpoint) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((endpoint.address, endpoint.port), timeout=1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def sandbox(host: Host, runner: Runner, logs: Sequence[str] = ()) -> Iterator[Sandbox]:
    """A sandbox, which ends with the context, and with this process. C(logs) are files to which the server will write."""
    namespaces = ("--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc")
    argv = ("setpriv", "--pdeathsig", "KILL", "unshare", *namespaces, "sleep", _LIFE)
    holder = Process(argv, subprocess.DEVNULL, subprocess.DEVNULL, subprocess.DEVNULL)
    try:
        box = Sandbox(host, runner, _child(host, holder))
        box.isolate()
        box.cover(logs)
        yield box
    finally:
        holder.kill()
        holder.wait()


def _child(host: Host, holder: Process) -> int:
    """The first process of the namespaces, when it is ready."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and holder.poll() is None:
        for pid in process_ids(host):
            if parent_of(host, pid) == holder.pid and name_of(host, pid) == "sleep":
                return pid
        time.sleep(_POLL)
    raise ObservationError("this host makes no namespaces for a throwaway server (unshare --mount --net --pid): nothing was changed")
