# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module copy_check as Ansible calls it, on the file system of this test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import copy_check


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> Dict[str, Any]:
    """The module's result."""
    with patch_module_args(options), pytest.raises(SystemExit):
        copy_check.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_copies_are_checked_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = ["cp", ["sh", "-c", 'head -c 5000 "$1" > "$2"', "short"], "no-such-copier"]
    result = run(capsys, paths=[str(tmp_path)], commands=commands, layouts=["holes"], rounds=1, guard="never")
    right, short, missing = result["results"]
    assert (right["equal"], right["copies"], right["first_difference"]) == (True, 1, None)
    assert (short["verdict"], short["first_difference"]["offset"], short["first_difference"]["what"]) == ("corrupts", 5000, "missing")
    assert (missing["verdict"], missing["version"], missing["affected_by_version"]) == ("inconclusive", "", None)
    assert "no-such-copier was not found on this host" in missing["reason"]
    assert (result["verdict"], result["changed"]) == ("corrupts", False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, paths=[str(tmp_path), str(tmp_path / "no")])
    assert result["failed"]
    assert result["msg"] == f"{tmp_path}/no: is no directory. Nothing was written"
