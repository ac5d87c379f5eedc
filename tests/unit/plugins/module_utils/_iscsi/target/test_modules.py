# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules from their arguments to their JSON, on machines made of data."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._core import lock
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Chap, Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target import show
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.options import argument_spec
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.state import (
    Acl,
    Backstore,
    Boot,
    MappedLun,
    PathFacts,
    Saved,
    Session,
    State,
    Target,
)
from ansible_collections.fleetlab.linux.plugins.modules import iscsi_target, iscsi_target_info

IQN = "iqn.2026-01.com.example:one"
CLIENT = "iqn.2026-01.com.example:client"
SECRET = "first-secret-1"
SAVED = Saved("/etc/target/saveconfig.json")
EMPTY = State(SAVED, Boot("target.service"), paths={"/dev/a": PathFacts("/dev/a", "block", device="8:0", size=2**20)})
RUNNING = State(
    SAVED,
    Boot("target.service"),
    targets={
        IQN: Target(
            IQN,
            enabled=True,
            attributes={"authentication": "1"},
            portals={Portal("::1"): "[::1]:3260"},
            luns={0: ("block", "a"), 1: None},
            acls={CLIENT: Acl(CLIENT, Chap("client", SECRET), (MappedLun(0, 0),), "-1", Session(CLIENT, "LOGGED_IN", ("192.0.2.7",)))},
        )
    },
    backstores={("block", "a"): Backstore("block", "a", "/dev/a", "0123456789abcdef0123456789abcdef", 2**20, "8:0")},
)
OPTIONS: Dict[str, Any] = {
    "iqn": IQN,
    "luns": [{"lun": 0, "name": "a", "path": "/dev/a"}],
    "acls": [{"initiator": CLIENT, "chap": {"username": "client", "password": SECRET}}],
}

Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module's main() on the given machine, as root, and return what it printed."""

    def call(module: Any, system: State, options: Dict[str, Any], root: bool = True, **flags: bool) -> Dict[str, Any]:
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        monkeypatch.setattr(iscsi_target, "require_library", lambda: None)
        monkeypatch.setattr(iscsi_target, "observe", lambda wanted, host: system)
        monkeypatch.setattr(iscsi_target_info, "observe_all", lambda host: system)
        with patch_module_args({**options, **{f"_ansible_{name}": value for name, value in flags.items()}}), pytest.raises(SystemExit):
            module.main()
        printed = capsys.readouterr().out
        assert SECRET not in printed
        result: Dict[str, Any] = json.loads(printed)
        return result

    return call


def test_check_mode_shows_the_plan_and_no_secret(run: Run) -> None:
    result = run(iscsi_target, EMPTY, OPTIONS, check_mode=True, diff=True)
    assert result["changed"]
    assert result["target"] is None
    assert ["create_target", f"iqn={IQN}"] in result["commands"]
    assert result["diff"]["before"]["state"] == "absent"
    assert list(result["diff"]["before"]) == list(result["diff"]["after"])


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"iqn": "one"}, "iqn: 'one' is not an iSCSI qualified name"),
        ({"acls": [{"initiator": CLIENT, "chap": {"username": "client", "password": SECRET * 2}}]}, "does not follow the rule"),
        ({"luns": [{"lun": 0, "name": "a", "path": "/dev/a"}] * 2}, "LUN number 0 is given twice"),
    ],
)
def test_wrong_input_gives_the_same_verdict_in_check_mode(run: Run, check_mode: bool, changes: Dict[str, Any], says: str) -> None:
    result = run(iscsi_target, EMPTY, {**OPTIONS, **changes}, check_mode=check_mode, diff=True)
    assert result["failed"]
    assert says in result["msg"]


def test_a_user_without_rights_is_told_what_to_do(run: Run) -> None:
    assert "set become to true" in run(iscsi_target, EMPTY, OPTIONS, root=False)["msg"]
    assert "set become to true" in run(iscsi_target_info, EMPTY, {}, root=False)["msg"]


def test_removing_a_target_in_use_names_the_initiator(run: Run) -> None:
    result = run(iscsi_target, RUNNING, {"iqn": IQN, "state": "absent"})
    assert CLIENT in result["msg"]
    assert "name it in lost_initiators" in result["msg"]


def test_info(run: Run) -> None:
    result = run(iscsi_target_info, RUNNING, {})
    assert not result["changed"]
    target = result["targets"][0]
    assert target["portals"] == [{"host": "::1", "port": 3260}]
    assert [lun["wwn"] for lun in target["luns"]] == ["naa.60014050123456789abcdef012345678"]
    assert target["acls"][0]["chap"] is True
    assert target["sessions"] == [{"initiator": CLIENT, "state": "LOGGED_IN", "addresses": ["192.0.2.7"]}]
    assert target["saved"] is False
    assert run(iscsi_target_info, RUNNING, {"iqn": CLIENT})["targets"] == []


def test_every_key_of_a_target_is_documented(run: Run) -> None:
    target = run(iscsi_target_info, RUNNING, {})["targets"][0]
    documented = yaml.safe_load(iscsi_target.RETURN)["target"]["contains"]
    assert sorted(target) == sorted(documented)
    assert sorted(target["luns"][0]) == sorted(documented["luns"]["contains"])


def test_options_and_documentation_agree() -> None:
    def names(options: Dict[str, Any], inner: str) -> Dict[str, Any]:
        return {name: names(option.get(inner) or {}, inner) for name, option in options.items()}

    documented = yaml.safe_load(iscsi_target.DOCUMENTATION)["options"]
    assert names(documented, "suboptions") == names(argument_spec(), "options")


GONE: Dict[str, Any] = {"iqn": IQN, "state": "absent"}


def test_two_runs_on_one_host_wait_for_one_another(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both merge the same saved file; a run that only looks need not wait."""
    monkeypatch.setattr(lock, "_FOLDER", str(tmp_path))
    monkeypatch.setattr(iscsi_target, "LOCK", replace(iscsi_target.LOCK, timeout=0.2))
    with iscsi_target.LOCK.held():
        refused = run(iscsi_target, EMPTY, GONE)
        assert refused["msg"].startswith("iSCSI targets: another run works on this host, and had not ended after 0.2 s (process ")
        assert run(iscsi_target, EMPTY, OPTIONS, check_mode=True)["changed"] is True
    assert run(iscsi_target, EMPTY, GONE)["changed"] is False


def test_a_run_looks_when_the_other_has_ended(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_FOLDER", str(tmp_path))
    held, events = threading.Event(), []

    def first() -> None:
        with iscsi_target.LOCK.held():
            held.set()
            never.wait(0.3)
            events.append("first ends")

    def looked(_state: State, _wanted: Any, _plan: Any) -> Dict[str, Any]:
        events.append("second looks")
        return {}

    never = threading.Event()
    monkeypatch.setattr(show, "returned", looked)
    other = threading.Thread(target=first)
    other.start()
    held.wait()
    run(iscsi_target, EMPTY, GONE)
    other.join()
    assert events == ["first ends", "second looks"]
