# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the client: power cuts while it writes and while it resynchronises, boots with servers missing, iscsid, disk names."""

from __future__ import annotations

import re
from typing import Any

import pytest

from . import oracle
from .lab import MOUNT, PREFIX, Lab, wait_until
from .scene import STALL_GOAL, Scene


@pytest.mark.core
def test_power_cuts_of_the_client_and_of_servers(lab: Lab, fault: Any) -> None:
    with fault("10", "power cut of the client while it writes") as scene:
        cut_power_and_boot(lab, scene)
        # What was being written is made equal on all copies without anybody asking.
        scene.end_traffic()
        oracle.wait_whole(lab)
        cuts = (("server1", "1", "a server", "21", "one server down"), ("server2", "2", "a second server", "21b", "two servers down"))
        for lacking, (server, row, which, boot_row, state) in enumerate(cuts, 1):
            scene.then(row, f"power cut of {which} in reads and writes", stall=STALL_GOAL)
            lab.power_off(server)
            scene.note(f"member ejected after {oracle.wait_ejected(lab, lacking):.0f} s")
            scene.traffic.flows()
            scene.note(f"reads and writes go on with {len(lab.servers) - lacking} of {len(lab.servers)} copies")
            scene.then(boot_row, f"power cut of the client while it writes, and boot, with {state}")
            cut_power_and_boot(lab, scene)
            assert oracle.degraded(lab) == [lacking] * len(lab.mirrors)


def cut_power_and_boot(lab: Lab, scene: Scene) -> None:
    """Cut the power of the client during its writes, and wait until it works again without help."""
    scene.traffic.flows()
    lab.power_off(lab.client)
    scene.end_traffic(lost=True)
    scene.note(f"file system and arrays back by themselves {lab.boot_client():.0f} s after power")
    scene.begin_traffic()
    scene.traffic.flows()


def test_the_client_loses_power_in_a_resync(lab: Lab, fault: Any) -> None:
    with fault("13", "power cut of the client during a resync", quiet=True) as scene:
        lab.run(lab.client, "echo 3000 > /proc/sys/dev/raid/speed_limit_max")
        disk = min(oracle.mirrors(lab)[0].members)
        lab.run(lab.client, f"mdadm /dev/md1 --fail {disk}; sleep 1; mdadm /dev/md1 --remove {disk} && mdadm --zero-superblock /dev/{disk}")
        lab.run(lab.client, f"mdadm /dev/md1 --add /dev/{disk}")
        wait_until(lambda: synchronised(lab) > 20000, 60, "a part of the resync", 0.1)
        lab.power_off(lab.client)
        lab.boot_client()
        # Before any run of the playbook. The log is that of this boot: where nothing was left to do, it has no such line. Kernel
        # 7.2 calls it "recover", 6.1 "recovery".
        oracle.wait_whole(lab)
        log = lab.run(lab.client, "dmesg")
        assert re.search(r"md: (resync|recovery|recover) of RAID array md1$", log, re.MULTILINE), (
            "nothing was left of the resync after the boot"
        )
        scene.note("goes on and ends by itself after the boot")


def synchronised(lab: Lab) -> int:
    """The sectors of md1 that the resync has copied."""
    words = lab.run(lab.client, "cat /sys/block/md1/md/sync_completed").split()
    return int(words[0]) if words and words[0].isdigit() else 0


def test_iscsi_is_interrupted(lab: Lab, fault: Any) -> None:
    with fault("19", "iscsid killed with kill -9 and started again") as scene:
        lab.run(lab.client, "systemctl kill --signal=KILL iscsid; sleep 3; systemctl reset-failed iscsid; systemctl start iscsid", limit=90)
        scene.traffic.flows()
        oracle.none_ejected(lab)
        scene.note("sessions survive, no member ejected")
        scene.then("19b", "one session closed by the target")
        portal = f"/sys/kernel/config/target/iscsi/{PREFIX}server2/tpgt_1/enable"
        lab.run("server2", f"echo 0 > {portal}; sleep 2; echo 1 > {portal}")
        scene.traffic.flows()
        oracle.none_ejected(lab)
        scene.note("logged in again by itself, no member ejected")


def test_the_kernel_renumbers_the_disks(lab: Lab, fault: Any) -> None:
    with fault("22", "disks renumbered by the kernel (sessions in another order)", quiet=True) as scene:
        names = "for disk in /dev/disk/by-path/*-iscsi-*; do echo $(readlink -f $disk); done"
        before = lab.run(lab.client, names).split()
        lab.run(lab.client, f"umount {MOUNT} && mdadm --stop /dev/md99 && mdadm --stop {' '.join('/dev/' + name for name in lab.mirrors)}")
        lab.run(lab.client, "iscsiadm -m node --logoutall=all", limit=90)
        for server in reversed(lab.servers):
            lab.run(lab.client, f"iscsiadm -m node -T {PREFIX}{server} --login && udevadm settle", limit=90)
        after = lab.run(lab.client, names).split()
        renamed = [f"{one} is now {other}" for one, other in zip(before, after, strict=True) if one != other]
        assert renamed, f"the kernel gave the same names again: {after}"
        scene.note(f"{renamed[0]}; arrays assembled by their UUIDs")


def test_the_client_reboots_while_no_server_can_be_reached(lab: Lab, fault: Any) -> None:
    with fault("33", "orderly reboot of the client while no server can be reached", errors=True) as scene:
        before = boot_id(lab)
        addresses = " ".join(lab.addresses[server] for server in lab.servers)
        lab.run(lab.client, f"for address in {addresses}; do ip route add blackhole $address/32 || exit; done; ip route flush cache")
        # These data are in memory only, and no server will take them.
        lab.try_run(lab.client, f"timeout 5 dd if=/dev/zero of={MOUNT}/dirty bs=1M count=20 status=none")
        lab.try_run(lab.client, "systemctl reboot", limit=20)
        lab.disconnect(lab.client)
        took = wait_until(lambda: boot_id(lab) not in ("", before), 180, "the client shut down and up again, without a hang")
        scene.end_traffic(lost=True)
        lab.wait_for_boot(lab.client)
        wait_until(lambda: lab.try_run(lab.client, f"mountpoint -q {MOUNT}").returncode == 0, 60, f"{MOUNT} mounted after the boot")
        scene.note(f"no hang: up again {took:.0f} s later, with its file system")
        lab.run(lab.client, f"rm -f {MOUNT}/dirty")


def boot_id(lab: Lab) -> str:
    """What identifies the client's boot; empty while it does not answer."""
    return lab.try_run(lab.client, "cat /proc/sys/kernel/random/boot_id", limit=10).stdout.strip()
