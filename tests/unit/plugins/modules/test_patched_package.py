# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fleetlab.linux.patched_package and fleetlab.linux.patched_package_info: what they refuse before they look at the host."""

from __future__ import annotations

import json
import os
from typing import Any, Dict

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import patched_package, patched_package_info


def run(module: Any, capsys: pytest.CaptureFixture[str], **options: Any) -> Dict[str, Any]:
    """The module's result."""
    with patch_module_args(options), pytest.raises(SystemExit):
        module.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize("check_mode", [False, True])
def test_wrong_options_are_refused(capsys: pytest.CaptureFixture[str], check_mode: bool) -> None:
    result = run(patched_package, capsys, name="a/b", debs=["/a.deb"], _ansible_check_mode=check_mode)
    assert result["msg"].startswith("name: 'a/b' is no name of a Debian package")
    result = run(patched_package, capsys, name="hello", state="built", patches=["/fix.patch"], suffix="+patched")
    assert result["msg"].startswith("suffix: is '+patched'")
    result = run(patched_package_info, capsys, names=["a b"])
    assert result["msg"].startswith("names: 'a b' is no name of a Debian package")


def test_packages_ask_no_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patched_package, "run", lambda *_arguments: None)
    monkeypatch.setenv("DEBIAN_FRONTEND", "text")
    with patch_module_args({"name": "hello", "state": "absent"}):
        monkeypatch.delenv("DEBIAN_FRONTEND")
        patched_package.main()
    assert os.environ["DEBIAN_FRONTEND"] == "noninteractive"
