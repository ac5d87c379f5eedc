# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look for a damaged file system, and the look whose arrays are stopped over one, run by the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import load, render, run_shell

VARIABLES = load("storage_client", "vars/main.yml")

# In other words than those of C it is not to be told from what is no damage.
MKTEMP = """#!/bin/sh
[ "$LC_ALL" = C ] || { echo "mktemp: Eingabe-/Ausgabefehler" >&2; exit 1; }
echo "mktemp: failed to create file via template '$2/$3': ERROR" >&2
exit 1
"""


def probe(folder: Path, path: str = "") -> list[str]:
    command = render(VARIABLES["storage_client_probe"], storage_client_mount_point=folder, storage_client_stripe_device="/dev/md99")
    return run_shell(command, path)


def failing(folder: Path, error: str) -> str:
    """A folder with a mktemp that fails so."""
    (folder / "bin").mkdir()
    (folder / "bin/mktemp").write_text(MKTEMP.replace("ERROR", error), encoding="utf-8")
    (folder / "bin/mktemp").chmod(0o755)
    return str(folder / "bin")


def test_a_file_system_that_takes_files_has_no_errors_and_no_new_file(tmp_path: Path) -> None:
    assert probe(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", ["Input/output error", "Read-only file system", "Structure needs cleaning"])
def test_damage_is_named_with_the_file_system_and_what_was_said(tmp_path: Path, error: str) -> None:
    said = f"mktemp: failed to create file via template '{tmp_path}/.probe.XXXXXX': {error}"
    assert probe(tmp_path, failing(tmp_path, error)) == [f"the file system of /dev/md99 on {tmp_path} takes no files: {said}"]


@pytest.mark.parametrize("error", ["No space left on device", "Disk quota exceeded"])
def test_a_full_file_system_is_in_order(tmp_path: Path, error: str) -> None:
    assert probe(tmp_path, failing(tmp_path, error)) == []


class Sysfs:
    """Arrays, their members and sessions as sysfs shows them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def session(self, number: int, target: str) -> None:
        folder = self.root / "class/iscsi_session" / f"session{number}"
        folder.mkdir(parents=True)
        (folder / "targetname").write_text(f"{target}\n", encoding="utf-8")

    def array(self, name: str, *members: str) -> None:
        """An array of members that are called by the way to them; whether that is there does not matter."""
        for member in members:
            folder = self.root / "block" / name / "md" / f"dev-{member.rpartition('/')[2]}"
            folder.mkdir(parents=True)
            (folder / "block").symlink_to(f"../../../../{member}")
        (self.root / "block" / name / "md").mkdir(parents=True, exist_ok=True)

    def strangers(self) -> list[str]:
        command = render(
            VARIABLES["storage_client_strangers"],
            storage_client_md_names=["md1", "md2", "md99"],
            storage_client_targets=[{"iqn": "iqn.2026-01.test:server1"}, {"iqn": "iqn.2026-01.test:server2"}],
        )
        return run_shell(command.replace("/sys/", f"{self.root}/"))


def disk(session: int, name: str) -> str:
    return f"platform/host{session}/session{session}/target{session}:0:0/{session}:0:0:0/block/{name}"


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    """Two mirrors over two servers, and the stripe."""
    found = Sysfs(tmp_path)
    found.session(1, "iqn.2026-01.test:server1")
    found.session(2, "iqn.2026-01.test:server2")
    found.array("md1", disk(1, "sda"), disk(2, "sdb"))
    return found


def test_arrays_of_these_targets_are_ours_also_without_members_and_with_lost_ones(sysfs: Sysfs) -> None:
    # Its session is gone, and the number of it too.
    sysfs.array("md2", disk(3, "sdc"))
    sysfs.array("md99", "md1", "md2")
    assert sysfs.strangers() == []


def test_arrays_that_are_not_there_or_have_lost_all_members_are_nobodys(sysfs: Sysfs) -> None:
    sysfs.array("md2")
    assert sysfs.strangers() == []


def test_an_array_with_another_member_is_named(sysfs: Sysfs) -> None:
    sysfs.session(4, "iqn.2026-01.test:server1-of-another")
    sysfs.array("md2", disk(1, "sdd"), "pci0000:00/0000:00:05.0/virtio2/block/vdb", disk(4, "sde"))
    sysfs.array("md99", "md1", "md50")
    assert sorted(sysfs.strangers()) == [
        "/dev/md2 has the member /dev/sde",
        "/dev/md2 has the member /dev/vdb",
        "/dev/md99 has the member /dev/md50",
    ]
