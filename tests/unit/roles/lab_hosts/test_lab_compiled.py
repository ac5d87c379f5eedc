# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests keep compiled code of archives: the same source is compiled once, and no call gets the code of another source."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.scripts import matrix

from ..role_files import ROOT

PROGRAM = """
import sys
sys.path.insert(0, "FILES")
import lab_compiled
lab_compiled.FOLDER = "KEPT"
sys.path.insert(0, sys.argv[1])
import said
print(said.words(), said.words.__code__.co_filename == sys.argv[1] + "/said.py")
"""
PYTHONS = {"own": sys.executable, **{name: matrix.find_python(name) for name in ("3.8", "3.9", "3.13", "3.14")}}


@pytest.fixture(params=[found for found in PYTHONS.values() if found])
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(python: str, folder: Path, archive: str, words: str) -> str:
    """What a program says that imports this source from an archive."""
    with zipfile.ZipFile(folder / archive, "w") as stream:
        stream.writestr("said.py", f"def words():\n    return '{words}'\n")
    text = PROGRAM.replace("FILES", str(ROOT / "roles/lab_hosts/files")).replace("KEPT", str(folder / "kept"))
    done = subprocess.run([python, "-B", "-c", text, str(folder / archive)], check=True, capture_output=True, text=True)
    assert not done.stderr
    return done.stdout.strip()


def kept(folder: Path) -> dict[str, int]:
    """The files of compiled code, with their inodes."""
    return {file.name: file.stat().st_ino for file in (folder / "kept").iterdir()}


def test_a_source_is_compiled_once(tmp_path: Path, python: str) -> None:
    assert run(python, tmp_path, "one.zip", "hello") == "hello True"
    first = kept(tmp_path)
    assert len(first) == 1
    assert run(python, tmp_path, "another.zip", "hello") == "hello True"
    assert kept(tmp_path) == first
    assert run(python, tmp_path, "one.zip", "other") == "other True"
    assert len(kept(tmp_path)) == 2


def test_a_damaged_file_is_written_again(tmp_path: Path, python: str) -> None:
    run(python, tmp_path, "one.zip", "hello")
    (file,) = (tmp_path / "kept").iterdir()
    for damage in (b"", file.read_bytes()[:-20], bytes(200)):
        file.write_bytes(damage)
        assert run(python, tmp_path, "one.zip", "hello") == "hello True"
        assert file.read_bytes() != damage


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, python: str) -> None:
    (tmp_path / "kept").write_text("", encoding="utf-8")
    assert run(python, tmp_path, "one.zip", "hello") == "hello True"
