# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules say before they look at a host."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, NoReturn

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._core import lock
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.session.state import State
from ansible_collections.fleetlab.linux.plugins.modules import iscsi_session, iscsi_session_info

OPTIONS: dict[str, Any] = {"target": "iqn.2026-01.com.example:one", "portal": {"host": "192.0.2.1"}}

Run = Callable[..., Dict[str, Any]]


def looked(*_arguments: Any) -> NoReturn:
    raise AssertionError("the host was looked at")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module's main() as a user who is not root, and return what it printed."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def call(module: Any, options: dict[str, Any], **flags: bool) -> dict[str, Any]:
        monkeypatch.setattr(module, "read_state", looked)
        monkeypatch.setattr(iscsi_session, "observe", looked)
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


def run_as_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **flags: bool) -> Dict[str, Any]:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    options = {"initiator_name": "iqn.2026-01.com.example:client", **{f"_ansible_{name}": value for name, value in flags.items()}}
    with patch_module_args(options), pytest.raises(SystemExit):
        iscsi_session.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_two_runs_on_one_host_wait_for_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both edit the same records; a run that only looks need not wait."""
    monkeypatch.setattr(lock, "_FOLDER", str(tmp_path))
    monkeypatch.setattr(iscsi_session, "LOCK", replace(iscsi_session.LOCK, timeout=0.2))
    there = State("iqn.2026-01.com.example:client", "", (), ())
    monkeypatch.setattr(iscsi_session, "observe", lambda wanted, runner, host: there)
    with iscsi_session.LOCK.held():
        refused = run_as_root(monkeypatch, capsys)
        assert refused["msg"].startswith("iSCSI sessions: another run works on this host, and had not ended after 0.2 s (process ")
        assert run_as_root(monkeypatch, capsys, check_mode=True)["changed"] is False
    assert run_as_root(monkeypatch, capsys)["changed"] is False


def test_a_run_looks_when_the_other_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(lock, "_FOLDER", str(tmp_path))
    held, events = threading.Event(), []

    def first() -> None:
        with iscsi_session.LOCK.held():
            held.set()
            never.wait(0.3)
            events.append("first ends")

    def observe(_wanted: Any, _runner: Any, _host: Any) -> State:
        events.append("second looks")
        return State("iqn.2026-01.com.example:client", "", (), ())

    never = threading.Event()
    monkeypatch.setattr(iscsi_session, "observe", observe)
    other = threading.Thread(target=first)
    other.start()
    held.wait()
    run_as_root(monkeypatch, capsys)
    other.join()
    assert events == ["first ends", "second looks"]
