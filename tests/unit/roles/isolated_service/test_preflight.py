# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one of the modules refuses is refused before another has changed something."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_tasks, programs


def test_a_tmp_that_is_refused_leaves_the_network_alone(tmp_path: Path) -> None:
    service = {"network": "out", "dns_current": True, "sockets": [], "local_peers": []}
    refusal = {"failed": True, "msg": "web.service: refused: its unit has DynamicUser=yes"}
    stubs = Stubs(tmp_path, {"private_tmp": refusal, "netns_info": {"service": service}, "netns": {"changed": True}})
    path = programs(tmp_path, systemctl="echo LoadState=loaded; echo ActiveState=active")
    hosts = {"here": {"isolated_service_name": "web"}}
    played = play_tasks(tmp_path, hosts, "--check", path=path, name="fleetlab.linux.isolated_service")
    assert played[-1]["hosts"]["here"]["msg"] == refusal["msg"]
    assert [one["task"]["name"] for one in played if one["hosts"]["here"].get("changed")] == []
    assert stubs.called("netns") == []
