# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of the scenario own, which all tests use one after the other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .machines import ROOT, Machines

sys.path.insert(0, str(ROOT / ".cache" / "collections"))


@pytest.fixture(scope="session")
def machines(request: pytest.FixtureRequest) -> Machines:
    """The machines, booted."""
    found = Machines(Path(request.config.getoption("ansible_inventory")))
    for name in (*found.servers, *found.clients):
        found.wait(name)
    return found
