# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that large frames do not reach are told from peers that do not answer at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import Stubs, play_tasks

# 192.0.2.2 answers small frames only, 192.0.2.3 nothing.
PING = """#!/bin/sh
case "$*" in *192.0.2.3) exit 1;; *"-M do -s 8972 192.0.2.2") exit 1;; esac
"""


@pytest.mark.parametrize(
    ("names", "path", "silent", "lost"),
    [
        ((1, 2, 3), None, "three", "two"),
        # Pings are blocked, and TCP proves the path, or that it is a black hole.
        ((1, 3), {"mtu": 9000}, "", ""),
        ((2, 3), {"mtu": 1500}, "", "two, three"),
    ],
)
def test_peers_are_told_apart(tmp_path: Path, names: tuple[int, ...], path: dict[str, int] | None, silent: str, lost: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ping").write_text(PING, encoding="utf-8")
    (tmp_path / "bin/ping").chmod(0o755)
    stubs = Stubs(tmp_path, {"throughput": {"failed": True, "msg": "two: nobody listens"} if path is None else {"path": path}})
    words = {1: "one", 2: "two", 3: "three"}
    peers = [{"name": words[number], "host": f"192.0.2.{number}"} for number in names]
    variables: dict[str, Any] = {"jumbo_frames_mtu": 9000}
    role = {"name": "fleetlab.linux.jumbo_frames", "tasks_from": "verify"}
    played = play_tasks(tmp_path, {"here": variables}, "-e", str({"jumbo_frames_peers": peers}), path=str(tmp_path / "bin"), **role)
    assert [one["to"] for one in stubs.called("throughput")] == [words[number] for number in names if number != 1]
    results = {one["task"]["name"].rpartition(" | ")[2]: one["hosts"]["here"] for one in played}
    said = results["Say which peers are silent"]
    assert said.get("msg", "") == (f"here gets no answer from {silent}; frames of full size are not tested there" if silent else "")
    judged = results["Fail if large frames get lost"]
    assert bool(judged.get("failed")) is bool(lost)
    if lost:
        assert judged["msg"].startswith(f"here reaches {lost} with small frames, but not with frames of 9000 bytes")
        assert ("The largest MTU that TCP gets through: {" in judged["msg"]) is (path is not None)
