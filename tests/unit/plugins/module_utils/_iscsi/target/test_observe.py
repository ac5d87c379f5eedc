# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sysfs, /proc and the kernel say about a path and a portal, on trees laid out as theirs."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Iterator

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._host.mounts import read_mount_table
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.names import Portal
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.observe import (
    device_facts,
    look_at,
    observe,
    portal_problem,
    portal_problems,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._iscsi.target.state import PathFacts, Wanted, WantedLun

IQN = "iqn.2026-01.com.example:one"
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
        for link in (tmp_path / "sys/dev/block" / device, tmp_path / "sys/class/block" / name):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(folder)
    return tmp_path


def facts_of(root: Path, path: str, device: str) -> PathFacts:
    host = Host(str(root))
    return device_facts(host, path, device, read_mount_table(host))


def seen(root: Path, path: str) -> PathFacts:
    host = Host(str(root))
    return look_at(host, path, read_mount_table(host))


def write(root: Path, name: str, content: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def test_a_free_disk(root: Path) -> None:
    facts = facts_of(root, "/dev/sda", "8:0")
    assert (facts.kind, facts.size, facts.read_only, facts.rotational, facts.uses) == ("block", 2**20, False, False, ())
    assert facts.wwid == "naa.80"


def test_a_partition_rotates_as_its_disk_does_and_is_not_the_disk(root: Path) -> None:
    facts = facts_of(root, "/dev/sdb2", "8:18")
    assert (facts.rotational, facts.wwid) == (False, None)


def test_names_that_many_disks_share_say_nothing(root: Path) -> None:
    write(root, "sys/devices/sda/device/wwid", "t10.ATA     QEMU HARDDISK\n")
    assert facts_of(root, "/dev/sda", "8:0").wwid is None


def test_read_only(root: Path) -> None:
    write(root, "sys/devices/sda/ro", "1\n")
    assert facts_of(root, "/dev/sda", "8:0").read_only


def test_holders_are_named(root: Path) -> None:
    (root / "sys/devices/sda/holders/md1").mkdir()
    (root / "sys/devices/sda/holders/dm-3").mkdir()
    write(root, "sys/class/block/dm-3/dm/name", "vg-a\n")
    assert facts_of(root, "/dev/sda", "8:0").uses == ("sda is held by vg-a (dm-3)", "sda is held by md1")


@pytest.mark.parametrize(
    ("device", "use"),
    [
        ("253:1", "dm-1 is mounted on /srv/a b"),
        ("8:16", "sdb2 is swap space in use"),
        ("8:18", "sdb2 is swap space in use"),
        ("8:32", "sdc is mounted on /data"),
    ],
)
def test_mounts_and_swap_also_of_partitions(root: Path, device: str, use: str) -> None:
    assert facts_of(root, "/dev/x", device).uses == (use,)


def test_files(root: Path) -> None:
    for name in ("srv/disk.img", "swap.img", "srv/other.img"):
        write(root, name, "")
    write(root, "sys/class/block/loop3/loop/backing_file", "/srv/disk.img\n")
    assert seen(root, "/srv/disk.img").uses == ("it is attached to loop3",)
    assert seen(root, "/swap.img").uses == ("it is swap space in use",)
    assert seen(root, "/srv/other.img").uses == ()


def test_paths_of_other_kinds(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 512)
    facts = seen(tmp_path, "/file")
    assert (facts.kind, facts.size, facts.device) == ("file", 512, "/file")
    assert seen(tmp_path, "/").kind == "other"
    assert look_at(Host(), "/dev/null", read_mount_table(Host())).kind == "other"
    missing = seen(tmp_path, "/none")
    assert (missing.kind, missing.folder_exists) == ("missing", True)
    assert not seen(tmp_path, "/none/none").folder_exists


def test_a_dangling_link_is_a_missing_device(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    assert seen(tmp_path, "/link").kind == "missing"


@pytest.mark.parametrize(
    ("error", "claimed", "problem"), [(errno.EBUSY, True, ""), (errno.EIO, False, "Input/output error"), (None, False, "")]
)
def test_a_claimed_device_is_told_from_one_that_cannot_be_opened(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: int | None, claimed: bool, problem: str
) -> None:
    """Only a busy device is somebody else's; both are refused."""
    if error is None:
        write(root, "dev/sda", "")
    else:

        def fail(path: str, flags: int) -> int:
            raise OSError(error, os.strerror(error))

        monkeypatch.setattr(os, "open", fail)
    facts = facts_of(root, "/dev/sda", "8:0")
    assert (facts.claimed, facts.open_problem) == (claimed, problem)


@pytest.mark.parametrize(
    ("device", "use"),
    [
        ("253:1", "dm-1 is mounted on /srv/a b"),
        ("8:16", "sdb2 is swap space in use"),
        ("8:32", "sdc is mounted on /data"),
        ("8:0", "sda is held by vg-a (dm-3)"),
    ],
)
def test_an_export_under_a_user_of_any_kind_is_refused_by_name(root: Path, monkeypatch: pytest.MonkeyPatch, device: str, use: str) -> None:
    """A mount point with a blank; swap on a partition; btrfs, whose mounts have a device number of their own; LVM."""
    (root / "sys/devices/sda/holders/dm-3").mkdir()
    write(root, "sys/class/block/dm-3/dm/name", "vg-a\n")
    write(root, "lib/systemd/system/target.service", "")
    write(root, "dev/x", "")
    number = Host.device_number
    monkeypatch.setattr(Host, "device_number", lambda host, path: (device, "") if path == "/dev/x" else number(host, path))
    wanted = Wanted(IQN, portals=(), luns=(WantedLun(0, "block", "x", "/dev/x"),))
    with pytest.raises(RefusedError) as caught:
        plan(observe(wanted, Host(str(root))), wanted)
    assert str(caught.value) == f"/dev/x: refused: {use}. Free it first, or name another device."


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
