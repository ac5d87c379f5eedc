# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ftpaccess_info as Ansible calls it, where it refuses. tests/network/test_ftpaccess.py runs it on servers."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import ftpaccess_info


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"walk": 6}, "walk: is 6; it has to be 0 to 5 levels"),
        ({"users": ["a:b"]}, "users: 'a:b' is no name of a user"),
        ({"config": "proftpd.conf"}, "config: 'proftpd.conf' is no absolute path"),
    ],
)
def test_wrong_options_are_refused(capsys: pytest.CaptureFixture[str], options: Dict[str, Any], words: str) -> None:
    with patch_module_args(options), pytest.raises(SystemExit):
        ftpaccess_info.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    assert result["failed"]
    assert words in result["msg"]
