# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module lab_guests as Ansible calls it, in check mode, where nothing has to exist."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.process import start_time
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.apply.claim import claim
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.options import make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.state import Wanted
from ansible_collections.fleetlab.linux.plugins.modules import lab_guests


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> Dict[str, Any]:
    """The module's result."""
    with patch_module_args({"_ansible_check_mode": True, "_ansible_diff": True, **options}), pytest.raises(SystemExit):
        lab_guests.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.fixture(autouse=True)
def _tun_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether this machine could carry guests is not what these tests are about.
    monkeypatch.setattr("os.access", lambda path, mode: True)


def options(directory: Path) -> Dict[str, Any]:
    """A lab of one guest."""
    guest = {"name": "server1", "address": "10.99.0.11/24", "disks": [{"name": "volume1", "size_mb": 64}]}
    return {"directory": str(directory / "lab"), "image": {"root": "/srv/root.ext4"}, "guests": [guest]}


def test_check_mode_shows_the_plan_and_makes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = run(capsys, **options(tmp_path))
    assert result["changed"] is True
    assert [argv[0] for argv in result["commands"]][-1] == "start-guest"
    assert result["diff"]["before"]["guests"] == {"server1": "absent"}
    assert result["diff"]["after"]["guests"] == {"server1": "running"}
    assert result["guests"][0]["disks"] == [{"name": "volume1", "device": "/dev/ubdb", "size": 64 * 1024 * 1024}]
    assert list(tmp_path.iterdir()) == []


def test_a_lab_that_is_not_there_needs_no_removal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, directory=str(tmp_path / "lab"), state="absent")["changed"] is False


def test_a_folder_with_other_things_in_it_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "thesis.tex").touch()
    result = run(capsys, directory=str(tmp_path / "lab"), state="absent")
    assert result["failed"] is True
    assert "thesis.tex" in result["msg"]


def test_a_guest_outside_the_network_is_refused_by_its_option(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wrong = options(tmp_path)
    wrong["guests"][0]["address"] = "192.0.2.1/24"
    result = run(capsys, **wrong)
    assert result["failed"] is True
    assert result["msg"].startswith("guests.address: 192.0.2.1/24 of server1")


def test_a_lab_may_hold_the_directories_of_others(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = tmp_path / "lab" / "other"
    other.mkdir(parents=True)
    (other / "lab-token").write_text("other-0123456789\n")
    assert run(capsys, **options(tmp_path))["changed"] is True
    assert run(capsys, directory=str(tmp_path / "lab"), state="absent")["changed"] is False


@pytest.fixture
def others() -> Iterator[subprocess.Popen[bytes]]:
    """Another process that may have claimed a lab."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def empty_lab(directory: Path) -> Wanted:
    """The same lab without a guest."""
    given = {
        "name": "lab",
        "backend": "uml",
        "gateway": "10.99.0.1/24",
        "mtu": 9000,
        "guests": [],
        "state": "present",
        "exclusive_to": None,
    }
    return make_wanted({**options(directory), **given}, False, lab_guests.BACKENDS)


def test_a_lab_belongs_to_one_run_at_a_time(capsys: pytest.CaptureFixture[str], tmp_path: Path, others: subprocess.Popen[bytes]) -> None:
    lab = empty_lab(tmp_path)
    claim(lab, others.pid, check_mode=True, host=Host())
    assert list(tmp_path.iterdir()) == []
    claim(lab, others.pid, check_mode=False, host=Host())
    claim(lab, others.pid, check_mode=False, host=Host())
    for changes in ({}, {"state": "absent"}):
        result = run(capsys, **{**options(tmp_path), **changes}, exclusive_to=os.getpid())
        assert result["failed"] is True
        assert f"another run works on it, process {others.pid} (sleep 60)" in result["msg"]
    assert f"another run works on it, process {others.pid} (sleep 60)" in run(capsys, **options(tmp_path))["msg"]
    assert run(capsys, **options(tmp_path), exclusive_to=others.pid)["changed"] is True
    # Check mode took nothing over, and a run that was killed holds nothing.
    others.kill()
    others.wait()
    assert run(capsys, **options(tmp_path), exclusive_to=os.getpid())["changed"] is True
    claim(lab, os.getpid(), check_mode=False, host=Host())


def test_a_task_without_a_process_claims_the_lab_for_itself(tmp_path: Path) -> None:
    lab = empty_lab(tmp_path)
    (tmp_path / "lab").mkdir()
    lab_guests.observe_claimed(lab, Host(), check_mode=False)
    assert (tmp_path / "lab" / "lock").read_text() == f"{os.getpid()} {start_time(Host(), os.getpid())}\n"


def test_a_process_that_got_the_id_of_a_former_run_is_not_taken_for_it(tmp_path: Path, others: subprocess.Popen[bytes]) -> None:
    lab = empty_lab(tmp_path)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "lock").write_text(f"{others.pid} 1\n")
    claim(lab, os.getpid(), check_mode=False, host=Host())
    assert (tmp_path / "lab" / "lock").read_text() == f"{os.getpid()} {start_time(Host(), os.getpid())}\n"


def test_only_a_running_process_can_claim_a_lab(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "exclusive_to: there is no process 4194305" in run(capsys, **options(tmp_path), exclusive_to=4194305)["msg"]
