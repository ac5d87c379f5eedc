# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module lab_kernel as Ansible calls it, in check mode, with a cache that is empty."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import lab_kernel


def test_check_mode_says_what_would_be_brought_and_brings_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = {"kernel": "newest", "cache": str(tmp_path / "cache"), "files": "/f", "_ansible_check_mode": True, "_ansible_diff": True}
    with patch_module_args(options), pytest.raises(SystemExit):
        lab_kernel.main()
    result = json.loads(capsys.readouterr().out)
    assert result["changed"] is True
    assert [argv[0] for argv in result["commands"]] == ["mkdir", "mmdebstrap", "unpack-kernel"]
    assert result["diff"]["before"] == {"kernel of forky": {"kernel": "absent"}}
    assert result["kernel"]["program"] == str(tmp_path / "cache" / "kernel-forky-unknown" / "linux")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({"cache": "/a:b", "files": "/f"}), pytest.raises(SystemExit):
        lab_kernel.main()
    assert "cache: '/a:b'" in json.loads(capsys.readouterr().out)["msg"]
