# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module tls_info as Ansible calls it, against a server on loopback."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import tls_info
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._tls.servers import handshake, listening, make_context, write_pair


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> Dict[str, Any]:
    """The module's result."""
    with patch_module_args(options), pytest.raises(SystemExit):
        tls_info.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_server_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str], check_mode: bool) -> None:
    context = make_context(write_pair(tmp_path), "ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))
    with listening(handshake(context)) as port:
        result = run(capsys, host="127.0.0.1", port=port, names=["localhost"], without_name=False, _ansible_check_mode=check_mode)
    assert (result["changed"], result["forward_secret"]) == (False, "some")
    (found,) = result["names"]
    assert [suite["openssl_name"] for suite in found["protocols"]["TLSv1.2"]["suites"]] == ["ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA"]
    assert found["protocols"]["TLSv1.2"]["suites"][1] == {
        "id": "0x002f",
        "name": "TLS_RSA_WITH_AES_128_CBC_SHA",
        "openssl_name": "AES128-SHA",
        "key_exchange": "RSA",
        "forward_secrecy": False,
    }
    assert found["without"] == ["TLS_RSA_WITH_AES_128_CBC_SHA"]
    assert result["problems"][0] == f"127.0.0.1:{port} for localhost: 1 suite has no forward secrecy: AES128-SHA"
    assert list(result["ticket_keys"]) == [found["tickets"]["key"]]


def test_a_wrong_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, host="127.0.0.1", names=["192.0.2.1"])
    assert result["failed"]
    assert "names: '192.0.2.1' is no host name" in result["msg"]
