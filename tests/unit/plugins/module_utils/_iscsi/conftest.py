# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recordings of every version: what takes C(records) or C(saved_text) is tested on each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures"


ISCSIADM = sorted((FIXTURES / "iscsiadm").iterdir())


@pytest.fixture(params=ISCSIADM, ids=lambda folder: folder.name)
def records(request: pytest.FixtureRequest) -> Path:
    """What one version of open-iscsi has printed and written."""
    found: Path = request.param
    return found


@pytest.fixture(params=sorted((FIXTURES / "rtslib").iterdir()), ids=lambda folder: folder.name)
def saved_text(request: pytest.FixtureRequest) -> str:
    """The file that one version of rtslib has saved."""
    folder: Path = request.param
    return (folder / "one_target.json").read_text(encoding="utf-8")
