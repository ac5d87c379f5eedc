# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values of patched_package_archive. Pure."""

from __future__ import annotations

from typing import Any, Dict

from ..._core.plan import Plan
from .options import WantedArchive
from .state import Archive


def returned(state: Archive, wanted: WantedArchive, _plan: Plan) -> Dict[str, Any]:
    """What is published."""
    return {
        "archive": wanted.path,
        "public_key": wanted.public_key,
        "fingerprint": state.fingerprint,
        "packages": [
            {"name": entry.name, "version": entry.version, "architecture": entry.architecture, "suite": entry.suite, "file": entry.place}
            for entry in state.entries
        ],
    }
