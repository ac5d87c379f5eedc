# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/storage.md, section "How it grows, is repaired and is removed", promises for C(raid1) mirrors, under verified writes.

A server more and a server less, the play killed in both; then the arrays move to another client, which is lost and replaced.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.tests.faults.lab import cut_power

from .machines import MOUNT, SECRET, Machines, untouched

MIRRORS = ["md1", "md2"]
_MIRRORS_TASK = "Arrays | Mirrors, and the stripe over them"

_LOAD = f"""systemd-run --quiet --unit=load sh -c '
seed=0
while [ ! -e /run/load-ends ]; do
    seed=$((seed + 1))
    fio --name=load --filename={MOUNT}/load --size=6m --bs=32k --rw=randwrite --direct=1 --ioengine=psync --verify=crc32c \\
        --verify_fatal=1 --rate_iops=60,60 --randseed=$seed --minimal || exit 1
done'"""
"""Writes a file in random order and verifies it by checksum, until C(/run/load-ends) exists or something is wrong."""


class Year:
    """The storage of a user, whose inventory changes; every server that it names has two disks."""

    def __init__(self, machines: Machines, folder: Path) -> None:
        self._machines = machines
        self._folder = folder

    def inventory(self, servers: list[str], client: str, **variables: Any) -> dict[str, Any]:
        """The inventory with these machines, and variables of the client."""
        return self._machines.inventory(
            {name: {"storage_server_devices": self._machines.devices[:2]} for name in servers},
            {client: variables},
            storage_chap_secret=SECRET,
            storage_server_volume_mb=200,
            storage_client_mirror_level="raid1",
        )

    def converge(self, inventory: dict[str, Any], *arguments: str, killed_at: tuple[str, ...] = ()) -> None:
        """Check mode foretells changes; the play makes them, also when it was killed before at some tasks; then nothing is left to do."""
        foretold = self._machines.play(inventory, self._folder, "--check", *arguments)
        assert foretold.exit_code == 0, foretold.end
        assert any(foretold.changed.values()), "check mode does not foretell the change"
        for task in killed_at:
            self._machines.kill_play(inventory, self._folder, task)
        self.run(inventory, *arguments)
        self.changes_nothing(inventory)

    def run(self, inventory: dict[str, Any], *arguments: str) -> None:
        """The play succeeds."""
        run = self._machines.play(inventory, self._folder, *arguments)
        assert run.exit_code == 0, run.end

    def changes_nothing(self, inventory: dict[str, Any]) -> None:
        """Neither the play nor check mode finds anything to do."""
        for again in (self._machines.play(inventory, self._folder), self._machines.play(inventory, self._folder, "--check")):
            assert (again.exit_code, set(again.changed.values())) == (0, {0}), again.end

    def refusal(self, inventory: dict[str, Any]) -> str:
        """The output of a play that fails."""
        run = self._machines.play(inventory, self._folder)
        assert run.exit_code != 0, run.end
        return run.output

    def copies_on(self, client: str) -> set[str]:
        """The servers that have a whole copy of each mirror; waits for the end of a rebuild."""
        end = time.monotonic() + 300
        state = " ".join(f"/sys/block/{name}/md/sync_action /sys/block/{name}/md/degraded" for name in MIRRORS)
        while self._machines.run(client, f"cat {state}").split() != ["idle", "0"] * len(MIRRORS):
            assert time.monotonic() < end, self._machines.run(client, "cat /proc/mdstat")
            time.sleep(1)
        first, *others = (self._members(client, name) for name in MIRRORS)
        assert all(other == first for other in others)
        return first

    def _members(self, client: str, array: str) -> set[str]:
        """The servers of the members, from the names of their targets in paths such as C(ip-192.0.2.11:3260-iscsi-IQN:server1-lun-0)."""
        member = f"[ -e /sys/block/{array}/slaves/$(basename $(readlink -f $path)) ] && echo $path"
        paths = self._machines.run(client, f"for path in /dev/disk/by-path/*-iscsi-*; do {member}; done; true").splitlines()
        return {path.rpartition("-lun-")[0].rpartition(":")[2] for path in paths}

    def remove(self, inventory: dict[str, Any], client: str) -> None:
        """Remove everything, with the data."""
        inventory["storage_clients"]["hosts"][client]["storage_client_erase"] = [*MIRRORS, "md99"]
        inventory["all"]["vars"]["storage_server_erase"] = ["storage1", "storage2"]
        for kind in ("client", "server"):
            self.run(inventory, f"-e=storage_{kind}_state=absent", f"--limit=storage_{kind}s")


def test_servers_and_clients_come_and_go_and_the_data_stay(machines: Machines, tmp_path: Path) -> None:
    first, second = machines.clients
    old, kept, new = machines.servers
    year = Year(machines, tmp_path)
    year.converge(year.inventory([old, kept], first))
    assert year.copies_on(first) == {old, kept}
    known = machines.run(first, f"head -c 8M /dev/urandom > {MOUNT}/known && sync && sha256sum {MOUNT}/known")
    machines.run(first, _LOAD)

    # A server more.
    year.converge(year.inventory([old, kept, new], first), killed_at=(_MIRRORS_TASK, "Arrays | Mount the file system"))
    assert year.copies_on(first) == {old, kept, new}

    # A server less.
    leaving = year.inventory([old, kept, new], first, storage_client_leaving=[old])
    year.converge(leaving, killed_at=(_MIRRORS_TASK,))
    two = year.inventory([kept, new], first)
    year.changes_nothing(two)
    assert year.copies_on(first) == {kept, new}
    assert old not in machines.run(first, "cat /sys/class/iscsi_session/*/targetname")
    leaving["all"]["vars"]["storage_server_erase"] = ["storage1", "storage2"]
    year.run(leaving, "-e=storage_server_state=absent", f"--limit={old}")
    untouched(machines, [old], [])
    machines.run(first, "touch /run/load-ends && while systemctl is-active --quiet load; do sleep 0.2; done")
    assert machines.run(first, "systemctl is-failed load || true") != "failed", machines.run(first, "journalctl --unit=load | tail -20")
    assert machines.run(first, f"sha256sum {MOUNT}/known") == known

    # The arrays move to another client, in one play in which the first one leaves in order.
    moved = year.inventory([kept, new], second, storage_client_homehost=first)
    both = year.inventory([kept, new], first, storage_client_state="absent")
    both["storage_clients"]["hosts"].update(moved["storage_clients"]["hosts"])
    year.converge(both)
    untouched(machines, [], [first])
    year.changes_nothing(moved)
    assert year.copies_on(second) == {kept, new}
    assert machines.run(second, f"sha256sum {MOUNT}/known") == known

    # That one is lost for good. Another one takes its place when this is asked for, and not before.
    cut_power(machines.directory, second)
    assert second in year.refusal(two)
    assert machines.run(first, "ls -d /sys/block/md* 2>/dev/null || true") == ""
    year.run(two, "-e=storage_client_take_over=true")
    year.changes_nothing(two)
    assert machines.run(first, f"sha256sum {MOUNT}/known") == known
    # It has left its sessions, which would keep the targets from being removed.
    two["all"]["vars"]["storage_server_lost_initiators"] = [f"iqn.2026-01.com.example.storage:{second}"]
    year.converge(two)
    for name in (kept, new):
        assert machines.run(name, "ss -Htn state established sport = :3260 | wc -l") == "1"
    year.remove(two, first)
    untouched(machines, [kept, new], [first])
