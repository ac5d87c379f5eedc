# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks of machines of every kind, read from trees as sysfs shows them."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.identify import all_volumes, identify
from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.observe import observe, system_disks
from ansible_collections.fleetlab.linux.plugins.module_utils._ebs.options import Volume
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._ebs.trees import FIRST, NAMES, ROOT, SECOND, build

WANTED = [Volume(FIRST, "/dev/sdf", "volume1"), Volume(SECOND, "/dev/sdg", "volume2")]
AMAZON = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_"


@pytest.mark.parametrize("name", NAMES)
def test_the_disk_of_the_system_is_known_and_never_offered(tmp_path: Path, name: str) -> None:
    host = build(tmp_path, name)
    system = {"nitro": {"nvme0n1"}, "nitro-rebooted": {"nvme2n1"}, "nitro-instance-store": {"nvme1n1"}, "xen": {"xvda"}, "qemu": {"vda"}}[
        name
    ]
    assert system_disks(host) == system
    disks = observe(host)
    assert not {item.disk.name for item in identify(disks, all_volumes(disks))} & system


@pytest.mark.parametrize(
    ("name", "devices"),
    [
        ("nitro", ["nvme1n1", "nvme2n1"]),
        ("nitro-rebooted", ["nvme1n1", "nvme0n1"]),
        ("qemu", ["nvme0n1", "nvme1n1"]),
        ("xen", ["xvdf", "xvdg"]),
    ],
)
def test_volumes_are_found(tmp_path: Path, name: str, devices: List[str]) -> None:
    assert [item.disk.name for item in identify(observe(build(tmp_path, name)), WANTED)] == devices


def test_names_that_last_are_the_same_after_a_reboot(tmp_path: Path) -> None:
    paths = [[item.disk.path for item in identify(observe(build(tmp_path / name, name)), WANTED)] for name in ("nitro", "nitro-rebooted")]
    assert paths[0] == paths[1] == [AMAZON + FIRST.replace("-", ""), AMAZON + SECOND.replace("-", "")]


def test_a_xen_disk_has_only_its_name(tmp_path: Path) -> None:
    found = identify(observe(build(tmp_path, "xen")), WANTED)
    assert [(item.disk.path, item.by) for item in found] == [("/dev/xvdf", "name"), ("/dev/xvdg", "name")]


def test_a_disk_that_belongs_to_the_machine_itself_is_no_volume(tmp_path: Path) -> None:
    disks = observe(build(tmp_path, "nitro-instance-store"))
    assert [(disk.name, disk.volume_id) for disk in disks] == [("nvme0n1", None), ("nvme1n1", ROOT), ("nvme2n1", FIRST)]
    assert [volume.volume_id for volume in all_volumes(disks)] == [FIRST]


def test_sizes(tmp_path: Path) -> None:
    assert [disk.size for disk in observe(build(tmp_path, "nitro"))] == [8 * 2**30, 50 * 2**30, 50 * 2**30]


def test_a_root_over_logical_volumes_and_raid_is_followed_down(tmp_path: Path) -> None:
    host = build(tmp_path, "nitro")
    sys = Path(f"{host.root}/sys")
    for name, number, below in (("dm-0", "253:0", ["md0"]), ("md0", "9:0", ["nvme1n1", "nvme2n1"])):
        folder = sys / "devices" / name
        (folder / "slaves").mkdir(parents=True)
        for slave in below:
            (folder / "slaves" / slave).symlink_to(sys / "devices" / slave)
        (sys / "class" / "block" / name).symlink_to(folder)
        (sys / "dev" / "block" / number).symlink_to(folder)
    Path(f"{host.root}/proc/self/mountinfo").write_text("30 1 253:0 / / rw shared:1 - ext4 /dev/mapper/vg-root rw\n", encoding="utf-8")
    assert system_disks(host) == {"nvme1n1", "nvme2n1"}


def test_a_root_with_a_number_of_its_own_is_known_by_its_source(tmp_path: Path) -> None:
    host = build(tmp_path, "nitro")
    Path(f"{host.root}/proc/self/mountinfo").write_text("30 1 0:31 /@ / rw shared:1 - btrfs /dev/nvme0n1p1 rw\n", encoding="utf-8")
    assert system_disks(host) == {"nvme0n1"}
