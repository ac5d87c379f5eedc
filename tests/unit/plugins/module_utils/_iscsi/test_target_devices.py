# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sysfs, /proc and the kernel say about a path and a portal, on trees laid out as theirs."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Iterator

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target_devices import (
    device_facts,
    file_uses,
    look_at,
    portal_problem,
    portal_problems,
)

MOUNTS = (
    "22 1 98:0 / / rw,noatime - ext4 /dev/root rw\n"
    "30 22 253:1 / /srv/a\\040b rw - ext4 /dev/mapper/vg-b rw\n"
    "31 22 0:45 /sub /data rw - btrfs /dev/sdc rw\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "proc/self/mountinfo", MOUNTS)
    write(tmp_path, "proc/swaps", "Filename\t\t\t\tType\t\tSize\n/dev/sdb2 partition 1000 0 -2\n/swap.img file 1000 0 -3\n")
    for device, name, parent in (
        ("8:0", "sda", None),
        ("8:16", "sdb", None),
        ("8:18", "sdb2", "sdb"),
        ("8:32", "sdc", None),
        ("253:1", "dm-1", None),
    ):
        folder = tmp_path / "sys/devices" / (parent or "") / name
        (folder / "holders").mkdir(parents=True)
        write(folder, "dev", f"{device}\n")
        write(folder, "size", "2048\n")
        write(folder, "ro", "0\n")
        if parent:
            write(folder, "partition", "2\n")
        else:
            write(folder, "queue/rotational", "0\n")
            write(folder, "device/wwid", f"naa.{device.replace(':', '')}\n")
        link = tmp_path / "sys/dev/block" / device
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder)
    return tmp_path


def write(root: Path, name: str, content: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def test_a_free_disk(root: Path) -> None:
    facts = device_facts("/dev/sda", "8:0", str(root))
    assert (facts.kind, facts.size, facts.read_only, facts.rotational, facts.uses) == ("block", 2**20, False, False, ())
    assert facts.wwid == "naa.80"


def test_a_partition_rotates_as_its_disk_does_and_is_not_the_disk(root: Path) -> None:
    facts = device_facts("/dev/sdb2", "8:18", str(root))
    assert (facts.rotational, facts.wwid) == (False, None)


def test_names_that_many_disks_share_say_nothing(root: Path) -> None:
    write(root, "sys/devices/sda/device/wwid", "t10.ATA     QEMU HARDDISK\n")
    assert device_facts("/dev/sda", "8:0", str(root)).wwid is None


def test_read_only(root: Path) -> None:
    write(root, "sys/devices/sda/ro", "1\n")
    assert device_facts("/dev/sda", "8:0", str(root)).read_only


def test_holders_are_named(root: Path) -> None:
    (root / "sys/devices/sda/holders/md1").mkdir()
    (root / "sys/devices/sda/holders/dm-3").mkdir()
    write(root, "sys/class/block/dm-3/dm/name", "vg-a\n")
    assert device_facts("/dev/sda", "8:0", str(root)).uses == ("sda is held by dm-3 (device mapper: vg-a)", "sda is held by md1")


@pytest.mark.parametrize(
    ("device", "use"),
    [
        ("253:1", "dm-1 is mounted on /srv/a b"),
        ("8:16", "sdb2 is swap space"),
        ("8:18", "sdb2 is swap space"),
        ("8:32", "sdc is mounted on /data"),
    ],
)
def test_mounts_and_swap_also_of_partitions(root: Path, device: str, use: str) -> None:
    assert device_facts("/dev/x", device, str(root)).uses == (use,)


def test_files(root: Path) -> None:
    write(root, "sys/block/loop3/loop/backing_file", "/srv/disk.img\n")
    assert list(file_uses("/srv/disk.img", str(root))) == ["it is attached to loop3"]
    assert list(file_uses("/swap.img", str(root))) == ["it is swap space"]
    assert list(file_uses("/srv/other.img", str(root))) == []


def test_paths_of_other_kinds(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 512)
    facts = look_at(str(tmp_path / "file"))
    assert (facts.kind, facts.size, facts.device) == ("file", 512, str((tmp_path / "file").resolve()))
    assert look_at(str(tmp_path)).kind == "other"
    assert look_at("/dev/null").kind == "other"
    missing = look_at(str(tmp_path / "none"))
    assert (missing.kind, missing.folder_exists) == ("missing", True)
    assert not look_at(str(tmp_path / "none/none")).folder_exists


def test_a_dangling_link_is_a_missing_device(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    assert look_at(str(tmp_path / "link")).kind == "missing"


@pytest.fixture
def listener() -> Iterator[Portal]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield Portal("127.0.0.1", server.getsockname()[1])


def test_a_port_in_use(listener: Portal) -> None:
    assert portal_problem(listener) == "Address already in use"


def test_an_address_of_another_host() -> None:
    assert portal_problem(Portal("192.0.2.77", 3260)) == "Cannot assign requested address"


def test_only_problems_are_listed(listener: Portal) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = Portal("127.0.0.1", probe.getsockname()[1])
    assert portal_problems([listener, free]) == {listener: "Address already in use"}
