# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations call LIO's library as it wants to be called; here a stand-in that writes down what it was asked."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError, StepError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import Operation, Plan, apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Chap
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target import apply as target_apply
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.apply import operations, require_library
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.state import (
    Boot,
    PathFacts,
    Saved,
    State,
    Wanted,
    WantedAcl,
    WantedLun,
)

IQN = "iqn.2026-01.com.example:one"
CLIENT = "iqn.2026-01.com.example:client"
SECRET = "first-secret-1"

Calls = List[Tuple[Any, ...]]


class StandIn:
    """An object of the library: every call and every assignment is written down."""

    def __init__(self, calls: Calls, name: str) -> None:
        object.__setattr__(self, "_calls", calls)
        object.__setattr__(self, "_name", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._calls.append((self._name, name, value))

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self._calls.append((self._name, name, *arguments))
            if name.startswith("get_"):
                return next(
                    entry[3] for entry in reversed(self._calls) if entry[1] == name.replace("get", "set") and entry[2] == arguments[0]
                )
            return None

        return call


class LibraryError(Exception):
    pass


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    written: Calls = []
    library = types.ModuleType("rtslib_fb")

    def maker(kind: str) -> Any:
        def make(*arguments: Any, **options: Any) -> Any:
            shown = [argument for argument in arguments if not isinstance(argument, StandIn)]
            written.append((kind, *shown, *[option for option in options.items() if option[0] != "mode"]))
            return StandIn(written, kind)

        return make

    for kind in ("RTSRoot", "FabricModule", "Target", "TPG", "LUN", "NodeACL", "MappedLUN", "NetworkPortal"):
        setattr(library, kind, maker(kind))
    library.BlockStorageObject = maker("BlockStorageObject")  # type: ignore[attr-defined]
    library.FileIOStorageObject = maker("FileIOStorageObject")  # type: ignore[attr-defined]
    library.RTSLibError = LibraryError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rtslib_fb", library)
    return written


def run(operation: str, **arguments: Any) -> None:
    apply(Plan(IQN, {}, {}, (Operation(operation, arguments),), (SECRET,)), SystemRunner(), operations())


def last(calls: Calls) -> Tuple[Any, ...]:
    return calls[-1]


def test_every_operation_of_a_plan_exists() -> None:
    path = PathFacts("/dev/a", "block", device="8:0", size=512)
    system = State(Saved("/etc/target/saveconfig.json"), Boot("target.service"), paths={"/dev/a": path})
    wanted = Wanted(IQN, luns=(WantedLun(0, "block", "a", "/dev/a"),), acls=(WantedAcl(CLIENT, Chap("client", SECRET)),))
    used = {step.name for step in plan(system, wanted).steps if isinstance(step, Operation)}
    assert used <= set(operations())


def test_a_new_target_is_not_enabled(calls: Calls) -> None:
    run("create_target", iqn=IQN)
    assert ("Target", IQN) in calls
    assert ("TPG", 1) in calls
    assert not any(entry[1] == "enable" for entry in calls if len(entry) > 1)


def test_attributes_and_parameters(calls: Calls) -> None:
    run("set_target_attribute", iqn=IQN, attribute="login_timeout", value="20")
    run("set_target_attribute", iqn=IQN, attribute="MaxBurstLength", value="524288")
    assert ("TPG", "set_attribute", "login_timeout", "20") in calls
    assert ("TPG", "set_parameter", "MaxBurstLength", "524288") in calls


def test_a_value_the_kernel_ignores_is_an_error(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    ignoring = types.SimpleNamespace(set_attribute=lambda name, value: None, get_attribute=lambda name: "0\n")
    monkeypatch.setattr(target_apply, "_backstore", lambda library, plugin, name: ignoring)
    with pytest.raises(StepError, match="the kernel keeps emulate_tpu at 0"):
        run("set_backstore_attribute", plugin="block", name="a", attribute="emulate_tpu", value="1")


@pytest.mark.parametrize(("portal", "address"), [("192.0.2.1:3260", "192.0.2.1"), ("[2001:db8::1]:3260", "[2001:db8::1]")])
def test_portals(calls: Calls, portal: str, address: str) -> None:
    run("add_portal", iqn=IQN, portal=portal)
    assert last(calls) == ("NetworkPortal", address, 3260)


def test_backstores(calls: Calls) -> None:
    run("create_backstore", plugin="block", name="a", path="/dev/a", serial="s")
    assert last(calls) == ("BlockStorageObject", "a", ("dev", "/dev/a"), ("wwn", "s"))
    run("create_backstore", plugin="fileio", name="f", path="/srv/f", serial="s", size=512, write_back=False)
    assert last(calls) == ("FileIOStorageObject", "f", ("dev", "/srv/f"), ("size", 512), ("wwn", "s"), ("write_back", False))


def test_credentials_are_set_and_cleared(calls: Calls) -> None:
    run("set_chap", iqn=IQN, initiator=CLIENT, username="client", password=SECRET)
    assert [entry[1:] for entry in calls[-4:]] == [
        ("chap_userid", "client"),
        ("chap_password", SECRET),
        ("chap_mutual_userid", ""),
        ("chap_mutual_password", ""),
    ]


def test_mappings(calls: Calls) -> None:
    run("map_lun", iqn=IQN, initiator=CLIENT, lun=3)
    assert last(calls) == ("MappedLUN", 3, 3, ("write_protect", False))
    run("unmap_lun", iqn=IQN, initiator=CLIENT, lun=3)
    assert last(calls) == ("MappedLUN", "delete")
    run("allow_writes", iqn=IQN, initiator=CLIENT, lun=3)
    assert last(calls) == ("MappedLUN", "write_protect", False)


def test_an_error_of_the_library_is_told_without_secrets(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(library: Any, iqn: str, initiator: str) -> Any:
        raise LibraryError(f"cannot write {SECRET}")

    monkeypatch.setattr(target_apply, "_acl", broken)
    with pytest.raises(StepError) as error:
        run("set_chap", iqn=IQN, initiator=CLIENT, username="client", password=SECRET)
    assert "cannot write ********" in str(error.value)
    assert SECRET not in str(error.value)


def test_a_file_is_made_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "f.img"
    run("create_file", path=str(path), size=65536)
    status = path.stat()
    assert (status.st_size, status.st_blocks * 512 >= 65536, status.st_mode & 0o777) == (65536, True, 0o600)
    assert os.listdir(tmp_path) == ["f.img"]


def test_a_file_somebody_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "f.img"
    path.write_text("precious", encoding="utf-8")
    with pytest.raises(StepError, match="File exists"):
        run("create_file", path=str(path), size=65536)
    assert path.read_text(encoding="utf-8") == "precious"
    assert os.listdir(tmp_path) == ["f.img"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, start: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StepError, match="No space left on device"):
        run("create_file", path=str(tmp_path / "f.img"), size=65536)
    assert os.listdir(tmp_path) == []


def test_saving_exchanges_one_target(calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "target/saveconfig.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"targets": [{"wwn": "iqn.other", "fabric": "iscsi", "tpgs": []}], "storage_objects": []}), encoding="utf-8")
    path.chmod(0o644)
    store = types.SimpleNamespace(dump=lambda: {"plugin": "block", "name": "a"})
    group = types.SimpleNamespace(luns=[types.SimpleNamespace(storage_object=store)])
    dump: Dict[str, Any] = {"wwn": IQN, "fabric": "iscsi", "tpgs": [{"tag": 1, "luns": [], "portals": [], "node_acls": []}]}
    target = types.SimpleNamespace(wwn=IQN, fabric_module=types.SimpleNamespace(name="iscsi"), tpgs=[group], dump=lambda: dump)
    monkeypatch.setattr(sys.modules["rtslib_fb"], "RTSRoot", lambda: types.SimpleNamespace(targets=[target]))
    run("save", path=str(path), iqn=IQN)
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert [entry["wwn"] for entry in saved["targets"]] == ["iqn.other", IQN]
    assert saved["storage_objects"] == [{"plugin": "block", "name": "a"}]
    assert path.stat().st_mode & 0o777 == 0o600


def test_in_the_place_of_an_empty_file_all_that_runs_is_saved(calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "saveconfig.json"
    path.write_text("", encoding="utf-8")
    dumps = [
        {"wwn": wwn, "fabric": "iscsi", "tpgs": [{"tag": 1, "luns": [], "portals": [], "node_acls": []}]} for wwn in ("iqn.other", IQN)
    ]
    root = types.SimpleNamespace(
        targets=[
            types.SimpleNamespace(wwn=one["wwn"], fabric_module=types.SimpleNamespace(name="iscsi"), tpgs=[], dump=lambda one=one: one)
            for one in dumps
        ],
        dump=lambda: {"targets": dumps, "storage_objects": [{"plugin": "block", "name": "of another"}]},
    )
    monkeypatch.setattr(sys.modules["rtslib_fb"], "RTSRoot", lambda: root)
    run("save", path=str(path), iqn=IQN)
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert [entry["wwn"] for entry in saved["targets"]] == ["iqn.other", IQN]
    assert saved["storage_objects"] == [{"plugin": "block", "name": "of another"}]


def test_a_missing_library_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ObservationError, match="python3-rtslib-fb"):
        require_library()
