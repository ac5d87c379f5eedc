# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a build that need no root."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._packages import apply


def test_a_changelog_in_an_old_encoding_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "changelog"
    path.write_bytes(b"a (1) b; urgency=low\n\n  * J\xf6rg\r\n")
    apply._edit(str(path), lambda text: f"first\n{text}")
    assert path.read_bytes() == b"first\na (1) b; urgency=low\n\n  * J\xf6rg\r\n"
