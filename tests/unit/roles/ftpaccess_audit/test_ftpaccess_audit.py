# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report, and the role on hosts that do not answer or have no ProFTPD."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.plugin_utils._ftpaccess_report import make_report
from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_tasks

ALICE = {
    "name": "alice",
    "server": "main",
    "root": "/home/alice",
    "starts": "/home/alice",
    "may_write": False,
    "in_force": [{"file": "/home/alice/.ftpaccess", "limits": [], "warnings": []}],
}


def test_problems_come_first() -> None:
    answers: dict[str, dict[str, Any]] = {
        "ftp1": {"users": [ALICE], "problems": [], "version": "1.3.8", "trial": [{}]},
        "ftp2": {"users": [{**ALICE, "in_force": [], "may_write": True}], "problems": ["a problem"], "version": "1.3.8", "trial": []},
        "ftp3": {"msg": "does not answer", "unreachable": True},
        "ftp4": {},
    }
    found = make_report(answers)
    assert found["problems"] == ["ftp2: a problem", "ftp3: does not answer", "ftp4: gave no answer"]
    assert found["lines"][0] == "3 problems, 4 hosts"
    place = "alice on server main: root /home/alice, starts in /home/alice, in force:"
    assert found["lines"][4:] == [
        f"ftp1: {place} /home/alice/.ftpaccess; may not write, proved by a login",
        f"ftp2: {place} none; may write",
    ]
    assert found["hosts"]["ftp3"] == {"users": [], "problems": [], "version": []}


def test_no_problems() -> None:
    assert make_report({"ftp1": {"users": [], "problems": []}})["lines"] == ["No problems, 1 host"]


@pytest.mark.parametrize(("fails", "mode"), [(True, ()), (False, ("--check",))])
def test_hosts_without_an_answer_are_problems(tmp_path: Path, fails: bool, mode: tuple[str, ...]) -> None:
    file = tmp_path / "found.json"
    nobody = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_ssh_common_args": "-o ConnectTimeout=2"}
    given: dict[str, Any] = {
        "ftpaccess_audit_file": str(file),
        "ftpaccess_audit_fail": fails,
        "ftpaccess_audit_config": str(tmp_path / "nosuch.conf"),
    }
    tasks = play_tasks(tmp_path, {"ftp1": {**given, **nobody}, "ftp2": given}, *mode, name="fleetlab.linux.ftpaccess_audit")
    lines = next(result["msg"] for task in tasks for result in task["hosts"].values() if isinstance(result.get("msg"), list))
    assert lines[0] == "2 problems, 2 hosts"
    assert lines[1].startswith("ftp1: ")
    assert "nosuch.conf" in lines[2] or "only root" in lines[2] or "proftpd" in lines[2]
    # Check mode prints the report, and writes nothing.
    assert file.exists() == (not mode)
    assert mode or set(json.loads(file.read_text(encoding="utf-8"))) == {"ftp1", "ftp2"}
    failed = [result["msg"] for task in tasks for result in task["hosts"].values() if result.get("failed")]
    assert len(failed) == int(fails)
