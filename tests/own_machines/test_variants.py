# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each way of docs/storage.md, section "On your own machines": check, apply, apply again, check again, use, remove.

Run by molecule's scenario own (make test-own-machines), which brings three servers with four empty disks, and two clients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from .machines import MOUNT, SECRET, Machines, untouched


def goes_through_its_life(
    machines: Machines, inventory: dict[str, Any], folder: Path, arrays: dict[str, list[str]], erase: list[str]
) -> None:
    """Build, use and remove; C(arrays) are the expected arrays of each client, C(erase) the volume groups that go with their data."""
    servers, clients = sorted(inventory["storage_servers"]["hosts"]), sorted(arrays)
    before = machines.play(inventory, folder, "--check")
    assert before.exit_code == 0, before.end
    assert all(before.changed.values()), before.end
    untouched(machines, servers, clients)
    made = machines.play(inventory, folder)
    assert made.exit_code == 0, made.end
    for again in (machines.play(inventory, folder), machines.play(inventory, folder, "--check")):
        assert (again.exit_code, set(again.changed.values())) == (0, {0}), again.end
    for name in clients:
        listed = machines.run(name, "for array in /sys/block/md*; do echo ${array##*/} $(cat $array/md/degraded 2>/dev/null); done")
        assert sorted(line.split()[0] for line in listed.splitlines()) == sorted(arrays[name])
        assert {line.partition(" ")[2] for line in listed.splitlines()} <= {"0", ""}
        machines.run(name, f"mountpoint -q {MOUNT} && dd if=/dev/urandom of={MOUNT}/data bs=1M count=8 conv=fsync status=none")
    for name in clients:
        inventory["storage_clients"]["hosts"][name]["storage_client_erase"] = arrays[name]
    inventory["all"]["vars"]["storage_server_erase"] = erase
    for kind in ("client", "server"):
        gone = machines.play(inventory, folder, f"-e=storage_{kind}_state=absent", f"--limit=storage_{kind}s")
        assert gone.exit_code == 0, gone.end
    untouched(machines, servers, clients)


def test_three_servers_as_in_the_first_inventory(machines: Machines, tmp_path: Path) -> None:
    inventory = machines.inventory(
        {name: {"storage_server_devices": machines.devices[:2]} for name in machines.servers},
        {machines.clients[0]: {}},
        storage_chap_secret=SECRET,
        storage_server_volume_mb=200,
    )
    goes_through_its_life(machines, inventory, tmp_path, {machines.clients[0]: ["md1", "md2", "md99"]}, ["storage1", "storage2"])


@pytest.fixture
def group(machines: Machines) -> Iterator[str]:
    """A volume group of the user over all disks of two servers, with a volume of the user's own."""
    disks = " ".join(machines.devices)
    for name in machines.servers[:2]:
        machines.run(name, f"vgcreate --yes data {disks} && lvcreate --yes --size 8m --name mine data && echo mine > /dev/data/mine")
    yield "data"
    for name in machines.servers[:2]:
        # A file system of this test would come to light in the arrays of a later test, which the role refuses.
        machines.run(name, f"vgremove --force data && pvremove {disks} && for disk in {disks}; do blkdiscard --zeroout $disk; done")


def test_two_servers_two_clients_with_luns_of_their_own_and_an_existing_group(machines: Machines, tmp_path: Path, group: str) -> None:
    first, second = machines.clients
    inventory = machines.inventory(
        {name: {"storage_server_groups": [group] * 4} for name in machines.servers[:2]},
        {first: {"storage_client_luns": [0, 1]}, second: {"storage_client_luns": [2, 3], "storage_client_filesystem": "xfs"}},
        storage_chap_secret=SECRET,
        storage_server_volume_mb=200,
    )
    shared = {**inventory["storage_clients"]["hosts"][second], "storage_client_luns": [1, 2]}
    refused = {**inventory, "storage_clients": {"hosts": {**inventory["storage_clients"]["hosts"], second: shared}}}
    for mode in (["--check"], []):
        run = machines.play(refused, tmp_path, *mode)
        assert run.exit_code != 0
        assert "refused, nothing was changed" in run.output, run.end
    untouched(machines, machines.servers[:2], machines.clients)
    arrays = {first: ["md1", "md2", "md99"], second: ["md3", "md4", "md99"]}
    goes_through_its_life(machines, inventory, tmp_path, arrays, [])
    for name in machines.servers[:2]:
        assert machines.run(name, "head -c 4 /dev/data/mine") == "mine"
        assert machines.run(name, "lvs --noheadings -o lv_name data | wc -l") == "5"


def _partition_table(disk: str) -> str:
    """The command that makes two partitions of 100 MiB on a disk, without sfdisk, which minimal machines do not have.

    Udev looks into a disk that was written to, and meanwhile the kernel does not read its partitions again.
    """
    return f"""python3 -c '
import struct
entry = lambda begin: struct.pack("<B3sB3sII", 0, b"\\xfe\\xff\\xff", 0x83, b"\\xfe\\xff\\xff", begin, 204800)
open("{disk}", "r+b").write(bytes(446) + entry(2048) + entry(206848) + bytes(32) + b"\\x55\\xaa")
' && udevadm settle && udevadm lock --device={disk} blockdev --rereadpt {disk} && udevadm settle"""


@pytest.fixture
def partitions(machines: Machines) -> Iterator[list[str]]:
    """Two empty partitions on one disk of each of two servers, and an IPv6 address of every machine."""
    disk = machines.devices[0]
    for name in machines.servers[:2]:
        machines.run(name, f"wipefs --all --quiet {disk} && udevadm settle")
        machines.run(name, _partition_table(disk))
    for name, number in _numbered(machines):
        machines.run(name, f"ip address add fd00:99::{number}/64 dev vec0 nodad")
    yield [f"{disk}1", f"{disk}2"]
    for name, number in _numbered(machines):
        machines.run(name, f"ip address del fd00:99::{number}/64 dev vec0")
    for name in machines.servers[:2]:
        machines.run(name, f"wipefs --all --force --quiet {disk}1 {disk}2; wipefs --all --force --quiet {disk}")


def _numbered(machines: Machines) -> list[tuple[str, int]]:
    return [(name, number) for number, name in enumerate([*machines.servers[:2], machines.clients[0]], 11)]


def test_partitions_ipv6_another_name_and_port_and_no_chap(machines: Machines, tmp_path: Path, partitions: list[str]) -> None:
    servers = {
        name: {
            "storage_server_devices": partitions,
            "storage_server_iqn": f"iqn.2003-01.org.linux-iscsi:{name}.own",
            "storage_server_portals": [{"host": f"fd00:99::{number}", "port": 3270}],
        }
        for name, number in _numbered(machines)[:2]
    }
    inventory = machines.inventory(servers, {machines.clients[0]: {}}, storage_authentication=False, storage_server_volume_mb=80)
    goes_through_its_life(machines, inventory, tmp_path, {machines.clients[0]: ["md1", "md2", "md99"]}, ["storage1", "storage2"])


def test_two_targets_on_each_server(machines: Machines, tmp_path: Path) -> None:
    """A second target is a second name of the machine in the inventory; each client uses the targets that are named for it."""
    first, second = machines.clients
    fast = {name: {"storage_server_devices": machines.devices[:2]} for name in machines.servers[:2]}
    slow = {
        f"{name}-archive": {"storage_server_devices": machines.devices[2:], "storage_server_vg_prefix": "archive"}
        for name in machines.servers[:2]
    }
    clients = {first: {"storage_client_servers": list(fast)}, second: {"storage_client_servers": list(slow)}}
    inventory = machines.inventory({**fast, **slow}, clients, storage_chap_secret=SECRET, storage_server_volume_mb=200)
    arrays = {name: ["md1", "md2", "md99"] for name in machines.clients}
    goes_through_its_life(machines, inventory, tmp_path, arrays, [])
    left = [f"{group}{number}" for group in ("storage", "archive") for number in (1, 2)]
    for name in machines.servers[:2]:
        assert sorted(machines.run(name, "vgs --noheadings -o vg_name").split()) == sorted(left)
