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


# As rsync --sparse --inplace did, and dd with conv=sparse,notrunc does: seeks over zeros, which are not zeros in the older copy.
SPARSE_IN_PLACE = """
import os, sys
with open(sys.argv[1], "rb") as source, open(sys.argv[2], "r+b" if os.path.exists(sys.argv[2]) else "wb") as target:
    for block in iter(lambda: source.read(4096), b""):
        target.seek(len(block), 1) if block.count(0) == len(block) else target.write(block)
    target.truncate()
"""


def test_copiers_that_update_a_copy_are_tried_over_an_older_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """rsync 114: with --sparse and --inplace the zeros of the source are old data in the copy."""
    commands = ["cp", "dd if={source} of={target} bs=4096 status=none conv=notrunc", ["python3", "-c", SPARSE_IN_PLACE]]
    over = {"paths": [str(tmp_path)], "commands": commands, "rounds": 1, "guard": "never"}
    found = run(capsys, **over, layouts=["holes", "holes_over_data"])["results"]
    assert [(one["layout"], one["verdict"]) for one in found if one["verdict"] != "not_seen"] == [("holes_over_data", "corrupts")] * 2
    longer, stale = (one["first_difference"] for one in found if one["verdict"] == "corrupts")
    assert longer["what"] == "surplus", longer
    assert (stale["offset"], stale["what"]) == (4096, "garbage"), stale
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, paths=[str(tmp_path), str(tmp_path / "no")])
    assert result["failed"]
    assert result["msg"] == f"{tmp_path}/no: is no directory. Nothing was written"
