# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that a module of the roles would refuse later are refused before anything changes, in check mode too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_role
from ansible_collections.fleetlab.linux.tests.unit.roles.storage_client.conftest import TARGETS

# Nothing listens there, so that a task that asks the machine fails in another way.
UNREACHABLE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "storage_chap_secret": "secret-secret"}


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_the_server(tmp_path: Path, options: tuple[str, ...]) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "name": {"storage_server_iqn": "iqn.2003-01.org.linux-iscsi:server1.Own"},
        "portal": {"storage_server_portals": [{"host": "192.0.2.1", "port": 70000}]},
        "attribute": {"storage_server_attributes": {"default_cmdsn_dept": 1}},
        "short": {"storage_chap_secret": "short"},
    }
    # Each host has an initiator of its own; the disks are never asked for.
    hosts = {
        name: {**UNREACHABLE, "storage_server_devices": ["/dev/sdb"], "storage_server_initiators": [f"iqn.2026-01.test.x:{name}"], **one}
        for name, one in wrong.items()
    }
    found = play_role(tmp_path, hosts, *options, name="fleetlab.linux.storage_server")
    assert {name: message.partition(": refused: ")[0] for name, message in found.items()} == {name: name for name in wrong}
    assert all(message.endswith("Nothing was changed; correct the variable of this role.") for message in found.values())
    assert "is not an iSCSI qualified name" in found["name"]
    assert "70000" in found["portal"]
    assert "default_cmdsn_dept" in found["attribute"]
    assert "refused: acls[0].chap" in found["short"]
    assert "short" not in found["short"].partition("refused: ")[2]


def test_the_client(tmp_path: Path) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "name": {"storage_client_initiator": "client1"},
        "timeout": {"storage_client_timeouts": {"preset": "md", "noop_out_timeout": -1}},
        "parameter": {"storage_client_parameters": {"cmds_max": 500}},
    }
    common = {**UNREACHABLE, "storage_client_servers": [], "storage_client_luns": 2, "storage_client_packages": []}
    hosts = {
        name: {**common, "storage_client_targets": [{**target, "iqn": f"{target['iqn']}-{name}"} for target in TARGETS], **one}
        for name, one in wrong.items()
    }
    found = play_role(tmp_path, hosts, name="fleetlab.linux.storage_client")
    assert {name: message.partition(": refused: ")[0] for name, message in found.items()} == {name: name for name in wrong}
    assert "500 is not a power of two" in found["parameter"]
