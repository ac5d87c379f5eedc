# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clients for one LUN are refused from the inventory alone, before anything else of the target is looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_role


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_two_clients_of_the_same_luns_are_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    # Nothing listens there.
    nowhere: dict[str, Any] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    secret = {"storage_chap_secret": "secretofusers"}
    clients = {name: {**nowhere, **secret, "storage_client_luns": luns} for name, luns in (("a", [0, 1]), ("b", [1, 2]))}
    servers = {name: {**nowhere, **secret, "storage_server_devices": ["/dev/vdb"]} for name in ("server1", "server2")}
    groups = {"storage_servers": {"hosts": dict.fromkeys(servers)}, "storage_clients": {"hosts": dict.fromkeys(clients)}}
    (tmp_path / "groups.yml").write_text(json.dumps(groups), encoding="utf-8")
    limit = ("-i", "groups.yml", "--limit", "storage_servers", *options)
    found = play_role(tmp_path, {**clients, **servers}, *limit, name="fleetlab.linux.storage_server")
    assert set(found) == set(servers)
    for message in found.values():
        assert message.startswith(
            "refused, nothing was changed: a and b would both write to LUN 1 of iqn.2026-01.com.example.storage:server1"
        )
