# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of md_array: the same options for one array and for each of a list."""

from __future__ import annotations

from typing import Any, Dict

from .layout import LEVELS


def argument_spec() -> Dict[str, Dict[str, Any]]:
    """All options of the module."""
    entry = {"name": {"required": True}, **_array_options()}
    return {"name": {}, "arrays": {"type": "list", "elements": "dict", "options": entry}, **_array_options()}


def _array_options() -> Dict[str, Dict[str, Any]]:
    """Options of one array, its name left out."""
    return {
        "state": {"choices": ["present", "absent", "stopped"], "default": "present"},
        "level": {"choices": list(LEVELS)},
        "layout": {},
        "devices": {"type": "list", "elements": "str"},
        "spares": {"type": "list", "elements": "str"},
        "spare_group": {},
        "chunk": {"type": "int"},
        "bitmap": {"choices": ["internal", "none"]},
        "metadata": {"choices": ["1.0", "1.1", "1.2"], "default": "1.2"},
        "homehost": {},
        "assume_clean": {"type": "bool", "default": False},
        "persist": {"type": "bool", "default": True},
        "overwrite": {"type": "bool", "default": False},
        "run_degraded": {"type": "bool", "default": False},
        "replace_failed": {"type": "bool", "default": False},
        "size_tolerance": {"type": "float", "default": 1.0},
        "failure_domains": {"type": "dict"},
        "grow": {"type": "bool", "default": False},
        "check": {"type": "bool", "default": False},
        "wait": {"choices": ["none", "sync"], "default": "none"},
        "wait_timeout": {"type": "int", "default": 3600},
    }
