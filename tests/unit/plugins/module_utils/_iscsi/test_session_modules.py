# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules say before they look at a host."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, NoReturn

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.modules import iscsi_session, iscsi_session_info

OPTIONS: dict[str, Any] = {"target": "iqn.2026-01.com.example:one", "portal": {"host": "192.0.2.1"}}

Run = Callable[..., Dict[str, Any]]


def looked() -> NoReturn:
    raise AssertionError("the host was looked at")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module's main() as a user who is not root, and return what it printed."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def call(module: Any, options: dict[str, Any], **flags: bool) -> dict[str, Any]:
        monkeypatch.setattr(module, "observe", looked)
        with patch_module_args({**options, **{f"_ansible_{name}": value for name, value in flags.items()}}), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_user_who_may_not_read_records_is_told_what_to_do(run: Run, check_mode: bool) -> None:
    found = run(iscsi_session, OPTIONS, check_mode=check_mode)
    assert (found["failed"], found["msg"]) == (True, "only root can read and change iSCSI sessions: set become to true")
    found = run(iscsi_session_info, {}, check_mode=check_mode)
    assert (found["failed"], found["msg"]) == (True, "only root can read iSCSI sessions and their records: set become to true")


def test_wrong_input_comes_before_missing_rights(run: Run) -> None:
    assert run(iscsi_session, {**OPTIONS, "target": "one"})["msg"].startswith("target: ")
    assert run(iscsi_session, {"initiator_name": "one"})["msg"].startswith("initiator_name: ")
