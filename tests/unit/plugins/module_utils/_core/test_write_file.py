# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are replaced whole or not at all, and are never more readable than asked."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import WriteFile, write_file


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
@pytest.mark.parametrize("old_mode", [None, 0o666])
def test_content_and_mode_whatever_was_there(tmp_path: Path, mode: int, old_mode: int | None) -> None:
    path = tmp_path / "file"
    if old_mode is not None:
        path.write_text("old")
        path.chmod(old_mode)
    write_file(WriteFile(str(path), "näu\n", mode))
    assert path.read_bytes() == "näu\n".encode()
    assert mode_of(path) == mode
    assert list(tmp_path.iterdir()) == [path]


def test_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "file"
    before = os.umask(0o077)
    try:
        write_file(WriteFile(str(path), "", 0o644))
    finally:
        os.umask(before)
    assert mode_of(path) == 0o644


@pytest.mark.parametrize("broken", ["fsync", "fchmod", "replace"])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="No space left"):
        write_file(WriteFile(str(path), "new"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_interrupt_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_file(WriteFile(str(path), "new"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_content_is_unreadable_for_others_until_the_mode_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    seen = []
    real = os.fchmod

    def look_first(descriptor: int, mode: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        real(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", look_first)
    write_file(WriteFile(str(path), "content", 0o644))
    assert seen == [0o600]


def test_an_existing_file_keeps_its_owner_and_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    owners = []
    monkeypatch.setattr(os, "fchown", lambda descriptor, uid, gid: owners.append((uid, gid)))
    write_file(WriteFile(str(path), "new"))
    assert owners == [(path.stat().st_uid, path.stat().st_gid)]


def test_a_link_is_replaced_and_what_it_points_to_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, path = tmp_path / "victim", tmp_path / "file"
    victim.write_text("mine")
    path.symlink_to(victim)
    owners = []
    monkeypatch.setattr(os, "fchown", lambda descriptor, uid, gid: owners.append((uid, gid)))
    write_file(WriteFile(str(path), "new"))
    assert victim.read_text() == "mine"
    assert not path.is_symlink()
    assert path.read_text() == "new"
    assert owners == []


def test_named_owner_and_group_are_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(shutil, "chown", lambda path, user, group: given.append((user, group)))
    write_file(WriteFile(str(tmp_path / "file"), "", owner="root", group="disk"))
    assert given == [("root", "disk")]


def test_unknown_owner_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(FleetlabError, match=r"file: no such user: 'nobody-has-this-name' on this host"):
        write_file(WriteFile(str(path), "", owner="nobody-has-this-name"))
    assert list(tmp_path.iterdir()) == []
