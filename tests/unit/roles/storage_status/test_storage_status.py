# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role draws a page also of hosts that do not answer, and of hosts without storage-check."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_tasks


@pytest.mark.parametrize("mode", [(), ("--check",)])
def test_hosts_without_an_answer_are_on_the_page(tmp_path: Path, mode: tuple[str, ...]) -> None:
    assert not os.path.exists("/usr/local/sbin/storage-check")
    file = tmp_path / "page.html"
    nobody = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_ssh_common_args": "-o ConnectTimeout=2"}
    given: dict[str, Any] = {"storage_status_file": str(file), "storage_status_servers": ["server1"]}
    hosts = {"server1": {**given, **nobody}, "client1": given}
    tasks = play_tasks(tmp_path, hosts, *mode, name="fleetlab.linux.storage_status")
    failed = [result for task in tasks for result in task["hosts"].values() if result.get("failed")]
    assert failed == []
    page = file.read_text(encoding="utf-8")
    assert "<b>server1</b>: does not answer" in page
    assert "<b>client1</b>: has no storage-check: run the role storage_monitor on it" in page
    shown = next(result["msg"] for result in tasks[-1]["hosts"].values() if "msg" in result)
    assert (shown[0].partition(",")[0], shown[-1]) == ("2 problems", f"Page: {file}")
