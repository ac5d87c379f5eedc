# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clients for one set of LUNs are refused from the inventory alone: no host is asked, and check mode says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_role


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_two_clients_of_the_same_luns_are_refused(tmp_path: Path, client: dict[str, Any], options: tuple[str, ...]) -> None:
    # Nothing listens there.
    nowhere = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    hosts = {name: {**client, **nowhere, "storage_client_luns": luns} for name, luns in (("a", [0, 1]), ("b", [1, 2]))}
    found = play_role(tmp_path, hosts, *options, name="fleetlab.linux.storage_client")
    assert set(found) == {"a", "b"}
    for message in found.values():
        assert message.startswith(
            "refused, nothing was changed: a and b would both write to LUN 1 of iqn.2026-01.com.example.storage:server1"
        )
