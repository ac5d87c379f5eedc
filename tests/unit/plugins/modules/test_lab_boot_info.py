# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module lab_boot_info as Ansible calls it, for guests that do not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import lab_boot_info


def test_guests_that_do_not_run_end_the_waiting_at_once_with_the_end_of_their_consoles(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("server1", "server2"):
        (tmp_path / "guests" / name).mkdir(parents=True)
        (tmp_path / "guests" / name / "console.log").write_text("line\nKernel panic - not syncing: no root\n")
    options = {"directory": str(tmp_path), "machines": [{"name": "server1"}, {"name": "server2"}], "timeout": 60}
    with patch_module_args(options), pytest.raises(SystemExit):
        lab_boot_info.main()
    result = json.loads(capsys.readouterr().out)
    assert result["failed"] is True
    assert result["booted"] == []
    assert result["msg"] == (
        "server1, server2: ended before it had booted: Kernel panic - not syncing: no root\n"
        "The end of its console:\nline\nKernel panic - not syncing: no root"
    )
