# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation says of modules as such."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

PLUGINS = Path(__file__).resolve().parents[4] / "plugins"
NAMES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))
SHARED = "fleetlab.linux._attributes"


def documentation(name: str) -> dict[str, Any]:
    module = import_module(f"ansible_collections.fleetlab.linux.plugins.modules.{name}")
    found: dict[str, Any] = yaml.safe_load(module.DOCUMENTATION)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_module_has_the_attributes_of_its_kind(name: str) -> None:
    """Of two fragments the first is believed, so that a module which only looks would be told to have a diff."""
    looks = name.endswith(("_info", "_facts")) or name in ("copy_check", "throughput", "throughput_agent")
    shared = [one for one in documentation(name)["extends_documentation_fragment"] if one.startswith(SHARED)]
    # A fragment for a group of modules only adds the group to the attributes.
    fragments = [one for one in shared if not one.startswith(f"{SHARED}.group_")]
    assert fragments == [f"{SHARED}.info_module" if looks else SHARED]


@pytest.mark.parametrize("name", sorted(path.stem for path in (PLUGINS / "action").glob("*.py")))
def test_an_action_plugin_is_documented(name: str) -> None:
    assert documentation(name)["attributes"]["action"]["support"] == "full"
