# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that is written into the programs left on a host."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._core.python import interpreter


def test_the_name_without_a_version_where_it_is_this_one(tmp_path: Path) -> None:
    system = tmp_path / "python3"
    system.symlink_to(sys.executable)
    assert interpreter(str(system)) == str(system)


def test_not_the_system_s_where_that_is_another_one(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho Python 3.6.8\n", encoding="utf-8")
    old.chmod(0o755)
    assert interpreter(str(old)) == sys.executable
    assert interpreter(str(tmp_path / "missing")) == sys.executable
