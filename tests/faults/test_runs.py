# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the playbook that are killed, with or without a power cut of the client, and two runs at once."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import Any, Iterator, Sequence

import pytest

from . import oracle
from .conftest import clear
from .lab import Lab, wait_until

_CREATING = "[ -e /sys/block/md2 ]"
_BETWEEN = "[ -e /sys/block/md3 ]"
_CONFIGURING = "[ -n \"$(find /etc/mdadm -name '.mdadm.conf.*')\" ] || grep -q ^ARRAY /etc/mdadm/mdadm.conf"
_RESYNCING = "grep -q 'resync =' /proc/mdstat && pgrep -f '^/usr/bin/python3$' > /dev/null"

_STOPPED = "[ -e /var/lib/fleetlab-md_array.json ] && ! ls /sys/block | grep -q ^md"

_KILL = "pkill -9 -f '^/usr/bin/python3$'; pkill -9 -x mdadm; pkill -9 -x mke2fs"
"""Modules run as a Python without arguments. In the client no other process does."""

_LIMITS = "/proc/sys/dev/raid"
_PATIENCE = 300
"""The most seconds until the moment at which a run is killed."""


class CutShort:
    """A run of the playbook that is killed when something is seen in the client."""

    def __init__(self, lab: Lab, seen: str, action: str = "", arguments: Sequence[str] = ()) -> None:
        self._lab = lab
        # The client looks for itself, and acts by itself: a way over the network would be too slow.
        command = f"until {seen}; do sleep 0.01; done; {action or 'true'}; echo seen"
        bounded = f"timeout {_PATIENCE} sh -c {shlex.quote(command)}"
        self._watch = subprocess.Popen(lab.ssh_argv(lab.client, bounded), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        # The servers are whole and stay so.
        self._run, self._log = lab.start_playbook("--limit", f"localhost,{lab.client}", *arguments)

    def wait(self) -> None:
        """Wait until it was seen and done."""
        said, _error = self._watch.communicate()
        if said.strip() != "seen":
            self.kill()
            raise AssertionError(f"the moment to cut the run short did not come: {self._log.read_text()[-1500:]}")

    def kill(self) -> None:
        """End the run with all its processes, as kill -9 does."""
        if self._run.poll() is None:
            os.killpg(self._run.pid, signal.SIGKILL)
        self._run.wait()


@contextmanager
def slow_resync(lab: Lab) -> Iterator[None]:
    """Slow a resync down, so that the first is not over before the last run is killed."""
    before = lab.run(lab.client, f"cd {_LIMITS} && cat speed_limit_min speed_limit_max").split()
    set_limits = f"cd {_LIMITS} && echo {{}} > speed_limit_min && echo {{}} > speed_limit_max"
    lab.run(lab.client, set_limits.format(50, 100))
    try:
        yield
    finally:
        lab.run(lab.client, set_limits.format(*before))


def no_half_configuration(lab: Lab) -> None:
    """A killed task leaves either the old file or the new one."""
    text = lab.run(lab.client, "cat /etc/mdadm/mdadm.conf")
    arrays = [line for line in text.splitlines() if line.startswith("ARRAY")]
    assert all("UUID=" in line for line in arrays), f"half a line in mdadm.conf: {arrays}"
    assert len({line.split()[1] for line in arrays}) == len(arrays), f"an array is listed twice: {arrays}"


@pytest.mark.core
def test_runs_are_killed(lab: Lab, fault: Any) -> None:
    with fault("14", "kill -9 of the run in create, in the write of mdadm.conf, in the resync", quiet=True) as scene:
        clear(lab)
        with slow_resync(lab):
            # Each run goes on from what the one before has left.
            for seen in (_CREATING, _CONFIGURING, _RESYNCING):
                cut = CutShort(lab, seen, _KILL)
                cut.wait()
                cut.kill()
                no_half_configuration(lab)
        scene.heal()
        scene.new_data()
        scene.note("old or new configuration, never half of it; the next run goes on from there")


def test_a_recovery_is_killed(lab: Lab, fault: Any) -> None:
    with fault("3d", "kill -9 of the run that recovers from such a power cut, when it has stopped the arrays", errors=True) as scene:
        for server in lab.servers:
            lab.power_off(server)
            time.sleep(0.5)
        wait_until(lambda: bool(scene.traffic.so_far().errors), 120, "an error instead of an answer that does not come")
        scene.end_traffic()
        assert lab.playbook().exit_code == 2, "a file system that has met errors was gone over"
        cut = CutShort(lab, _STOPPED, _KILL, ("-e", "storage_client_recover=true"))
        cut.wait()
        cut.kill()
        scene.heal()
        scene.note("completed by a run without storage_client_recover")


def test_the_client_loses_power_in_create(lab: Lab, fault: Any) -> None:
    with fault("11", "power cut of the client while mirrors are created", quiet=True) as scene:
        clear(lab)
        first = cut_power(lab, _CREATING)
        scene.note(f"{len(first)} members had superblocks, which the next run keeps")
        scene.then("12", "power cut of the client between the mirrors and the stripe", quiet=True)
        # Up again first, so that it can look for the moment.
        lab.power_on(lab.client)
        lab.wait_for_boot(lab.client)
        second = cut_power(lab, _BETWEEN)
        assert first, "no mirror had been started when the power went"
        scene.heal()
        kept = superblocks(lab)
        assert kept.items() >= second.items() >= first.items(), f"made anew although they were there: {first}, then {second}, now {kept}"
        scene.new_data()
        scene.note(f"{len(second)} members had superblocks; the next run keeps them and completes the rest")


def cut_power(lab: Lab, seen: str) -> dict[str, str]:
    """Run the playbook until something is seen, and cut the client's power; returns the superblocks there are then."""
    cut = CutShort(lab, seen)
    cut.wait()
    lab.power_off(lab.client)
    cut.kill()
    return superblocks(lab)


def superblocks(lab: Lab) -> dict[str, str]:
    """The UUIDs in the superblocks on the servers' volumes, as the servers see them, whatever the client does.

    Only of arrays that were started, which counts the first event: one whose creation was cut off before that may be made anew.
    """
    found = {}
    for server in lab.servers:
        for number in range(1, len(lab.mirrors) + 1):
            # The client writes past what the server may still have in memory of the volume.
            volume = f"/dev/storage{number}/volume"
            text = lab.try_run(server, f"blockdev --flushbufs {volume} && mdadm --examine --export {volume}").stdout
            values = {name: value for name, _equals, value in (line.partition("=") for line in text.splitlines())}
            if int(values.get("MD_EVENTS", 0)):
                found[f"{server}/{number}"] = values["MD_UUID"]
    return found


def test_two_runs_at_once(lab: Lab, fault: Any) -> None:
    with fault("14b", "two runs of the playbook at once, with a server to bring back") as scene:
        lab.power_off("server1")
        oracle.wait_ejected(lab)
        runs = [lab.start_playbook(), lab.start_playbook()]
        codes = [process.wait(600) for process, _log in runs]
        outputs = [log.read_text(encoding="utf-8", errors="replace") for _process, log in runs]
        assert 0 in codes, f"none of them ended well: {outputs[0][-2000:]}\n{outputs[1][-2000:]}"
        for code, output in zip(codes, outputs, strict=True):
            assert code == 0 or "refused" in output.lower() or "another run" in output.lower(), (
                f"failed without a clear word: {output[-3000:]}"
            )
        scene.note("both end well, the second after the first" if codes == [0, 0] else "the second refuses by name")
