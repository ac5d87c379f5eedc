# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sysfs says of a resync, as linux 6.1 says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._md.progress import Progress, parse_progress, progress_command

REBUILD = """\
md1/md/sync_action:recover
md1/md/sync_completed:65408 / 1044480
md1/md/sync_speed:28544
md1/md/resync_start:none
md1/md/degraded:1
md1/md/array_state:active
md1/md/dev-loop0/state:in_sync
md1/md/dev-loop1/state:spare
md2/md/sync_action:idle\r
md2/md/sync_completed:none\r
md2/md/resync_start:none\r
md2/md/degraded:0\r
md2/md/array_state:clean\r
"""


def one(**changes: str) -> Progress:
    values = {"sync_action": "idle", "sync_completed": "none", "resync_start": "none", "degraded": "0", "array_state": "clean"}
    text = "\n".join(f"md1/md/{file}:{value}" for file, value in {**values, **changes}.items())
    return parse_progress(text)["md1"]


def test_a_rebuild_and_an_array_at_rest() -> None:
    found = parse_progress(REBUILD)
    assert found["md1"] == Progress("md1", "recover", 65408, 1044480, 28544, begins=True)
    assert found["md1"].line("data") == "data: rebuild 6.3 %, 29.2 MB/s, 0:17 min left"
    assert not found["md2"].working
    assert not found["md2"].begins


@pytest.mark.parametrize(
    ("changes", "begins"),
    [
        ({}, False),
        ({"resync_start": "0"}, True),
        ({"resync_start": "0", "array_state": "read-auto"}, False),
        ({"degraded": "1"}, False),
        ({"degraded": "1", "dev-sda/state": "spare"}, True),
        ({"degraded": "1", "dev-sda/state": "faulty,spare"}, False),
        ({"dev-sda/state": "spare"}, False),
    ],
)
def test_what_is_about_to_begin(changes: dict[str, str], begins: bool) -> None:
    assert one(**changes).begins is begins


def test_one_that_waits_for_its_turn_has_no_time_left_to_tell() -> None:
    found = one(sync_action="resync", sync_completed="delayed")
    assert found.working
    assert found.line("md1") == "md1: resync"
    assert one(sync_action="check", sync_completed="8 / 16", sync_speed="0").line("md1") == "md1: check 50.0 %, 0.0 MB/s"


def test_an_array_that_is_gone_is_missing() -> None:
    assert parse_progress("grep: nonsense\n") == {}
    assert "md1/md/sync_action" in progress_command(["md1", "md2"])


@pytest.mark.parametrize(
    ("scenario", "action", "begins"), [("lost", "idle", False), ("healing", "recover", True), ("checking", "check", False)]
)
def test_recorded_arrays(folder: Path, scenario: str, action: str, begins: bool) -> None:
    text = (folder / f"{scenario}.progress").read_text(encoding="utf-8")
    found = parse_progress(text)["md1"]
    if action == "idle":
        assert found == Progress("md1", "idle")
        return
    files = dict(line.split(":", 1) for line in text.splitlines())
    done, total = map(int, files["md1/md/sync_completed"].split(" / "))
    assert found == Progress("md1", action, done, total, int(files["md1/md/sync_speed"]), begins=begins)
    assert (total, found.speed > 0) == (1046400, True)
