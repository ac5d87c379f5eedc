# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Galaxy reads what a role is from its meta/main.yml."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT

ROLES = sorted(path.name for path in ROOT.glob("roles/*") if path.is_dir())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_described_as_in_its_argument_specs(role: str) -> None:
    meta = ROOT / "roles" / role / "meta"
    told = yaml.safe_load((meta / "main.yml").read_text(encoding="utf-8"))
    specs = yaml.safe_load((meta / "argument_specs.yml").read_text(encoding="utf-8"))
    assert told["galaxy_info"]["description"] == specs["argument_specs"]["main"]["short_description"]
    assert told["dependencies"] == []
