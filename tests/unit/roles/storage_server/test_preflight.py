# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that the role refuses before it changes anything, on files that an lsblk of the tests' own takes for disks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import play_role

# Like the true one it shows a disk once, however often it is named.
LSBLK = f"""#!{sys.executable}
import json, os, sys
paths = list(dict.fromkeys(os.path.realpath(name) for name in sys.argv[1:] if name.startswith('/')))
print(json.dumps({{'blockdevices': [json.load(open(path)) for path in paths]}}, indent=3))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the disks a and b, and that lsblk."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/lsblk").write_text(LSBLK, encoding="utf-8")
    (tmp_path / "bin/lsblk").chmod(0o755)
    return tmp_path


def disk(folder: Path, name: str, **fields: Any) -> str:
    """A file that lsblk takes for a disk; returns its path."""
    path = folder / name
    shown = {"path": str(path), "type": "disk", "size": 1 << 40, "fstype": None, "pttype": None, "name": name, "wwn": None}
    path.write_text(json.dumps({**shown, **fields}), encoding="utf-8")
    return str(path)


def refused(folder: Path, hosts: dict[str, list[str]], *options: str) -> dict[str, str]:
    """What is said to each host of the devices it names."""
    variables = {name: {"storage_server_devices": devices} for name, devices in hosts.items()}
    return play_role(folder, variables, *options, path=str(folder / "bin"), name="fleetlab.linux.storage_server", tasks_from="preflight")


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_a_disk_that_is_named_twice_is_refused_by_name(folder: Path, options: tuple[str, ...]) -> None:
    a, b = disk(folder, "a"), disk(folder, "b")
    link, dotted = str(folder / "by-id"), f"{folder}/./a"
    Path(link).symlink_to(b)
    one, other = disk(folder, "path1", wwn="0x5000c5"), disk(folder, "path2", wwn="0x5000c5")
    part1, part2 = disk(folder, "part1", type="part", wwn="0x5"), disk(folder, "part2", type="part", wwn="0x5")
    hosts = {
        "dotted": [a, b, dotted],
        "linked": [a, b, link],
        "paths": [a, one, other],
        "different": [a, link, disk(folder, "c", wwn="0x1"), disk(folder, "d", wwn="0x2"), part1, part2],
    }
    found = refused(folder, hosts, *options)
    said = {host: message.partition("more than once: ")[2].partition(". Each")[0] for host, message in found.items()}
    assert said == {
        "dotted": f"{a} is {a}, {dotted} is {a}",
        "linked": f"{b} is {b}, {link} is {b}",
        "paths": f"{one} has the WWN 0x5000c5, {other} has the WWN 0x5000c5",
    }
    assert found["dotted"].startswith("dotted: refused: storage_server_devices")


def test_a_disk_that_carries_something_else_is_refused_by_name(folder: Path) -> None:
    a, b = disk(folder, "a", fstype="xfs"), disk(folder, "b", pttype="gpt")
    found = refused(folder, {"server": [disk(folder, "c", fstype="LVM2_member"), a, b]})
    assert found["server"].startswith(f"server: refused: {a}, {b} contains")


def test_a_disk_of_another_volume_group_is_refused_by_name(folder: Path) -> None:
    home = {"name": "data-home", "type": "lvm", "size": 1 << 30}
    found = refused(folder, {"server": [disk(folder, "a"), disk(folder, "b", fstype="LVM2_member", children=[home])]}, "--check")
    assert found["server"].startswith(f"server: refused: {folder}/b is in the volume group data, and storage2 is declared on it")


def test_a_disk_without_room_for_its_volume_is_refused_by_name(folder: Path) -> None:
    found = refused(folder, {"server": [disk(folder, "a"), disk(folder, "b", size=1 << 30)]}, "--check")
    assert found["server"].startswith(f"server: refused: {folder}/b has room for a volume of 1020 MiB, and 15360 MiB are declared")


def program(folder: Path, name: str, output: str, end: str = "") -> None:
    """A program of LVM with this output, and with this last line."""
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\n{end}\n", encoding="utf-8")
    path.chmod(0o755)


def test_volume_groups_that_exist_are_used_or_refused_by_name(folder: Path) -> None:
    program(folder, "lvs", json.dumps({"report": [{"lv": [{"vg_name": "data", "lv_name": "root", "lv_size": "1048576"}]}]}))
    program(folder, "vgs", json.dumps({"report": [{"vg": [{"vg_name": "data", "vg_free": str(1 << 30)}]}]}))
    common = {"storage_server_volume_mb": 512}
    hosts = {"good": {"storage_server_groups": ["data", "data"]}, "bad": {"storage_server_groups": ["data", "data", "data", "gone"]}}
    variables = {name: {**common, **hosts[name]} for name in hosts}
    found = play_role(folder, variables, path=str(folder / "bin"), name="fleetlab.linux.storage_server", tasks_from="groups")
    assert set(found) == {"bad"}
    assert "there is no volume group gone; the volume group data has 1024 MiB free, and 1536 MiB are needed" in found["bad"]


def test_lvm_that_would_activate_what_clients_make_is_refused(folder: Path) -> None:
    found = {}
    for value in "01":
        program(folder, "lvmconfig", f"scan_lvs={value}")
        hosts = {"a": {"storage_server_devices": ["/dev/vdb"]}}
        found[value] = play_role(folder, hosts, path=str(folder / "bin"), name="fleetlab.linux.storage_server", tasks_from="lvm")
    assert found["0"] == {}
    # An LVM that does not know the setting looks inside logical volumes.
    program(folder, "lvmconfig", "", "echo 'Configuration node devices/scan_lvs not found' >&2; exit 5")
    unknown = play_role(folder, hosts, path=str(folder / "bin"), name="fleetlab.linux.storage_server", tasks_from="lvm")
    assert "lvmconfig does not show devices/scan_lvs (Configuration node devices/scan_lvs not found)" in unknown["a"]
    assert "would activate the volume groups that clients make inside /dev/storage1/volume" in found["1"]["a"]
