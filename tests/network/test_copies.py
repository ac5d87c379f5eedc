# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""copy_check on file systems of its own, in a mount namespace of its own: kernel, mkfs and copiers are real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ansible
import pytest

from . import file_systems

if TYPE_CHECKING:
    from ansible_collections.fleetlab.linux.scripts.server_roots import ServerRoot

ROOT = Path(__file__).resolve().parents[2]

PROVED = {
    "ext4": ["adjacent", "adjacent_odd", "holes", "just_written"],
    "xfs": ["adjacent", "adjacent_odd", "holes", "just_written"],
    "btrfs": ["adjacent", "adjacent_odd", "holes", "just_written"],
    "tmpfs": ["holes"],
    "overlay": ["adjacent", "adjacent_odd", "holes", "just_written"],
    file_systems.SSHFS: [],
}


@pytest.fixture(autouse=True)
def in_tree(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Python of the modules find the collection."""
    monkeypatch.setenv("PYTHONPATH", str(tree))


@pytest.mark.parametrize("kind", file_systems.kinds())
def test_every_damage_is_found_and_no_clean_copy_is_blamed(kind: str, tmp_path: Path) -> None:
    with file_systems.mounted(kind, tmp_path) as system:
        result = system.check(commands=["cp", file_systems.BROKEN], guard="never", rounds=1)
        assert system.names() == system.names_before
    clean, broken = ([found for found in result["results"] if (found["command"][0] == "cp") == is_cp] for is_cp in (True, False))
    assert [found["layout"] for found in clean if found["proved"]] == PROVED[kind]
    assert {found["filesystem"] for found in clean} == {kind}
    assert [found["damaged"] for found in clean] == [0, 0, 0, 0]
    assert {found["verdict"] for found in clean if found["proved"]} == ({"not_seen"} if PROVED[kind] else set())
    assert {found["verdict"] for found in clean if not found["proved"]} <= {"inconclusive"}
    assert [found["damaged"] for found in broken] == [found["copies"] for found in broken] == [1, 1, 1, 4]
    assert {found["verdict"] for found in broken} == {"corrupts"}


def test_other_copiers_are_checked_as_they_are_called(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    tar = ["sh", "-c", "tar -C {folder} -cSf - {name} | tar -C {target_folder} -xf -"]
    python = [sys.executable, "-c", "import shutil, sys; shutil.copyfile(*sys.argv[1:])", "{source}", "{target}"]
    commands = ["cp --sparse=always", "cp -a", "install", tar, python, "cp --reflink=always", "false", "mv"]
    with file_systems.mounted("tmpfs", tmp_path) as system:
        result = system.check(commands=commands, guard="never", layouts=["holes"], rounds=1, target=str(other))
    verdicts = [found["verdict"] for found in result["results"]]
    assert verdicts == ["not_seen", "not_seen", "not_seen", "not_seen", "not_seen", "inconclusive", "inconclusive", "not_seen"]
    assert "1 of 1 calls failed: exit code 1" in result["results"][6]["reason"]
    assert not list(other.iterdir())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_check_leaves_no_file(number: signal.Signals, tmp_path: Path) -> None:
    arguments = tmp_path / "arguments"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"paths": [str(tmp_path)], "commands": [["sleep", "2", "{source}{target}"]]}}))
    with subprocess.Popen([sys.executable, "-m", file_systems.MODULE, str(arguments)], stdout=subprocess.PIPE) as process:
        _wait_until(lambda: len(list(tmp_path.iterdir())) == 3)
        process.send_signal(number)
        _wait_until(lambda: list(tmp_path.iterdir()) == [arguments])
        process.communicate(timeout=20)


def _wait_until(question: Any) -> None:
    end = time.monotonic() + 20
    while not question():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("copier", ["freed_copier.py", "cp"])
def test_a_real_guard_tells_who_reads_freed_memory(server_root: Callable[[str], ServerRoot], copier: str) -> None:
    """Electric Fence and a program that really does, of whose copies none differs without a guard."""
    command = (
        [copier] if copier == "cp" else ["/usr/bin/python3", "-I", "-S", f"/tree/ansible_collections/fleetlab/linux/tests/network/{copier}"]
    )
    options = {"paths": ["/srv"], "commands": [command], "layouts": ["holes"], "rounds": 1, "guard": "require"}
    argv = ["env", "PYTHONPATH=/tree:/tree/packages", "PYTHONDONTWRITEBYTECODE=1", "python3", "-m", file_systems.MODULE]
    binds = {ROOT: "/tree/ansible_collections/fleetlab/linux", Path(ansible.__path__[0]).parent: "/tree/packages"}
    done = server_root("bookworm").run(*argv, binds=binds, stdin=json.dumps({"ANSIBLE_MODULE_ARGS": options}))
    (result,) = json.loads(done.stdout)["results"]
    assert (result["guard"], result["damaged"]) == ("libefence", 0)
    assert result["verdict"] == ("not_seen" if copier == "cp" else "reads_freed_memory")


def test_a_guard_that_reports_freed_memory_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs, report = tmp_path / "bin", Path(__file__).parents[1] / "fixtures" / "valgrind" / "3.19.0" / "freed.xml"
    programs.mkdir()
    guard = programs / "valgrind"
    guard.write_text(f'#!/bin/sh\nfor word; do case $word in --xml-file=*) cp "{report}" "${{word#*=}}" ;; esac; done\n')
    guard.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with file_systems.mounted("tmpfs", tmp_path) as system:
        result = system.check(layouts=["holes", "adjacent"], rounds=1)
    assert [(found["layout"], found["guard"], found["verdict"]) for found in result["results"]] == [
        ("adjacent", None, "inconclusive"),
        ("holes", "valgrind", "reads_freed_memory"),
    ]
    (problem,) = result["problems"]
    assert problem.startswith(
        f"cp '{{source}}' '{{target}}' on {system.point} (tmpfs), layout holes: under valgrind it reads memory that it"
    )
