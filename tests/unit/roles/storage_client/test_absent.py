# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that is removed leaves the data on the servers, unless the arrays are named, and nothing of the role on the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_tasks

ABSENT = {"name": "fleetlab.linux.storage_client", "tasks_from": "absent"}
SERVER1 = "iqn.2026-01.com.example.storage:server1"


def stub(folder: Path, member: str = "/dev/sda") -> Stubs:
    array = {"name": "md1", "kernel_name": "md1", "device": "/dev/md1", "metadata": "1.2"}
    return Stubs(
        folder,
        {
            "md_array_info": {"arrays": [{**array, "members": [{"device": member, "by_path": "/dev/disk/by-path/a", "events": 1}]}]},
            "iscsi_session_info": {"devices": [{"device": "/dev/sda", "target": SERVER1}]},
            "md_array": {"changed": True},
            "iscsi_session": {"changed": True},
            "disk_queue": {"changed": True},
            "disk_reservation": {"changed": True},
        },
    )


def play(folder: Path, client: dict[str, Any], programs: str, *options: str) -> str:
    variables = {**client, "storage_client_state": "absent"}
    played = play_tasks(folder, {"client1": variables}, *options, path=programs, **ABSENT)
    return "".join(one["hosts"]["client1"]["msg"] for one in played if one["hosts"]["client1"].get("failed"))


def test_arrays_are_forgotten_before_their_sessions_end(tmp_path: Path, client: dict[str, Any], programs: str) -> None:
    stubs = stub(tmp_path)
    assert play(tmp_path, client, programs) == ""
    assert stubs.called("md_array") == [{"arrays": [{"name": name, "state": "forgotten"} for name in ("md1", "md2", "md99")]}]
    (sessions,) = stubs.called("iscsi_session")
    assert [one["state"] for one in sessions["sessions"]] == ["absent", "absent"]
    assert stubs.called("disk_queue")[0]["state"] == "absent"
    assert stubs.called("disk_reservation")[0]["state"] == "released"


def test_servers_that_have_not_left_yet_are_left_too(tmp_path: Path, client: dict[str, Any], programs: str) -> None:
    stubs = stub(tmp_path)
    (tmp_path / "server.yml").write_text("all: {hosts: {server3: {ansible_host: 192.0.2.3}}}\n", encoding="utf-8")
    assert play(tmp_path, {**client, "storage_client_leaving": ["server3"]}, programs, "-i", "server.yml", "--limit", "client1") == ""
    server3 = SERVER1.replace("server1", "server3")
    assert server3 in stubs.called("disk_reservation")[0]["targets"]
    assert server3 in [one["target"] for one in stubs.called("iscsi_session")[0]["sessions"]]


def test_only_arrays_that_are_named_lose_their_data(tmp_path: Path, client: dict[str, Any], programs: str) -> None:
    stubs = stub(tmp_path)
    assert play(tmp_path, {**client, "storage_client_erase": ["md2"]}, programs) == ""
    states = {one["name"]: one["state"] for one in stubs.called("md_array")[0]["arrays"]}
    assert states == {"md1": "forgotten", "md2": "absent", "md99": "forgotten"}


def test_arrays_of_somebody_else_are_neither_erased_nor_stopped(tmp_path: Path, client: dict[str, Any], programs: str) -> None:
    stubs = stub(tmp_path, member="/dev/vdb")
    assert "refused to stop md1, md2, md99: /dev/md1 has the member /dev/vdb" in play(tmp_path, client, programs)
    assert "storage_client_erase names md5" in play(tmp_path, {**client, "storage_client_erase": ["md5"]}, programs)
    assert stubs.called("md_array") == []


def test_check_mode_shows_what_the_disks_in_use_keep_from_being_planned(tmp_path: Path, client: dict[str, Any], programs: str) -> None:
    stubs = stub(tmp_path)
    assert play(tmp_path, client, programs, "--check") == ""
    # The stub of md_array says that it would change something: the sessions cannot be planned before that is done.
    assert len(stubs.called("md_array")) == 1
    assert stubs.called("iscsi_session") == []
