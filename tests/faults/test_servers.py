# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of servers: power cuts of all, reboots, lost targets, members that were away. Power cuts of one and two: in test_client.py."""

from __future__ import annotations

import time
from typing import Any

import pytest

from . import oracle
from .lab import MOUNT, Lab, wait_until
from .scene import STALL_GOAL


@pytest.mark.core
def test_a_server_reboots_under_load(lab: Lab, fault: Any) -> None:
    with fault("4", "orderly reboot of a server under load", stall=STALL_GOAL) as scene:
        lab.try_run("server2", "systemctl reboot", limit=20)
        lab.disconnect("server2")
        scene.traffic.flows()
        scene.note(f"target back {lab.wait_for_boot('server2'):.0f} s later by itself")
        ports = lab.run("server2", "ls /sys/kernel/config/target/iscsi/iqn*/tpgt_1/np")
        assert "3260" in ports, f"the target of server2 was not restored at boot: {ports}"


@pytest.mark.parametrize(
    ("row", "how", "order", "pause"),
    [
        ("3", "power cut of all three servers", (0, 1, 2), 0.0),
        # What is under way meanwhile reaches the last ones only, and counts all the same.
        ("3b", "power cut of all three servers, half a second after one another", (1, 2, 0), 0.5),
        ("3c", "the same in another order", (2, 0, 1), 0.5),
    ],
    ids=["at-once", "one-after-the-other", "in-another-order"],
)
def test_all_servers_lose_power(lab: Lab, fault: Any, row: str, how: str, order: tuple[int, ...], pause: float) -> None:
    with fault(row, how, errors=True) as scene:
        for number in order:
            lab.power_off(lab.servers[number])
            time.sleep(pause)
        wait_until(lambda: bool(scene.traffic.so_far().errors), 120, "an error instead of an answer that does not come")
        seen = scene.end_traffic()
        assert seen.ended, "the client hangs"
        assert not any("hangs" in error for error in seen.errors), f"operations hang: {seen.errors}"
        run = lab.playbook()
        assert run.exit_code == 2, f"a file system that has met errors was gone over: {run.end}"
        assert "storage_client_recover" in run.output, f"not said how to recover: {run.end}"
        scene.heal("-e", "storage_client_recover=true")
        scene.note("errors, no hang; back with storage_client_recover, which the playbook asks for")


def test_targets_are_restarted_and_cleared(lab: Lab, fault: Any) -> None:
    with fault("20b", "LIO of a server restarted") as scene:
        lab.run("server1", "systemctl restart rtslib-fb-targetctl", limit=120)
        scene.traffic.flows()
        ejected = max(oracle.degraded(lab))
        scene.note("members ejected" if ejected else "no member ejected")
        scene.then("20", "target configuration of a server cleared while in use")
        lab.run("server3", "targetcli clearconfig confirm=True", limit=120)
        oracle.wait_ejected(lab, ejected + 1)
        scene.traffic.flows()
        scene.note("member ejected; the playbook exports the volumes again")


def test_a_member_that_was_away_is_not_read_from(lab: Lab, fault: Any) -> None:
    with fault("25", "member with an older event count returns at the client's boot") as scene:
        lab.power_off("server1")
        oracle.wait_ejected(lab)
        lab.run(lab.client, f"dd if=/dev/urandom of={MOUNT}/moved-on bs=1M count=8 conv=fsync status=none")
        known = lab.run(lab.client, f"sha256sum < {MOUNT}/moved-on")
        scene.end_traffic()
        lab.power_off(lab.client)
        lab.power_on("server1")
        lab.wait_for_boot("server1")
        lab.boot_client()
        assert lab.run(lab.client, f"sha256sum < {MOUNT}/moved-on") == known, "an old copy was read"
        scene.note("array assembled from the newer members")
        scene.heal()
        assert lab.run(lab.client, f"sha256sum < {MOUNT}/moved-on; rm {MOUNT}/moved-on") == known, "an old copy was the source of a resync"
