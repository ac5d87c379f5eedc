# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values of ebs_device_info. Pure."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from .identify import Found
from .state import Disk


def returned(disks: Sequence[Disk], found: Sequence[Found]) -> Dict[str, Any]:
    """The return values."""
    return {"devices": [_device(item) for item in found], "system_devices": [f"/dev/{disk.name}" for disk in disks if disk.system]}


def _device(found: Found) -> Dict[str, Any]:
    return {
        "volume_id": found.volume.volume_id,
        "name": found.volume.name,
        "path": found.disk.path,
        "device": f"/dev/{found.disk.name}",
        "size": found.disk.size,
        "found_by": found.by,
    }
