# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which members a recovery notes as having every write that counts, run by the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import render, run_shell, task

NOTE = task("storage_client", "recover_stop.yml", "Recover | Note which members have every write that counts")["ansible.builtin.raw"]

FAILED = ("faulty,write_error", "15746 8\n")
LATE = ("faulty,write_error", "")
GIVEN_UP = ("faulty", "")
WHOLE = ("in_sync", "")
LAST = ("in_sync,write_error,want_replacement", "100368 2\n")
REBUILT = ("spare", "")


def note(folder: Path, *members: tuple[str, str]) -> str:
    """What is noted of one mirror, whose members are called a, b, c."""
    for name, (state, marks) in zip("abc", members, strict=True):
        member = folder / "block/md1/md" / f"dev-sd{name}"
        (member / "block/device").mkdir(parents=True)
        (member / "block/device/wwid").write_text(f"naa.{name}\n", encoding="utf-8")
        (member / "state").write_text(f"{state}\n", encoding="utf-8")
        (member / "bad_blocks").write_text(marks, encoding="utf-8")
        (member / "unacknowledged_bad_blocks").write_text("", encoding="utf-8")
    command = render(NOTE, storage_client_recovery=folder / "note", storage_client_md_names=["md1", "md99"])
    assert run_shell(command.replace("/sys/block", f"{folder}/block")) == []
    return (folder / "note").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("members", "noted"),
    [
        ((FAILED, GIVEN_UP, WHOLE), "md1 naa.c\n"),
        ((WHOLE, GIVEN_UP, WHOLE), "md1 naa.a naa.c\n"),
        ((GIVEN_UP, GIVEN_UP, LAST), "md1 equal naa.a naa.b\n"),
        ((FAILED, GIVEN_UP, LAST), "md1 equal naa.b\n"),
        ((FAILED, LATE, LAST), "md1 naa.c\n"),
        ((FAILED, LATE, LATE), "md1\n"),
        ((REBUILT, WHOLE, FAILED), "md1 naa.b\n"),
    ],
)
def test_members_that_took_every_write_come_first(tmp_path: Path, members: tuple[tuple[str, str], ...], noted: str) -> None:
    assert note(tmp_path, *members) == noted


def test_what_a_recovery_has_noted_that_did_not_end_stays(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("md1 naa.a\n", encoding="utf-8")
    assert note(tmp_path, WHOLE, WHOLE, WHOLE) == "md1 naa.a\n"
