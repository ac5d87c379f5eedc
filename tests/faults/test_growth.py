# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab that grows while it is used, and a server and a client that are replaced by new machines of the same names."""

from __future__ import annotations

import shutil
from typing import Any

from . import oracle, traffic
from .lab import MOUNT, Lab

LARGER_MB = 128
"""More than the volumes have, and no more than their disks have room for."""


def size_of(lab: Lab) -> int:
    """The size of the file system in KiB."""
    return int(lab.run(lab.client, f"df --output=size {MOUNT} | tail -1"))


def declare_volumes(lab: Lab) -> tuple[str, str]:
    """The options that declare volumes as large as the lab has them, which may have grown."""
    sizes = lab.run("server1", "lvs --noheadings --nosuffix --units m -o lv_size").split()
    return "-e", f"storage_server_volume_mb={float(sizes[0]):.0f}"


def test_a_new_machine_takes_the_place_of_a_server(lab: Lab, fault: Any) -> None:
    same_size = declare_volumes(lab)
    with fault("46", "server replaced by a new machine of the same name") as scene:
        lab.power_off("server2")
        oracle.wait_ejected(lab)
        shutil.rmtree(lab.directory / "guests" / "server2")
        scene.heal(*same_size)
        scene.note("member ejected; the playbook makes the machine, its volumes and its target, and rebuilds all of its disks")


def test_a_new_machine_takes_the_place_of_the_client(lab: Lab, fault: Any) -> None:
    same_size = declare_volumes(lab)
    with fault("47", "client replaced by a new machine of the same name", quiet=True) as scene:
        lab.power_off(lab.client)
        shutil.rmtree(lab.directory / "guests" / lab.client)
        # A lab gives a machine of this name the former one's id, so the disks are held for it already.
        scene.heal(*same_size)
        # The new machine has no program of these tests.
        traffic.install(lab)
        scene.note("the playbook makes the machine, which logs in and assembles the arrays with their data")


def test_larger_volumes_grow_everything_above_them_in_use(lab: Lab, fault: Any) -> None:
    before = size_of(lab)
    larger = ("-e", f"storage_server_volume_mb={LARGER_MB}")
    with fault("45", "volumes made larger under reads and writes") as scene:
        foretold = lab.playbook(*larger, "--check")
        assert foretold.exit_code == 0, foretold.end
        assert foretold.changed > 0, "check mode does not foretell the growth"
        scene.heal(*larger)
        grown = size_of(lab)
        assert grown > before * 1.05, f"the file system has {grown} KiB, and had {before}"
        oracle.changes_nothing(lab.playbook(*larger))
        scene.note("volumes, mirrors, stripe and file system larger")
