# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the storage has in the end is held against what is declared; a mirror that is degraded is still doing its work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_role

VERIFY = {"name": "fleetlab.linux.storage_client", "tasks_from": "verify"}


def array(name: str, health: str = "healthy") -> dict[str, Any]:
    return {"name": name, "health": health, "state": "inactive" if health == "inactive" else "running"}


@pytest.mark.parametrize(
    ("health", "source", "found"),
    [
        ("healthy", "/dev/md99", ""),
        ("degraded", "/dev/md99", ""),
        ("inactive", "/dev/md99", "/dev/md99 is mounted there, and of the arrays md1 is inactive, md2 is healthy, md99 is healthy"),
        ("healthy", None, "nothing is mounted there, and of the arrays md1 is healthy, md2 is healthy, md99 is healthy"),
        ("healthy", "/dev/sdz", "/dev/sdz is mounted there, and of the arrays md1 is healthy, md2 is healthy, md99 is healthy"),
    ],
)
def test_mirrors_that_do_not_run_and_another_mount_are_said(
    tmp_path: Path, client: dict[str, Any], health: str, source: str | None, found: str
) -> None:
    arrays = [array("md1", health), array("md2"), array("md99")]
    stubs = Stubs(tmp_path, {"md_array_info": {"arrays": arrays}, "mount_info": {"mounted": source is not None, "source": source}})
    message = play_role(tmp_path, {"client1": client}, **VERIFY).get("client1", "")
    expected = f"client1 does not have 2 active mirrors and /dev/md99 mounted on {client['storage_client_mount_point']}: {found}"
    assert message == (expected if found else "")
    assert stubs.called("md_array_info") == [{"names": ["md1", "md2", "md99"]}]
