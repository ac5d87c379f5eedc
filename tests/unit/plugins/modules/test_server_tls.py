# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fleetlab.linux.apache_tls, fleetlab.linux.nginx_tls and fleetlab.linux.proftpd_tls: what is refused before and after the host is read."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any, Dict

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.modules import apache_tls, nginx_tls, proftpd_tls

MODULES = [(apache_tls, "run a2enmod ssl"), (nginx_tls, "no server block listens with ssl"), (proftpd_tls, "install proftpd-mod-crypto")]


def run(module: ModuleType, capsys: pytest.CaptureFixture[str], **options: Any) -> Dict[str, Any]:
    with patch_module_args(options), pytest.raises(SystemExit):
        module.main()
    found: Dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(("module", "remedy"), MODULES)
@pytest.mark.parametrize("check", [False, True])
def test_wrong_options_and_a_host_without_tls_are_refused(
    module: ModuleType, remedy: str, check: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = run(module, capsys, profile="modern", oldest_client="TLSv1.2", _ansible_check_mode=check)
    assert wrong["msg"].startswith("profile: modern speaks only TLS 1.3")
    monkeypatch.setattr(module, "Host", lambda: Host(str(tmp_path)))
    monkeypatch.setattr(module, "require_root", lambda _purpose: None)
    found = run(module, capsys, _ansible_check_mode=True)
    assert remedy in found["msg"]
    assert "Nothing was changed" in found["msg"]
