# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests of the lab, with the names, addresses and disks that they have always had."""

from __future__ import annotations

from ansible_collections.fleetlab.linux.plugins.plugin_utils._lab_guests import make_guests

LAB = {
    "name": "lab",
    "network": "10.99.0",
    "servers": "2",
    "clients": 1,
    "volumes": 2,
    "disk_mb": 512,
    "server_memory_mb": 320,
    "client_memory_mb": 512,
    "cpus": 1,
    "nvme": False,
}


def test_servers_have_disks_and_clients_have_none() -> None:
    disks = [{"name": "volume1", "size_mb": 512}, {"name": "volume2", "size_mb": 512}]
    assert make_guests(LAB) == [
        {"name": "server1", "address": "10.99.0.11/24", "memory": 320, "cpus": 1, "disks": disks},
        {"name": "server2", "address": "10.99.0.12/24", "memory": 320, "cpus": 1, "disks": disks},
        {"name": "client1", "address": "10.99.0.101/24", "memory": 512, "cpus": 1, "disks": []},
    ]


def test_nvme_disks_have_the_ids_of_volumes_the_same_in_every_run() -> None:
    server = make_guests({**LAB, "nvme": True, "servers": 1, "clients": 0})[0]
    # SHA-256 of lab1volume1 and lab1volume2.
    assert [disk["volume_id"] for disk in server["disks"]] == ["vol-6453ff961bccec57f", "vol-401b0d0b11bcad2d1"]
