# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only recovery mends is found, and stopped if recovery is wanted; never an array of somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, load, play_tasks

BROKEN = "array md1 (/dev/md1) is broken"
DAMAGE = "the file system of /dev/md99 on /srv/md99 has met 3 errors"
NAMES = ["md1", "md2", "md99"]
SERVER1 = "iqn.2026-01.com.example.storage:server1"


def array(name: str, member: str, **changed: Any) -> dict[str, Any]:
    """An array as md_array_info returns it."""
    members = [{"device": member, "by_path": None, "events": 1}]
    found = {"name": name, "kernel_name": name, "device": f"/dev/{name}", "metadata": "1.2", "members": members}
    return {**found, "restart_needed": False, "problems": [], **changed}


def stub(folder: Path, *arrays: dict[str, Any], problems: list[str] | None = None) -> Stubs:
    return Stubs(
        folder,
        {
            "md_array_info": {"arrays": list(arrays)},
            "mount_info": {"problems": problems or []},
            "iscsi_session_info": {"devices": [{"device": "/dev/sda", "target": SERVER1}]},
            "md_array": {},
        },
    )


def play(folder: Path, client: dict[str, Any], programs: str, *options: str) -> tuple[list[str], str]:
    """The tasks that were not skipped, and the message of the one that failed."""
    role = {"name": "fleetlab.linux.storage_client", "tasks_from": "errors"}
    played = play_tasks(folder, {"client1": client}, *options, path=programs, **role)
    results = {one["task"]["name"]: one["hosts"]["client1"] for one in played}
    failed = [result["msg"] for result in results.values() if result.get("failed")]
    return [name.rpartition(" : ")[2] for name, result in results.items() if not result.get("skipped")], "".join(failed)


def test_arrays_and_file_system_are_read_by_their_names(tmp_path: Path, client: dict[str, Any], programs: str) -> None:
    stubs = stub(tmp_path, array("md1", "/dev/sda", problems=["array md1 is degraded"]))
    done, _message = play(tmp_path, {**client, "storage_client_recover": True}, programs)
    assert stubs.called("md_array_info") == [{"names": NAMES}]
    assert stubs.called("mount_info") == [{"path": client["storage_client_mount_point"], "probe": True}]
    # One that is merely degraded is mended as ever.
    assert "Errors | Unmount and stop the arrays" not in done
    assert stubs.called("md_array") == []


def test_a_mount_that_is_declared_read_only_gets_no_file(tmp_path: Path, client: dict[str, Any], programs: str) -> None:
    stubs = stub(tmp_path)
    play(tmp_path, {**client, "storage_client_mount_options": "noatime,ro"}, programs)
    assert stubs.called("mount_info")[0]["probe"] is False


@pytest.mark.parametrize("found", [BROKEN, DAMAGE])
@pytest.mark.parametrize("recover", [True, False])
def test_what_only_recovery_mends_is_stopped_if_it_is_wanted(
    tmp_path: Path, client: dict[str, Any], programs: str, found: str, recover: bool
) -> None:
    mirror = array("md1", "/dev/sda", **({"restart_needed": True, "problems": [BROKEN]} if found == BROKEN else {}))
    stubs = stub(tmp_path, mirror, problems=[DAMAGE] if found == DAMAGE else [])
    _done, message = play(tmp_path, {**client, "storage_client_recover": recover}, programs)
    assert message == ""
    stopped = [{"arrays": [{"name": name, "state": "stopped"} for name in NAMES]}]
    assert stubs.called("md_array") == (stopped if recover else [])


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_an_array_of_somebody_else_is_never_stopped(
    tmp_path: Path, client: dict[str, Any], programs: str, options: tuple[str, ...]
) -> None:
    stubs = stub(tmp_path, array("md2", "/dev/vdb"), problems=[DAMAGE])
    _done, message = play(tmp_path, {**client, "storage_client_recover": True}, programs, *options)
    assert message.startswith("client1: refused to stop md1, md2, md99: /dev/md2 has the member /dev/vdb, which is not a disk of iqn.2026")
    assert stubs.called("md_array") == []


def test_in_check_mode_nothing_is_stopped(tmp_path: Path, client: dict[str, Any], programs: str) -> None:
    stubs = stub(tmp_path, problems=[DAMAGE])
    done, message = play(tmp_path, {**client, "storage_client_recover": True}, programs, "--check")
    assert message == ""
    assert "Recover | Refuse to stop arrays with undeclared members" in done
    assert stubs.called("md_array") == []


def test_errors_are_sentences_of_both() -> None:
    """Degraded arrays are no errors: only what has to be stopped to be mended."""
    template = load("storage_client", "vars/main.yml")["storage_client_errors"]
    assert "selectattr('restart_needed')" in template
    assert "storage_client_mount_before.problems" in template
