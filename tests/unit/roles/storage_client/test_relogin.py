# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session that keeps former options is logged in again when the mirrors release its disks, and stays as it is when they cannot."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_tasks

IQN = "iqn.2026-01.com.example.storage:server"
RELEASED = {"changed": True, "released": [{"array": "md1", "device": "/dev/sda"}]}
REFUSED = "array md1: refused: array md1 cannot let go of its members: it is busy with resync. Nothing was changed"
STEP = "members /dev/sda: step 1 of 2 failed: mdadm --manage /dev/md1 --fail sda: exit code 1"


@pytest.fixture
def portal() -> Iterator[int]:
    """A port of this machine where a server listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def play(
    folder: Path, client: dict[str, Any], port: int, released: dict[str, Any], *options: str
) -> tuple[Stubs, dict[str, dict[str, Any]]]:
    """What the modules were asked, and the results of the tasks that were not skipped."""
    stubs = Stubs(folder, {"md_array": {"arrays": []}, "md_array.release": released, "iscsi_session": {"changed": True}})
    devices = [
        {"target": f"{IQN}{number}", "lun": lun, "by_path": None, "device": f"/dev/sd{letter}"}
        for number, lun, letter in ((1, 0, "a"), (2, 0, "b"), (1, 1, "c"), (2, 1, "d"))
    ]
    former = {
        "target": f"{IQN}1",
        "portal": {"host": "127.0.0.1", "port": port},
        "relogin_needed": ["CHAP credentials"],
        "state": "LOGGED_IN",
    }
    variables = {**client, "storage_client_sessions": {"devices": devices, "sessions": [former]}, "storage_client_former": former}
    role = {"name": "fleetlab.linux.storage_client", "tasks_from": "relogin"}
    played = play_tasks(folder, {"client1": variables}, *options, **role)
    results = {one["task"]["name"].rpartition(" | ")[2]: one["hosts"]["client1"] for one in played}
    return stubs, {name: result for name, result in results.items() if not result.get("skipped")}


def test_its_disks_are_released_and_it_is_logged_in_anew(tmp_path: Path, client: dict[str, Any], portal: int) -> None:
    stubs, done = play(tmp_path, client, portal, RELEASED)
    (mirrors, release) = stubs.called("md_array")
    assert {one.get("wait") for one in mirrors["arrays"]} == {"sync"}
    assert release == {"release": ["/dev/sda", "/dev/sdc"]}
    ((session,),) = [call["sessions"] for call in stubs.called("iscsi_session")]
    assert (session["target"], session["relogin"], session["wait_for_luns"]) == (f"{IQN}1", True, 2)
    assert "Say that the session stays as it is" not in done


def test_a_mirror_that_cannot_spare_it_keeps_it(tmp_path: Path, client: dict[str, Any], portal: int) -> None:
    stubs, done = play(tmp_path, client, portal, {"failed": True, "msg": REFUSED})
    assert not any(result.get("failed") for result in done.values())
    assert done["Say that the session stays as it is"]["msg"] == f"{IQN}1 keeps its former CHAP credentials: {REFUSED}"
    assert stubs.called("iscsi_session") == []


def test_a_mirror_that_does_not_let_go_ends_it(tmp_path: Path, client: dict[str, Any], portal: int) -> None:
    stubs, done = play(tmp_path, client, portal, {"failed": True, "msg": STEP, "failed_step": "mdadm"})
    assert done["Release the disks of the session from the mirrors"]["msg"] == STEP
    assert [name for name, result in done.items() if result.get("failed")] == ["Release the disks of the session from the mirrors"]
    assert stubs.called("iscsi_session") == []


def test_a_server_that_is_not_there_to_be_logged_in_to_keeps_its_disks(tmp_path: Path, client: dict[str, Any], portal: int) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        stubs, done = play(tmp_path, client, closed.getsockname()[1], RELEASED)
    assert done["Say that the session stays as it is"]["msg"].endswith(": its portal does not answer")
    assert [call for call in stubs.called("md_array") if "release" in call] == []
    assert stubs.called("iscsi_session") == []


def test_check_mode_says_what_it_would_do(tmp_path: Path, client: dict[str, Any], portal: int) -> None:
    stubs, done = play(tmp_path, client, portal, RELEASED, "--check")
    assert set(done) == {"Play the role", "Preview of check mode"}
    assert done["Preview of check mode"]["msg"] == f"would log out and in again: {IQN}1, for its CHAP credentials"
    assert stubs.called("md_array") == stubs.called("iscsi_session") == []
