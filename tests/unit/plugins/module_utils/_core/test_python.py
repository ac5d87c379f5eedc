# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that is written into the programs left on a host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.python import OPTIONS, interpreter


def test_the_name_without_a_version_where_it_is_this_one(tmp_path: Path) -> None:
    system = tmp_path / "python3"
    system.symlink_to(sys.executable)
    assert interpreter(str(system)) == str(system)


@pytest.mark.parametrize(("version", "is_taken"), [("python3.6", False), ("python3.7", False), ("python3.8", True), ("python3.14", True)])
def test_another_python_of_the_system_only_where_that_is_new_enough(tmp_path: Path, version: str, is_taken: bool) -> None:
    (tmp_path / version).write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / version).chmod(0o755)
    system = tmp_path / "python3"
    system.symlink_to(version)
    assert interpreter(str(system)) == (str(system) if is_taken else sys.executable)


def test_the_running_python_where_the_system_has_none_that_runs(tmp_path: Path) -> None:
    (tmp_path / "python3.11").write_text("", encoding="utf-8")
    (tmp_path / "python3").symlink_to("python3.11")
    assert interpreter(str(tmp_path / "python3")) == sys.executable
    assert interpreter(str(tmp_path / "missing")) == sys.executable


def test_programs_are_isolated_and_use_utf_8_in_every_locale() -> None:
    """In a locale such as de_DE.ISO-8859-1, a command with an arrow could not be started, and one with an umlaut named another file."""
    shown = "import sys; print(sys.flags.isolated, sys.flags.no_site, sys.flags.utf8_mode)"
    # Of the locale C Python takes UTF-8 anyway, but not of this one.
    done = subprocess.run([sys.executable, OPTIONS, "-c", shown], env={"LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=True)
    assert done.stdout == "1 1 1\n"
