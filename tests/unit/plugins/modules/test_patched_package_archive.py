# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fleetlab.linux.patched_package_archive: what it refuses before it looks at the host."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import patched_package_archive


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_folder_above_the_secret_key_is_refused(capsys: pytest.CaptureFixture[str], check_mode: bool) -> None:
    with patch_module_args({"path": "/var/lib/fleetlab", "_ansible_check_mode": check_mode}), pytest.raises(SystemExit):
        patched_package_archive.main()
    assert "would publish them" in json.loads(capsys.readouterr().out)["msg"]
