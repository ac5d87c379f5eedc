# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An xfs that mkfs.xfs would not make is refused before anything changes, by the sizes of the inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_role


def test_an_xfs_that_is_too_small_is_refused(tmp_path: Path, client: dict[str, Any]) -> None:
    # Nothing listens there.
    nowhere = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "storage_client_filesystem": "xfs"}
    targets = [{**target, "lun_mb": 128} for target in client["storage_client_targets"]]
    hosts = {"client1": {**client, **nowhere, "storage_client_targets": targets}}
    found = play_role(tmp_path, hosts, "--check", name="fleetlab.linux.storage_client")
    assert found["client1"].startswith("client1: refused: the stripe would have 256 MiB, and mkfs.xfs makes no file system below 300 MiB.")
