# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic on the client's file system and its account: every operation, the longest stall, the errors."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Mapping

from .lab import MOUNT, Lab, wait_until

AGENT = Path(__file__).parent / "guest" / "agent.py"
_PLACE = "/root/faults-agent.py"
_LIMIT = 1800
"""Seconds after which traffic ends by itself, even if the tests have ended."""


@dataclass(frozen=True)
class Account:
    """The account of the client. C(stalls) has the longest operation of each kind in seconds; C(acknowledged) each slot's newest write."""

    stalls: Mapping[str, float]
    errors: tuple[str, ...]
    passes: int
    acknowledged: Mapping[int, int] = field(default_factory=dict)
    ended: bool = True

    @property
    def longest(self) -> float:
        """The longest time of a read or a write in seconds."""
        return max((self.stalls.get(name, 0.0) for name in ("read", "write")), default=0.0)


def account(lines: Iterable[str]) -> Account:
    """Add up the agent's lines; a line that a power cut has cut off is skipped."""
    stalls: dict[str, float] = {}
    errors: list[str] = []
    acknowledged: dict[int, int] = {}
    passes, first, ended = 0, 0, False
    for line in lines:
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        kind = entry["op"]
        if kind == "start":
            first = entry["first"]
            continue
        if kind == "end":
            ended = True
            continue
        stalls[kind] = max(stalls.get(kind, 0.0), entry["ms"] / 1000)
        if "error" in entry:
            errors.append(f"{kind}: {entry['error']}")
        elif kind == "write":
            acknowledged[entry["slot"]] = first + entry["number"]
        elif kind == "fio":
            passes += 1
    return Account(stalls, tuple(errors), passes, acknowledged, ended)


class Traffic:
    """Reads, writes and passes of fio in the client, from its creation until C(stop)."""

    def __init__(self, lab: Lab, log: Path) -> None:
        self._lab, self._log = lab, log
        self._output = log.open("wb")
        # A connection of its own: what the tests ask meanwhile must not wait behind it.
        argv = lab.ssh_argv(lab.client, f"python3 {_PLACE} run {MOUNT} {_LIMIT}")
        argv[1:1] = ["-o", "ControlMaster=no", "-o", "ControlPath=none"]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=self._output, stderr=subprocess.STDOUT)
        wait_until(lambda: b'"op": "fio"' in log.read_bytes() or self._process.poll() is not None, 90, "a first pass of fio")
        assert self._process.poll() is None, f"traffic did not start: {log.read_text(errors='replace')[-500:]}"

    def so_far(self) -> Account:
        """The account so far."""
        return account(self._log.read_text(encoding="utf-8", errors="replace").splitlines())

    def operations(self) -> int:
        """The number of successful reads and writes so far."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return sum('"op": "write"' in line and "error" not in line for line in text.splitlines())

    def flows(self, limit: float = 60, operations: int = 10) -> float:
        """Wait until that many more writes have succeeded; returns the seconds it took."""
        wanted = self.operations() + operations
        return wait_until(lambda: self.operations() >= wanted, limit, f"{operations} more writes of the client", 0.2)

    def lost(self) -> Account:
        """The account of traffic that ended with a power cut."""
        self._process.kill()
        self._process.wait()
        self._output.close()
        return self.so_far()

    def stop(self) -> Account:
        """End the traffic and return its account."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(200)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._output.close()
        return self.so_far()


def install(lab: Lab) -> None:
    """Copy the agent to the client, where it survives reboots."""
    lab.run(lab.client, f"cat > {_PLACE} && sync", AGENT.read_text(encoding="utf-8"))


def seed(lab: Lab, files: int = 2, megabytes: int = 16) -> dict[str, str]:
    """Write known data and return the SHA-256 of each file."""
    start = time.monotonic()
    names = " ".join(f"known-{number}" for number in range(1, files + 1))
    write = f"for name in {names}; do dd if=/dev/urandom of=$name bs=1M count={megabytes} conv=fsync status=none || exit; done"
    lab.run(lab.client, f"cd {MOUNT} && {write} && python3 {_PLACE} prepare {MOUNT} && sync -f {MOUNT}", limit=180)
    sums = checksums(lab)
    assert len(sums) == files, f"seeding took {time.monotonic() - start:.0f} s and left {sums}"
    return sums


def checksums(lab: Lab) -> dict[str, str]:
    """The SHA-256 of each known file, read from the disks."""
    command = f'cd {MOUNT} && for name in known-*; do dd if=$name bs=1M iflag=direct status=none | sha256sum | sed "s/-/$name/"; done'
    lines = lab.run(lab.client, command, limit=180).splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def slots(lab: Lab) -> list[int]:
    """The number of the write in each slot, or -1."""
    found: list[int] = json.loads(lab.run(lab.client, f"python3 {_PLACE} check {MOUNT}", limit=120))
    return found
