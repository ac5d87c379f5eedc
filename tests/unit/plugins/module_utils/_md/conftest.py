# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recordings of every version of mdadm: what takes C(folder) is tested on each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import FOLDERS


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """The recordings of one version."""
    found: Path = request.param
    return found
