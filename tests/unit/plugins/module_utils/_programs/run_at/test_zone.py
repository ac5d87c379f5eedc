# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones that a host has not got."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.zone import ZoneError, load

LISTED = """# version 2026b
R E 1980 o - Apr Su>=1 1u 1 S
Z Europe/Sofia 1:33:16 - LMT 1880
L America/New_York US/Eastern
"""


@pytest.mark.parametrize(
    ("listed", "name", "said"),
    [
        (LISTED, "US/Eastern", "'US/Eastern', an old name of America/New_York: use that, or install the package tzdata-legacy"),
        (LISTED, "US/Easter", "has no zone 'US/Easter'; the nearest are America/New_York"),
        (None, "US/Eastern", "has no zone 'US/Eastern'; if it is an old name, it may be in the package tzdata-legacy"),
    ],
)
def test_a_name_that_newer_systems_know_but_have_not_got(tmp_path: Path, listed: str | None, name: str, said: str) -> None:
    if listed is not None:
        (tmp_path / "tzdata.zi").write_text(listed, encoding="utf-8")
    with pytest.raises(ZoneError, match=re.escape(said) + ("$" if "legacy" not in said else "")):
        load(name, str(tmp_path))
