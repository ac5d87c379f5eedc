# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of two servers, without a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.client import make_targets

TARGETS = make_targets(["server1", "server2"], {f"server{number}": {"ansible_host": f"192.0.2.{number}"} for number in (1, 2)})


@pytest.fixture
def client(tmp_path: Path) -> dict[str, Any]:
    """The variables of the client."""
    return {
        "storage_client_targets": TARGETS,
        "storage_client_servers": [target["name"] for target in TARGETS],
        "storage_client_luns": 2,
        "storage_client_packages": [],
        "storage_client_mount_point": str(tmp_path / "srv"),
        "storage_chap_secret": "secret-secret",
        "ansible_facts": {},
    }


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """A folder with a udevadm that does nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "udevadm").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "udevadm").chmod(0o755)
    return str(folder)
