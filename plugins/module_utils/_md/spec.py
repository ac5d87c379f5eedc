# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of md_array: the same options for one array and for each of a list."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from .layout import LEVELS

_DEFAULTS: Dict[str, Any] = {
    "state": "present",
    "metadata": "1.2",
    "assume_clean": False,
    "persist": True,
    "overwrite": False,
    "run_degraded": False,
    "replace_failed": False,
    "size_tolerance": 1.0,
    "grow": False,
    "check": False,
    "wait": "none",
    "wait_timeout": 3600,
}


def argument_spec() -> Dict[str, Dict[str, Any]]:
    """All options of the module.

    Only an entry has defaults: beside C(arrays) they would hide whether a task gives both.
    """
    options = _array_options()
    entry = {name: {**option, "default": _DEFAULTS[name]} if name in _DEFAULTS else option for name, option in options.items()}
    return {
        "name": {},
        "arrays": {"type": "list", "elements": "dict", "options": {"name": {"required": True}, **entry}},
        **options,
    }


def exclusive_options() -> List[Tuple[str, str]]:
    """Options that would have no effect on the entries of C(arrays)."""
    return [("arrays", name) for name in ("name", *_array_options())]


def declared(options: Mapping[str, Any]) -> List[Tuple[str, Mapping[str, Any]]]:
    """Every array of the checked options with where it stands in them, and with the defaults of what was left out."""
    if options["arrays"] is None:
        return [("", {**_DEFAULTS, **{name: value for name, value in options.items() if value is not None}})]
    return [(f"arrays[{number}]", entry) for number, entry in enumerate(options["arrays"])]


def _array_options() -> Dict[str, Dict[str, Any]]:
    """Options of one array, its name left out."""
    return {
        "state": {"choices": ["present", "absent", "stopped"]},
        "level": {"choices": list(LEVELS)},
        "layout": {},
        "devices": {"type": "list", "elements": "str"},
        "spares": {"type": "list", "elements": "str"},
        "spare_group": {},
        "chunk": {"type": "int"},
        "bitmap": {"choices": ["internal", "none"]},
        "metadata": {"choices": ["1.0", "1.1", "1.2"]},
        "homehost": {},
        "assume_clean": {"type": "bool"},
        "persist": {"type": "bool"},
        "overwrite": {"type": "bool"},
        "run_degraded": {"type": "bool"},
        "replace_failed": {"type": "bool"},
        "size_tolerance": {"type": "float"},
        "failure_domains": {"type": "dict"},
        "grow": {"type": "bool"},
        "check": {"type": "bool"},
        "wait": {"choices": ["none", "sync"]},
        "wait_timeout": {"type": "int"},
    }
