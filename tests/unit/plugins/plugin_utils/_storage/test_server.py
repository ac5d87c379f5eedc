# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes and LUNs of a storage server, and the disks it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.client import StorageError
from ansible_collections.fleetlab.linux.plugins.plugin_utils._storage.server import (
    inspect_disks,
    inspect_groups,
    make_group_volumes,
    make_luns,
    make_volumes,
)

DEVICES = ["/dev/vdb", "/dev/vdc"]
VOLUMES = make_volumes(DEVICES, "storage", "volume")


def disk(path: str, **changed: Any) -> dict[str, Any]:
    """A disk as lsblk shows it."""
    return {"path": path, "type": "disk", "size": 1 << 30, "fstype": None, "pttype": None, "wwn": None, **changed}


def inspect(*disks: dict[str, Any], devices: list[str] | None = None, resolved: list[str] | None = None) -> dict[str, Any]:
    named = [one["path"] for one in disks] if devices is None else devices
    return inspect_disks(json.dumps({"blockdevices": disks}), named, resolved or named, VOLUMES, "volume", 256)


def volume(number: int, mb: int) -> dict[str, Any]:
    return {"name": f"storage{number}-volume", "size": mb << 20}


def test_volumes_are_numbered_from_1_and_luns_from_0() -> None:
    assert VOLUMES == [
        {"number": 1, "device": "/dev/vdb", "vg": "storage1", "path": "/dev/storage1/volume"},
        {"number": 2, "device": "/dev/vdc", "vg": "storage2", "path": "/dev/storage2/volume"},
    ]
    assert make_luns(VOLUMES, "volume", {"is_nonrot": 1})[1] == {
        "lun": 1,
        "name": "storage2-volume",
        "path": "/dev/storage2/volume",
        "attributes": {"is_nonrot": 1},
    }


LVS = json.dumps({"report": [{"lv": [{"vg_name": "data", "lv_name": "volume", "lv_size": "268435456"}]}]})
VGS = json.dumps({"report": [{"vg": [{"vg_name": "data", "vg_free": "536870912"}, {"vg_name": "root", "vg_free": "0"}]}]})


def test_volumes_in_groups_that_exist() -> None:
    volumes = make_group_volumes(["data", "root", "data"], "volume")
    assert [volume["path"] for volume in volumes] == ["/dev/data/volume", "/dev/root/volume", "/dev/data/volume2"]
    assert [lun["name"] for lun in make_luns(volumes, "volume", {})] == ["data-volume", "root-volume", "data-volume2"]
    found = inspect_groups(LVS, VGS, volumes, 256)
    assert (found["existing"], found["todo"]) == (volumes[:1], volumes[1:])
    assert found["refused"] == ["the volume group root has 0 MiB free, and 256 MiB are needed"]
    assert inspect_groups(LVS, VGS, make_group_volumes(["gone"], "volume"), 256)["refused"] == ["there is no volume group gone"]
    assert inspect_groups(LVS, VGS, make_group_volumes(["data", "data"], "volume"), 512)["refused"] == [
        "the volume group data has 512 MiB free, and 768 MiB are needed"
    ]


@pytest.mark.parametrize("text", ["", "{}", '{"report": []}', '{"report": [{"lv": [{}]}]}'])
def test_what_is_no_answer_of_lvm_is_said(text: str) -> None:
    with pytest.raises(StorageError, match="the outputs of lvs and vgs are not their JSON"):
        inspect_groups(text, VGS, [], 1)


def test_volumes_that_are_missing_or_too_small_are_to_be_made() -> None:
    found = inspect(disk("/dev/vdb", fstype="LVM2_member", children=[volume(1, 255)]), disk("/dev/vdc"))
    assert (found["existing"], found["todo"]) == (VOLUMES[:1], VOLUMES)
    found = inspect(*(disk(path, children=[volume(number, 256)]) for number, path in enumerate(DEVICES, 1)))
    assert (found["existing"], found["todo"]) == (VOLUMES, [])


def test_names_with_hyphens_are_those_of_device_mapper() -> None:
    volumes = make_volumes(["/dev/mapper/mpath-a"], "my-storage", "my-volume")
    shown = disk("/dev/mapper/mpath-a", type="mpath", size=260 << 20, children=[{"name": "my--storage1-my--volume", "size": 256 << 20}])
    read = json.dumps({"blockdevices": [shown]})
    assert inspect_disks(read, ["/dev/mapper/mpath-a"], ["/dev/dm-3"], volumes, "my-volume", 256)["todo"] == []
    grown = inspect_disks(read, ["/dev/mapper/mpath-a"], ["/dev/dm-3"], volumes, "my-volume", 512)
    assert grown["small"] == ["/dev/mapper/mpath-a has room for a volume of 256 MiB, and 512 MiB are declared"]


def test_a_disk_without_room_for_its_volume_is_named() -> None:
    # A disk of 257 MiB has 256 MiB in whole extents of 4 MiB.
    assert inspect(disk("/dev/vdb", size=257 << 20))["small"] == []
    assert inspect(disk("/dev/vdb", size=256 << 20))["small"] == ["/dev/vdb has room for a volume of 252 MiB, and 256 MiB are declared"]


def test_a_disk_that_carries_anything_but_lvm_is_foreign() -> None:
    disks = [disk("a", fstype="xfs"), disk("b", pttype="gpt"), disk("c", fstype="LVM2_member", pttype="dos"), disk("d")]
    assert [one["path"] for one in inspect(*disks)["foreign"]] == ["a", "b"]


def test_a_disk_of_another_volume_group_is_named_where_a_volume_is_to_be_made() -> None:
    home = {"name": "my--data-home", "type": "lvm", "size": 1 << 20}
    mine = {**volume(1, 256), "type": "lvm"}
    assert inspect(disk("/dev/vdb", fstype="LVM2_member", children=[home]))["taken"] == [
        "/dev/vdb is in the volume group my-data, and storage1 is declared on it"
    ]
    # The kernel's names of disks can change places; volumes that exist are found by their own names.
    swapped = (disk("/dev/vdb", children=[{**volume(2, 256), "type": "lvm"}]), disk("/dev/vdc", children=[mine]))
    assert inspect(*swapped)["taken"] == []
    assert inspect(disk("/dev/vdb", children=[{**volume(1, 4), "type": "lvm"}]))["taken"] == []
    assert inspect(disk("/dev/vdb", children=[{"name": "vdb1", "type": "part", "size": 1}]))["taken"] == []


def test_an_empty_partition_is_free() -> None:
    empty, used = disk("p1", type="part", pttype="gpt"), disk("p2", type="part", pttype="gpt", fstype="ext4")
    assert [one["path"] for one in inspect(empty, used)["foreign"]] == ["p2"]


def test_a_disk_that_is_named_twice_is_named() -> None:
    assert inspect(disk("/dev/vdb"), devices=["/dev/vdb", "/dev/x"], resolved=["/dev/vdb", "/dev/vdb"])["same"] == [
        "/dev/vdb is /dev/vdb",
        "/dev/x is /dev/vdb",
    ]
    paths = [disk("a", wwn="0x5"), disk("b", wwn="0x5"), disk("p1", wwn="0x6", type="part"), disk("p2", wwn="0x6", type="part")]
    assert inspect(*paths)["same"] == ["a has the WWN 0x5", "b has the WWN 0x5"]


@pytest.mark.parametrize("text", ["", "lsblk: a: not a block device", "[]", "{}"])
def test_what_is_no_answer_of_lsblk_is_said(text: str) -> None:
    with pytest.raises(StorageError, match="the output of lsblk is not JSON with blockdevices"):
        inspect_disks(text, [], [], [], "volume", 1)
