# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules themselves, on recorded answers of a host."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible.module_utils import basic

from ansible_collections.fleetlab.linux.plugins.module_utils._core import lock as lock_module
from ansible_collections.fleetlab.linux.plugins.module_utils._md.options import ENTRIES, argument_spec
from ansible_collections.fleetlab.linux.plugins.modules import md_array, md_array_info
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import (
    RecordedHost,
    RecordedRunner,
)

MEMBERS = ["/dev/disk/by-path/platform-uml-blkdev.1", "/dev/ubdc", "/dev/ubdd"]


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the module locks; nothing waits long for it."""
    assert (md_array.LOCK.name, md_array.LOCK.timeout) == ("md_array", 300.0)
    monkeypatch.setattr(lock_module, "_FOLDER", str(tmp_path / "run"))
    monkeypatch.setattr(md_array, "LOCK", replace(md_array.LOCK, timeout=0.3))
    return Path(md_array.LOCK.path)


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lock: Path) -> Any:
    """Run a module with options on a recorded host, as root; gives what it prints."""

    def run_module(module: Any, scenario: str, options: Dict[str, Any], root: bool = True) -> Dict[str, Any]:
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        host = RecordedHost.load(folder / f"{scenario}.json")
        monkeypatch.setattr(module, "Probe", lambda: host)
        if hasattr(module, "host_runner"):
            monkeypatch.setattr(module, "host_runner", lambda: RecordedRunner(host.answers))
        text = json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_remote_tmp": "/nonexistent", "_ansible_keep_remote_files": False}})
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", text.encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        with pytest.raises(SystemExit):
            module.main()
        printed: Dict[str, Any] = json.loads(capsys.readouterr().out)
        return printed

    return run_module


def test_a_running_array_is_unchanged(run: Any) -> None:
    result = run(md_array, "stripe", {"name": "md1", "level": "raid1e", "devices": MEMBERS, "persist": False})
    assert not result["changed"], result
    assert result["array"]["layout_word"] == 66305
    assert result["arrays"] == [result["array"]]


def test_check_mode_shows_the_plan_and_what_would_be(run: Any) -> None:
    options = {"arrays": [{"name": "md1", "level": "raid1e", "devices": MEMBERS}], "_ansible_check_mode": True, "_ansible_diff": True}
    result = run(md_array, "blank", options)
    assert result["changed"]
    assert "array" not in result
    assert [array["state"] for array in result["arrays"]] == ["running"]
    assert [argv[0] for argv in result["commands"] if argv[0] == "mdadm"] == ["mdadm"]
    assert result["diff"]["before"] == {"md1": {"state": "absent", "mdadm_conf": []}}
    assert result["diff"]["after"]["md1"]["layout"] == "o3"


def test_refusals_are_the_same_in_check_mode(run: Any) -> None:
    options = {"name": "md1", "level": "raid1e", "devices": MEMBERS}
    first = run(md_array, "in-use", options)
    second = run(md_array, "in-use", {**options, "_ansible_check_mode": True})
    assert first["failed"]
    assert first["msg"] == second["msg"]
    assert "is mounted on /mnt" in first["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one of the following is required: name, arrays, release"),
        ({"name": "md1", "arrays": []}, "mutually exclusive: arrays|name"),
        ({"arrays": [{"name": "md1"}], "wait": "none", "replace_failed": True}, "mutually exclusive: arrays|replace_failed, arrays|wait"),
        ({"name": "md1", "level": "raid7", "devices": MEMBERS}, "value of level must be one of"),
        ({"arrays": [{"name": "md1", "level": "raid9", "devices": MEMBERS}]}, "value of level must be one of"),
        ({"arrays": [{"name": "md1", "level": "raid1", "devices": []}]}, "arrays[0].devices: is needed"),
        ({"name": "md1", "level": "raid10", "layout": "o4", "devices": MEMBERS}, "layout: 'o4' asks for 4 copies"),
        ({"arrays": []}, "arrays: is empty"),
        ({"name": "md1", "release": []}, "mutually exclusive: release|name"),
        ({"arrays": [{"name": "md1"}], "release": []}, "mutually exclusive: release|arrays"),
        ({"release": ["sdb"]}, "release: 'sdb' is not an absolute path"),
    ],
)
def test_wrong_options_fail_by_name(run: Any, options: Dict[str, Any], message: str) -> None:
    result = run(md_array, "blank", options, root=False)
    assert result["failed"]
    assert message in result["msg"]


def test_suboptions_are_the_options_and_have_the_same_defaults() -> None:
    spec = argument_spec()
    entry = spec["arrays"]["options"]
    assert set(entry) == set(spec) - {"arrays", "release"}
    defaults = {name: option["default"] for name, option in entry.items() if "default" in option}
    assert {name: {**spec[name], "default": defaults[name]} if name in defaults else spec[name] for name in entry if name != "name"} == {
        name: option for name, option in entry.items() if name != "name"
    }
    (found,) = ENTRIES.read({"name": "md1", "wait": "sync", **dict.fromkeys(spec.keys() - {"name", "wait"})})
    given = {name: value for name, value in found.options.items() if value is not None}
    assert (found.prefix, given) == ("", {"name": "md1", **defaults, "wait": "sync"})


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_user_who_may_not_read_superblocks_is_told_what_to_do(run: Any, lock: Path, check_mode: bool) -> None:
    options = {"name": "md1", "level": "raid1e", "devices": MEMBERS, "_ansible_check_mode": check_mode}
    found = run(md_array, "stripe", options, root=False)["msg"]
    assert found == "only root can read and change md arrays: set become to true"
    assert "set become to true" in run(md_array_info, "stripe", {}, root=False)["msg"]
    assert not lock.exists()


def test_one_run_at_a_time_works_on_the_arrays_of_a_host(run: Any, lock: Path) -> None:
    options = {"name": "md1", "level": "raid1e", "devices": MEMBERS, "persist": False}
    with md_array.LOCK.held():
        start = time.monotonic()
        found = run(md_array, "stripe", options)["msg"]
        assert found.startswith("md arrays: another run works on this host, and had not ended after 0.3 s")
        assert str(lock) in found
        assert time.monotonic() - start >= 0.3
        assert "failed" not in run(md_array, "stripe", {**options, "_ansible_check_mode": True})
    assert "failed" not in run(md_array, "stripe", options)


def test_check_mode_makes_no_lock_file(run: Any, lock: Path) -> None:
    assert run(md_array, "blank", {"name": "md1", "level": "raid1e", "devices": MEMBERS, "_ansible_check_mode": True})["changed"]
    assert not lock.exists()


def test_the_info_module_reports_arrays_by_either_name(run: Any) -> None:
    everything = run(md_array_info, "stripe", {})
    assert [array["name"] for array in everything["arrays"]] == ["md1", "md2", "md99"]
    assert not everything["changed"]
    assert "unused" not in everything
    assert [array["label"] for array in run(md_array_info, "raid5-spare", {"names": ["data"]})["arrays"]] == ["b1:data"]
    assert [array["label"] for array in run(md_array_info, "raid5-spare", {"names": ["md127"]})["arrays"]] == ["b1:data"]
    assert run(md_array_info, "stripe", {"names": ["md7"]})["arrays"] == []
    assert [entry["device"] for entry in run(md_array_info, "foreign", {"examine": True})["unused"]] == ["/dev/ubde", "/dev/ubdf"]


RELEASED = {"array": "md1", "device": "/dev/ubdc", "by_path": "/dev/disk/by-path/platform-uml-blkdev.2"}


def test_members_are_released_as_check_mode_shows_it(run: Any) -> None:
    first = run(md_array, "stripe", {"release": ["/dev/ubdc"], "_ansible_check_mode": True, "_ansible_diff": True})
    second = run(md_array, "stripe", {"release": ["/dev/ubdc"]})
    assert first["commands"] == second["commands"]
    assert [argv[:4] for argv in first["commands"]] == [
        ["mdadm", "--manage", "/dev/md1", "--fail"],
        ["remove_member", "array=/dev/md1", "device=ubdc"],
    ]
    assert first["released"] == second["released"] == [RELEASED]
    assert [member["device"] for member in first["arrays"][0]["members"]] == ["/dev/ubdb", "/dev/ubdd"]
    assert (first["arrays"][0]["health"], first["arrays"][0]["degraded"]) == ("degraded", 1)
    assert len(first["diff"]["before"]["md1"]["members"]) == len(first["diff"]["after"]["md1"]["members"]) + 1
    assert "array" not in first


def test_an_array_that_needs_its_members_keeps_them(run: Any) -> None:
    result = run(md_array, "degraded", {"release": ["/dev/ubdd"]})
    assert result["failed"]
    assert result["msg"].startswith("release of /dev/ubdd: refused: array md1: it is degraded already: without /dev/ubdd only /dev/ubdb")
    assert "failed_step" not in result
    assert run(md_array, "degraded", {"release": ["/dev/ubdd"], "_ansible_check_mode": True})["msg"] == result["msg"]


def test_members_that_have_gone_are_no_change(run: Any) -> None:
    for paths in (["/dev/ubdc"], ["/dev/nosuch"], []):
        result = run(md_array, "degraded", {"release": paths})
        assert (result["changed"], result["released"], result["arrays"], result["commands"]) == (False, [], [], [])


def test_the_info_module_tells_what_is_wrong(run: Any) -> None:
    found = run(md_array_info, "degraded", {"names": ["md1"]})["arrays"][0]
    assert found["problems"] == [
        "array md1 (/dev/md1) is degraded: 2 of 3 members hold current data; bring its members back (replace_failed)"
    ]
    assert not found["restart_needed"]
    assert all(array["problems"] == [] for array in run(md_array_info, "stripe", {})["arrays"])
