# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module mount_info on trees of files: mounts, what ext4 counted, and files that a file system does not take."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._mount.observe import observe
from ansible_collections.fleetlab.linux.plugins.module_utils._mount.state import returned
from ansible_collections.fleetlab.linux.plugins.modules import mount_info

POINT = "/srv/md99"
WORDS = f"the file system of /dev/md99 on {POINT}"


class Machine:
    """A host below a folder with a file system on md99."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host = Host(str(root))
        (root / "srv/md99").mkdir(parents=True)
        (root / "dev").mkdir()
        (root / "dev/md99").touch()
        (root / "sys/dev/block").mkdir(parents=True)
        (root / "sys/dev/block/9:99").symlink_to("../../devices/virtual/block/md99")
        (root / "sys/fs/ext4/md99").mkdir(parents=True)
        self.counted(0)
        (root / "proc/self").mkdir(parents=True)
        self.mounts(f"9:99 / {POINT} rw,noatime - ext4 /dev/md99 rw")

    def mounts(self, *lines: str) -> None:
        text = "".join(f"{number} 1 {line}\n" for number, line in enumerate(["8:1 / / rw - ext4 /dev/sda1 rw", *lines], 20))
        (self.root / "proc/self/mountinfo").write_text(text, encoding="utf-8")

    def counted(self, errors: int) -> None:
        (self.root / "sys/fs/ext4/md99/errors_count").write_text(f"{errors}\n", encoding="utf-8")

    def look(self, path: str | None = POINT, device: str | None = None, probe: bool = True) -> dict[str, Any]:
        return returned(path, observe(self.host, path, device, probe))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_file_system_in_order(machine: Machine) -> None:
    found = machine.look()
    assert found.pop("size") > 0
    assert found == {
        "mounted": True,
        "mount_point": POINT,
        "source": "/dev/md99",
        "fstype": "ext4",
        "options": ["rw", "noatime"],
        "errors": 0,
        "problems": [],
    }
    assert list((machine.root / "srv/md99").iterdir()) == []


def test_a_folder_that_is_no_mount_point_is_not_mounted_and_gets_no_file(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", lambda **_options: pytest.fail("a file was made"))
    machine.mounts()
    found = machine.look()
    assert (found["mounted"], found["mount_point"], found["source"], found["problems"]) == (False, POINT, None, [])


def test_the_mount_on_top_counts(machine: Machine) -> None:
    machine.mounts(f"9:99 / {POINT} rw - ext4 /dev/md99 rw", f"0:50 / {POINT} ro - tmpfs tmpfs ro")
    found = machine.look(probe=False)
    assert (found["source"], found["fstype"], found["errors"]) == ("tmpfs", "tmpfs", None)


@pytest.mark.parametrize("source", ["/dev/md99", "/dev/disk/by-id/md-name"])
def test_a_device_is_found_wherever_it_is_mounted(machine: Machine, source: str) -> None:
    (machine.root / "dev/disk/by-id").mkdir(parents=True)
    (machine.root / "dev/disk/by-id/md-name").symlink_to("../../md99")
    machine.mounts(f"9:99 / /other\\040place rw - ext4 {source} rw")
    assert machine.look(None, "/dev/md99", False)["mount_point"] == "/other place"
    machine.mounts("9:98 / /srv/md98 rw - ext4 /dev/md98 rw")
    found = machine.look(None, "/dev/md99", False)
    assert (found["mounted"], found["mount_point"]) == (False, None)


def test_errors_that_ext4_counted_are_a_problem(machine: Machine) -> None:
    machine.counted(3)
    found = machine.look(probe=False)
    assert (found["errors"], found["problems"]) == (3, [f"{WORDS} has met 3 errors"])


def fail_with(number: int) -> Any:
    def fail(*_arguments: Any, **_options: Any) -> NoReturn:
        # In other words than those of C: only the number counts.
        raise OSError(number, "Eingabe-/Ausgabefehler")

    return fail


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EIO, "Input/output error"), (errno.EROFS, "Read-only file system"), (errno.EUCLEAN, "Structure needs cleaning")],
)
@pytest.mark.parametrize("call", [(tempfile, "mkstemp"), (os, "unlink")])
def test_damage_is_named_with_the_file_system_and_what_was_said(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, number: int, words: str, call: tuple[ModuleType, str]
) -> None:
    machine.counted(2)
    monkeypatch.setattr(*call, fail_with(number))
    assert machine.look()["problems"] == [f"{WORDS} has met 2 errors", f"{WORDS} takes no files: {words}"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES])
def test_a_full_file_system_is_in_order(machine: Machine, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", fail_with(number))
    assert machine.look()["problems"] == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_check_mode_makes_no_file(machine: Machine, monkeypatch: pytest.MonkeyPatch, check_mode: bool) -> None:
    ended: list[dict[str, Any]] = []

    class FakeModule:
        """The part of AnsibleModule that is used."""

        params = {"path": POINT, "device": None, "probe": True}

        def __init__(self, **_spec: Any) -> None:
            self.check_mode = check_mode

        def exit_json(self, **result: Any) -> None:
            ended.append(result)

    monkeypatch.setattr(mount_info, "AnsibleModule", FakeModule)
    monkeypatch.setattr(mount_info, "Host", lambda: machine.host)
    monkeypatch.setattr(tempfile, "mkstemp", fail_with(errno.EIO))
    mount_info.main()
    assert ended[0]["changed"] is False
    assert bool(ended[0]["problems"]) is not check_mode
