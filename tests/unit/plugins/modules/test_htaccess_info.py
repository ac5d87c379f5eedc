# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module htaccess_info as Ansible calls it, where it refuses. tests/network/test_htaccess.py runs it on servers."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import htaccess_info


def test_a_relative_path_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({"paths": ["srv/www"]}), pytest.raises(SystemExit):
        htaccess_info.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    assert result["failed"]
    assert "paths: 'srv/www' is no absolute path" in result["msg"]
