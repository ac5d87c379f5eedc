# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root of a Debian release for tests of real servers: nothing of a run is left, neither a file nor a process nor a mount."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

Roots = Callable[[str], "ServerRoot"]


@pytest.mark.parametrize(("suite", "version"), [("bookworm", "12"), ("trixie", "13")])
def test_a_command_runs_apart_and_leaves_nothing(server_root: Roots, tmp_path: Path, suite: str, version: str) -> None:
    (tmp_path / "note").write_text("read me")
    root = server_root(suite)
    script = 'cat /etc/debian_version /seen/note; ip -json link; touch /usr/new; echo > /seen/note; echo "$$ $(hostname)" >&2; exit 7'
    done = root.run("sh", "-c", script, binds={tmp_path: "/seen"})
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith(version)
    before, _bracket, links = done.stdout.partition("[")
    assert before.endswith("read me")
    assert [link["ifname"] for link in json.loads(f"[{links}")] == ["lo"]
    assert done.stderr.splitlines()[-1].endswith(" server")
    assert not (root.path / "usr" / "new").exists()
    assert (tmp_path / "note").read_text() == "read me"
    assert str(root.path) not in Path("/proc/self/mountinfo").read_text()


def test_what_a_command_has_started_ends_with_it(server_root: Roots, tmp_path: Path) -> None:
    mark = str(tmp_path)
    process = subprocess.Popen(
        server_root("bookworm").argv("sh", "-c", 'setsid sh -c "while sleep 0.1; do :; done" "$0" & echo ready; wait', mark),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert _processes(mark) >= 3
    process.kill()
    process.wait()
    end = time.monotonic() + 5
    while _processes(mark) and time.monotonic() < end:
        time.sleep(0.05)
    assert _processes(mark) == 0


def _processes(mark: str) -> int:
    count = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += mark.encode() in file.read_bytes()
        except OSError:
            continue
    return count
