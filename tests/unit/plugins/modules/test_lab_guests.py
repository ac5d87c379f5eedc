# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module lab_guests as Ansible calls it, in check mode, where nothing has to exist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible.module_utils.testing import patch_module_args

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
