# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module private_tmp as Ansible calls it, in both of its forms."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._core import lock as lock_module
from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Plan
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.show import returned, with_shared_of
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.state import Shared, State, Unit
from ansible_collections.fleetlab.linux.plugins.modules import private_tmp


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    """The module's result."""
    with patch_module_args(options), pytest.raises(SystemExit):
        private_tmp.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.fixture
def short_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lock:
    """The module's lock in a folder of its own, for which a run waits a moment only."""
    monkeypatch.setattr(lock_module, "_FOLDER", str(tmp_path / "locks"))
    monkeypatch.setattr(private_tmp, "LOCK", Lock(private_tmp.LOCK.name, private_tmp.LOCK.objects, timeout=0.2))
    monkeypatch.setattr(private_tmp, "require", lambda host: None)
    return private_tmp.LOCK


def test_two_runs_on_one_host_wait_for_each_other(capsys: pytest.CaptureFixture[str], short_lock: Lock, tmp_path: Path) -> None:
    path = str(tmp_path / "private-tmp")
    with short_lock.held():
        for form in ({"launcher": path}, {"service": "demo"}):
            assert run(capsys, **form)["msg"].startswith("private /tmp: another run works on this host")
        # Check mode changes nothing, and does not wait.
        assert run(capsys, launcher=path, _ansible_check_mode=True)["changed"]
    if os.geteuid() == 0:
        assert run(capsys, launcher=path)["changed"]
        assert not run(capsys, launcher=path)["changed"]
        assert os.stat(path).st_mode & 0o777 == 0o755
    assert (short_lock.name, short_lock.path) == ("private_tmp", f"{tmp_path}/locks/private_tmp.lock")


def test_root_is_needed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "only root can give a process a private /tmp" in run(capsys, service="demo")["msg"]


def test_files_that_were_shared_before_a_restart_are_returned_after_it() -> None:
    before = State(Unit("demo.service"), shared=(Shared("/tmp/a.sock", "socket", ("php[3]",)),))
    plan = Plan("demo.service", {}, {"restart_needed": False})
    result = returned(with_shared_of(before, State(Unit("demo.service"), gid=33)), Wanted("demo.service"), plan)
    assert result["shared"] == [{"path": "/tmp/a.sock", "kind": "socket", "users": ["php[3]"]}]
    assert (result["restart_needed"], result["problems"], result["proof"]) == (False, [], [])
