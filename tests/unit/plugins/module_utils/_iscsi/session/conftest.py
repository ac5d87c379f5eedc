# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded host, once for each version of open-iscsi that wrote its records."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._iscsi.session.recorded_host import record_host


@pytest.fixture
def host(tmp_path: Path, records: Path) -> Host:
    return record_host(tmp_path, records)
