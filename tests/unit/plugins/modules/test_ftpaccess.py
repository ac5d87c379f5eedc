# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ftpaccess as Ansible calls it, where it refuses. tests/network/test_ftpaccess.py runs it on servers."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import ftpaccess


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"files": "off", "state": "absent"}, "files: has no effect with state: absent"),
        ({"file": "ours.conf"}, "file: 'ours.conf' is no absolute path"),
        ({"walk": -1}, "walk: is -1"),
    ],
)
def test_wrong_options_are_refused(capsys: pytest.CaptureFixture[str], options: Dict[str, Any], words: str) -> None:
    with patch_module_args(options), pytest.raises(SystemExit):
        ftpaccess.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    assert result["failed"]
    assert words in result["msg"]
