# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that uses a disk, or a partition of it, is in the way of giving it to an array."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._host.mounts import read_mount_table
from ansible_collections.fleetlab.linux.plugins.module_utils._md.checks.devices import use_of
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.devices import by_path_links, read_device
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import RecordedHost

SDB = "/sys/class/block/sdb"
DISK = {
    f"text {SDB}/size": "204800",
    f"text {SDB}/dev": "8:16",
    f"names {SDB}": ["sdb1", "sdb2", "size"],
    f"text {SDB}/sdb1/partition": "1",
    f"text {SDB}/sdb2/partition": "2",
    "text /sys/class/block/sdb1/dev": "8:17",
    "text /sys/class/block/sdb2/dev": "8:18",
}
MOUNTS = "text /proc/self/mountinfo"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, []),
        ({MOUNTS: r"30 1 8:16 / /srv/my\040disk rw - ext4 /dev/sdb rw"}, ["is mounted on /srv/my disk"]),
        ({MOUNTS: "30 1 8:17 / /b rw - ext4 /dev/sdb1 rw\n31 1 8:16 / /a rw - ext4 /dev/sdb rw"}, ["is mounted on /a, /b"]),
        ({MOUNTS: "30 1 0:40 / /srv rw - btrfs /dev/sdb rw"}, ["is mounted on /srv"]),
        ({MOUNTS: "30 1 0:40 / /srv rw - btrfs /dev/disk/by-uuid/x rw", "target /dev/disk/by-uuid/x": "/dev/sdb2"}, ["is mounted on /srv"]),
        ({"text /proc/swaps": "Filename Type\n/dev/sdb partition 1 0 -2"}, ["is swap space in use"]),
        ({"text /proc/swaps": "Filename Type\n/dev/sdb1 partition 1 0 -2"}, ["is swap space in use"]),
        ({f"names {SDB}/holders": ["dm-0"], "text /sys/class/block/dm-0/dm/name": "vg-lv"}, ["is held by vg-lv (dm-0)"]),
        ({f"names {SDB}/holders": ["md1"], "names /sys/class/block/sdb2/holders": ["md5"]}, ["is held by md1, md5"]),
        ({f"text {SDB}/ro": "1"}, ["is read-only"]),
    ],
)
def test_uses(answers: Dict[str, Any], expected: List[str]) -> None:
    host = RecordedHost({**DISK, **answers}).host
    device = read_device(host, "sdb", read_mount_table(host), {})
    assert device
    assert device.partitions == ("sdb1", "sdb2")
    assert use_of(device) == expected


def test_holders_of_partitions_are_not_its_own() -> None:
    """Planning follows arrays that come and go on the device itself."""
    host = RecordedHost({**DISK, "names /sys/class/block/sdb2/holders": ["md5"]}).host
    device = read_device(host, "sdb", read_mount_table(host), {})
    assert device
    assert (device.holders, device.partition_holders) == ((), ("md5",))


@pytest.mark.parametrize(
    ("entries", "identity"),
    [
        ((("device/wwid", "naa.1"), ("dm/uuid", "x")), "naa.1"),
        ((("wwid", "eui.1"),), "eui.1"),
        ((("loop/backing_file", "/a"), ("loop/offset", "0")), "file /a at 0"),
        ((), ""),
    ],
)
def test_identities(entries: Tuple[Tuple[str, str], ...], identity: str) -> None:
    host = RecordedHost({**DISK, **{f"text {SDB}/{name}": text for name, text in entries}}).host
    device = read_device(host, "sdb", read_mount_table(host), {"sdb": "/dev/disk/by-path/b"})
    assert device
    assert (device.identity, device.by_path) == (identity, "/dev/disk/by-path/b")


@pytest.mark.parametrize(
    ("name", "answers", "size"),
    [
        ("sdb", {f"text {SDB}/queue/logical_block_size": "4096"}, 4096),
        # A partition has the blocks of its disk, and no queue of its own.
        ("sdb1", {"text /sys/class/block/sdb/queue/logical_block_size": "512", "target /sys/class/block/sdb1": f"{SDB}/sdb1"}, 512),
        ("sdb", {}, 0),
    ],
)
def test_the_size_of_logical_blocks(name: str, answers: Dict[str, Any], size: int) -> None:
    part = {f"text /sys/class/block/sdb1/{entry}": text for entry, text in (("size", "2048"), ("partition", "1"))}
    host = RecordedHost({**DISK, **part, **answers}).host
    device = read_device(host, name, read_mount_table(host), {})
    assert device
    assert device.block_size == size


def test_the_first_link_to_a_device_counts() -> None:
    folder = "/dev/disk/by-path"
    answers = {
        f"names {folder}": ["a", "b", "c"],
        **{f"target {folder}/{link}": "/dev/sdb" for link in "ab"},
        f"target {folder}/c": "/dev/sdc",
    }
    assert by_path_links(RecordedHost(answers).host) == {"sdb": f"{folder}/a", "sdc": f"{folder}/c"}
