# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LIO's configfs tree, as it was recorded on a 6.1 kernel with a session logged in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Chap, Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.configfs import (
    device_of,
    parse_session,
    read_backstores,
    read_exports,
    read_targets,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.observe import observe_all
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.show import describe_target
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.state import MappedLun, Session

FIXTURES = Path(__file__).parents[5] / "fixtures"
IQN = "iqn.2026-01.com.example:probe"
CLIENT = "iqn.2026-01.com.example:client"


@pytest.fixture
def root(tmp_path: Path, saved_text: str) -> Path:
    """The recorded tree; names with colons are not files of the repository."""
    recorded = json.loads((FIXTURES / "configfs/6.1/one_target.json").read_text(encoding="utf-8"))
    for name, content in recorded.items():
        path = tmp_path / "sys/kernel/config/target" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif "link" in content:
            path.symlink_to(content["link"])
        else:
            path.mkdir(exist_ok=True)
    saved = tmp_path / "etc/rtslib-fb-target/saveconfig.json"
    saved.parent.mkdir(parents=True)
    saved.write_text(saved_text, encoding="utf-8")
    disk = tmp_path / "sys/dev/block/98:16"
    disk.mkdir(parents=True)
    (disk / "size").write_text("1048576\n", encoding="utf-8")
    return tmp_path


def group(root: Path) -> Path:
    return root / "sys/kernel/config/target/iscsi" / IQN / "tpgt_1"


def test_backstores(root: Path) -> None:
    stores = read_backstores(Host(str(root)))
    block, file = stores["block", "probe-b"], stores["fileio", "probe-f"]
    assert (block.path, block.device, block.size) == ("/dev/ubdb", "98:16", 2**29)
    assert block.serial == "2ce3e23d-54b9-429d-9a80-e3a5863d1221"
    # What the initiator showed in /sys/block/sda/device/wwid at the time of the recording.
    assert block.wwn == "naa.60014052ce3e23d54b9429d9a80e3a58"
    assert (file.path, file.size, file.configured) == ("/var/tmp/probe.img", 67108864, True)
    assert block.attributes["is_nonrot"] == "1"


def test_the_target(root: Path) -> None:
    target = read_targets(Host(str(root)))[IQN]
    assert target.enabled
    assert dict(target.portals) == {Portal("0.0.0.0", 3260): "0.0.0.0:3260", Portal("::1", 3261): "[::1]:3261"}
    assert dict(target.luns) == {0: ("block", "probe-b"), 1: ("fileio", "probe-f")}
    assert target.attributes["authentication"] == "1"
    assert target.attributes["MaxBurstLength"] == "262144"
    acl = target.acls[CLIENT]
    assert acl.chap == Chap("foo", "barbarbarbar", "tgt", "mutualmutual")
    assert acl.mapped == (MappedLun(0, 0), MappedLun(1, 1))
    assert acl.authentication == "-1"
    assert acl.session == Session(CLIENT, "LOGGED_IN", ("127.0.0.1",))


def test_exports(root: Path) -> None:
    assert read_exports(Host(str(root))) == {("block", "probe-b"): {IQN}, ("fileio", "probe-f"): {IQN}}


def test_the_saved_file_of_the_same_moment_is_the_same(root: Path) -> None:
    view = describe_target(observe_all(Host(str(root))), IQN)
    assert view is not None
    assert view["saved"] is True


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"iscsi/{IQN}/tpgt_1/enable", "0"),
        (f"iscsi/{IQN}/tpgt_1/attrib/authentication", "0"),
        (f"iscsi/{IQN}/tpgt_1/acls/{CLIENT}/auth/password", "somethingelse"),
        (f"iscsi/{IQN}/tpgt_1/acls/{CLIENT}/lun_0/write_protect", "1"),
        ("core/iblock_0/probe-b/attrib/is_nonrot", "0"),
        ("core/iblock_0/probe-b/udev_path", "/dev/ubdc"),
    ],
)
def test_and_after_a_change_it_is_not(root: Path, path: str, content: str) -> None:
    (root / "sys/kernel/config/target" / path).write_text(content, encoding="utf-8")
    view = describe_target(observe_all(Host(str(root))), IQN)
    assert view is not None
    assert view["saved"] is False


def test_the_description_holds_no_secret(root: Path) -> None:
    system = observe_all(Host(str(root)))
    shown = json.dumps(describe_target(system, IQN)) + repr(system.targets)
    assert "barbarbarbar" not in shown
    assert "mutualmutual" not in shown
    view: Any = describe_target(system, IQN)
    attributes = view["acls"][0].pop("attributes")
    assert (attributes["nopin_timeout"], "authentication" in attributes) == ("15", False)
    assert view["acls"] == [
        {
            "initiator": CLIENT,
            "chap": True,
            "mutual_chap": True,
            "luns": [
                {"lun": 0, "target_lun": 0, "write_protect": False},
                {"lun": 1, "target_lun": 1, "write_protect": False},
            ],
        }
    ]
    assert view["sessions"] == [{"initiator": CLIENT, "state": "LOGGED_IN", "addresses": ["127.0.0.1"]}]


def test_what_an_interrupted_run_leaves_is_recognised(root: Path) -> None:
    (group(root) / "lun/lun_7").mkdir()
    (group(root) / f"acls/{CLIENT}/lun_7").mkdir()
    store = root / "sys/kernel/config/target/core/iblock_5/half"
    store.mkdir(parents=True)
    (store / "enable").write_text("0\n", encoding="utf-8")
    target = read_targets(Host(str(root)))[IQN]
    assert target.luns[7] is None
    assert MappedLun(7, None) in target.acls[CLIENT].mapped
    assert read_backstores(Host(str(root)))["block", "half"].configured is False


def test_cleared_credentials_are_none(root: Path) -> None:
    for name in ("userid", "password", "userid_mutual", "password_mutual"):
        (group(root) / f"acls/{CLIENT}/auth/{name}").write_text("NULL\n", encoding="utf-8")
    assert read_targets(Host(str(root)))[IQN].acls[CLIENT].chap is None


def test_initiators_without_an_acl_are_seen(root: Path) -> None:
    (group(root) / "dynamic_sessions").write_text("iqn.2026-01.com.example:guest\0iqn.2026-01.com.example:more\0", encoding="utf-8")
    names = [session.initiator for session in read_targets(Host(str(root)))[IQN].sessions]
    assert names == [CLIENT, "iqn.2026-01.com.example:guest", "iqn.2026-01.com.example:more"]


def test_other_groups_are_seen(root: Path) -> None:
    (group(root).parent / "tpgt_2").mkdir()
    assert read_targets(Host(str(root)))[IQN].other_groups == (2,)


def test_nothing_loaded(tmp_path: Path) -> None:
    assert (read_backstores(Host(str(tmp_path))), read_exports(Host(str(tmp_path))), read_targets(Host(str(tmp_path)))) == ({}, {}, {})


def test_no_session() -> None:
    assert parse_session(CLIENT, f"No active iSCSI Session for Initiator Endpoint: {CLIENT}") is None


def test_two_connections() -> None:
    info = "Session State: TARG_SESS_STATE_LOGGED_IN\n   Address 192.0.2.7 TCP  StatSN: 0x1\n   Address [2001:db8::7] TCP  StatSN: 0x1\n"
    assert parse_session(CLIENT, info) == Session(CLIENT, "LOGGED_IN", ("192.0.2.7", "[2001:db8::7]"))


def test_a_file_is_known_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "alias").symlink_to("file")
    host = Host(str(tmp_path))
    assert device_of(host, "/alias") == "/file"
    assert device_of(host, "/missing") is None
    assert device_of(Host(), str(tmp_path / "alias")) == str((tmp_path / "file").resolve())
