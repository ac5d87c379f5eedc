# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The saved file: one target's entries are exchanged, everything else stays."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Chap, Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.saved import merge, parse_saved, read_saved, render
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.state import MappedLun

IQN = "iqn.2026-01.com.example:probe"
CLIENT = "iqn.2026-01.com.example:client"
PATH = "/etc/target/saveconfig.json"


@pytest.fixture
def document(saved_text: str) -> Dict[str, Any]:
    loaded: Dict[str, Any] = json.loads(saved_text)
    return loaded


def group(of: Dict[str, Any], iqn: str = IQN) -> Dict[str, Any]:
    found: Dict[str, Any] = next(target for target in of["targets"] if target["wwn"] == iqn)["tpgs"][0]
    return found


def test_the_recorded_file(saved_text: str) -> None:
    saved = parse_saved(PATH, saved_text)
    target = saved.targets[IQN]
    assert target.enabled
    assert target.acls[CLIENT].chap == Chap("foo", "barbarbarbar", "tgt", "mutualmutual")
    assert sorted(target.acls[CLIENT].mapped, key=lambda entry: entry.index) == [MappedLun(0, 0), MappedLun(1, 1)]
    assert dict(target.luns) == {0: ("block", "probe-b"), 1: ("fileio", "probe-f")}
    assert dict(target.portals) == {Portal("0.0.0.0", 3260): "0.0.0.0:3260", Portal("::1", 3261): "[::1]:3261"}
    assert saved.backstores["block", "probe-b"].serial == "2ce3e23d-54b9-429d-9a80-e3a5863d1221"
    assert "barbarbarbar" not in repr(target)


def test_it_is_written_as_the_library_writes_it(saved_text: str, document: Dict[str, Any]) -> None:
    assert render(document) == saved_text


@pytest.mark.parametrize("text", ["", "\n", "\0\0\0\0"])
def test_an_empty_file_holds_nothing(text: str) -> None:
    assert parse_saved(PATH, text).document is None


@pytest.mark.parametrize("text", ["{", '{"targets": [{"fabric": "iscsi"}]}', "[]", '{"targets": 5}', "null"])
def test_a_damaged_file_is_not_overwritten(text: str) -> None:
    with pytest.raises(ObservationError, match="is damaged"):
        parse_saved(PATH, text)


def test_no_file(tmp_path: Path) -> None:
    assert read_saved(Host(str(tmp_path)), PATH).document is None


@pytest.mark.parametrize(("mode", "private"), [(0o600, True), (0o644, False), (0o640, False)])
def test_others_may_not_read_it(saved_text: str, tmp_path: Path, mode: int, private: bool) -> None:
    file = tmp_path / "etc/target/saveconfig.json"
    file.parent.mkdir(parents=True)
    file.write_text(saved_text, encoding="utf-8")
    file.chmod(mode)
    assert read_saved(Host(str(tmp_path)), PATH).private is private


@pytest.fixture
def foreign(document: Dict[str, Any]) -> Dict[str, Any]:
    """The recorded file and in it a target whose disk is missing today, a fabric of another kind, and what newer tools may add."""
    more = document
    other = copy.deepcopy(more["targets"][0])
    other["wwn"] = "iqn.2026-01.com.example:other"
    more["targets"].insert(0, other)
    more["targets"].append({"fabric": "loopback", "wwn": "naa.5001405", "tpgs": []})
    more["storage_objects"].append({"plugin": "block", "name": "missing", "dev": "/dev/gone", "wwn": "x"})
    more["fabric_modules"] = [{"name": "iscsi", "discovery_enable_auth": True}]
    more["from_a_newer_version"] = 1
    return more


def test_merging_what_is_saved_already_changes_nothing(foreign: Dict[str, Any]) -> None:
    before = foreign
    stores: List[Dict[str, Any]] = before["storage_objects"][:2]
    running = copy.deepcopy(next(target for target in before["targets"] if target["wwn"] == IQN))
    assert merge(before, IQN, running, stores) == before


def test_only_the_own_entries_are_exchanged(foreign: Dict[str, Any]) -> None:
    before = foreign
    running = copy.deepcopy(next(target for target in before["targets"] if target["wwn"] == IQN))
    running["tpgs"][0]["attributes"]["login_timeout"] = 20
    store = {**before["storage_objects"][0], "wwn": "changed"}
    after = merge(before, IQN, running, [store])
    assert group(after)["attributes"]["login_timeout"] == 20
    assert after["storage_objects"][0] == store
    assert after["storage_objects"][1:] == before["storage_objects"][1:]
    assert [target for target in after["targets"] if target["wwn"] != IQN] == [
        target for target in before["targets"] if target["wwn"] != IQN
    ]
    assert after["fabric_modules"] == before["fabric_modules"]
    assert after["from_a_newer_version"] == 1


def test_removal(foreign: Dict[str, Any]) -> None:
    before = foreign
    after = merge(before, IQN, None, [], forget=["block/probe-b", "fileio/probe-f"])
    assert [target["wwn"] for target in after["targets"]] == ["iqn.2026-01.com.example:other", "naa.5001405"]
    assert [entry["name"] for entry in after["storage_objects"]] == ["missing"]


def test_into_no_file(document: Dict[str, Any]) -> None:
    running, stores = document["targets"][0], document["storage_objects"]
    assert merge(None, IQN, running, stores) == {"fabric_modules": [], "storage_objects": stores, "targets": [running]}


def test_what_does_not_run_now_stays_where_asked(document: Dict[str, Any]) -> None:
    before = document
    running = copy.deepcopy(before["targets"][0])
    now = running["tpgs"][0]
    now["luns"] = [lun for lun in now["luns"] if lun["index"] == 0]
    now["portals"] = now["portals"][:1]
    now["node_acls"][0]["mapped_luns"] = [entry for entry in now["node_acls"][0]["mapped_luns"] if entry["index"] == 0]
    group(before)["node_acls"].append({"node_wwn": "iqn.2026-01.com.example:old", "mapped_luns": []})
    missing_portal = [f"{portal['ip_address']}:{portal['port']}" for portal in group(before)["portals"] if portal not in now["portals"]]
    after = group(merge(before, IQN, running, [], keep_luns=[1], keep_portals=missing_portal, keep_acls=["iqn.2026-01.com.example:old"]))
    assert sorted(lun["index"] for lun in after["luns"]) == [0, 1]
    assert len(after["portals"]) == 2
    assert [acl["node_wwn"] for acl in after["node_acls"]] == [CLIENT, "iqn.2026-01.com.example:old"]
    assert sorted(entry["index"] for entry in after["node_acls"][0]["mapped_luns"]) == [0, 1]
    exact = group(merge(before, IQN, running, [], keep_luns=[1], exact_acls=[CLIENT]))
    assert [entry["index"] for entry in exact["node_acls"][0]["mapped_luns"]] == [0]
    assert merge(before, IQN, running, [])["targets"] == [running]
