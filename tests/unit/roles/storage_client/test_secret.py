# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret is needed for CHAP only, and a missing one is named with both ways out."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_role
from ansible_collections.fleetlab.linux.tests.unit.roles.storage_client.conftest import TARGETS

UNREACHABLE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


def test_the_client(tmp_path: Path) -> None:
    common = {**UNREACHABLE, "storage_client_targets": TARGETS, "storage_client_servers": [], "storage_client_luns": 2}
    # The first refusal after the arguments; it needs no machine.
    named = {**common, "storage_client_packages": [], "storage_client_stripe": "data"}
    hosts = {"without": named, "open": {**named, "storage_client_luns": 2, "storage_authentication": False}}
    hosts = {
        name: {**host, "storage_client_targets": [{**target, "iqn": f"{target['iqn']}-{name}"} for target in TARGETS]}
        for name, host in hosts.items()
    }
    found = play_role(tmp_path, hosts, name="fleetlab.linux.storage_client")
    assert "there is no storage_chap_secret: give all servers and clients the same 12 to 16 characters" in found["without"]
    assert "or set storage_authentication to false" in found["without"]
    assert found["open"].startswith("storage_client_mirror_prefix and storage_client_stripe give the arrays the names")


def test_the_server(tmp_path: Path) -> None:
    hosts = {name: {**UNREACHABLE, "storage_authentication": name == "without"} for name in ("without", "open")}
    found = play_role(tmp_path, hosts, name="fleetlab.linux.storage_server")
    assert "there is no storage_chap_secret" in found["without"]
    assert "give either storage_server_devices, the disks, or storage_server_groups" in found["open"]
