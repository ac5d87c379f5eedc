# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports of a target in firewalld, where it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_role, programs

PORTALS = [{"host": "192.0.2.1"}, {"host": "192.0.2.2", "port": 3260}, {"host": "192.0.2.1", "port": 3261}]
# The exit codes of firewall-cmd --state.
RUNNING, STOPPED = "echo running", "echo 'not running' >&2; exit 252"
ROLE: dict[str, Any] = {"name": "fleetlab.linux.storage_server", "tasks_from": "firewalld"}


def opened(folder: Path, state: str) -> list[dict[str, Any]]:
    """What the module of firewalld is told for two hosts, one of them with a zone."""
    stubs = Stubs(folder, {"firewalld": {"changed": True}}, "ansible.posix")
    path = programs(folder, firewall_cmd=state)
    zones = {"default": {}, "zone": {"storage_server_firewalld_zone": "storage"}}
    hosts = {name: {"storage_server_portals": PORTALS, **variables} for name, variables in zones.items()}
    assert play_role(folder, hosts, "--forks=1", path=path, **ROLE) == {}
    return stubs.called("firewalld")


def test_each_port_is_opened_once_now_and_for_every_boot(tmp_path: Path) -> None:
    same = {"state": "enabled", "permanent": True, "immediate": True}
    ports = [{"port": "3260/tcp", **same}, {"port": "3261/tcp", **same}]
    assert opened(tmp_path, RUNNING) == [*ports, *({**port, "zone": "storage"} for port in ports)]


def test_a_firewalld_that_does_not_run_is_left_alone(tmp_path: Path) -> None:
    assert opened(tmp_path, STOPPED) == []
