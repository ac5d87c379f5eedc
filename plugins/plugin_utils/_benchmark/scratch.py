# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scratch LUNs, sessions and arrays that the benchmark creates and removes again. Pure; runs on the controller."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

_NOT_KEPT = {"persist": False, "bitmap": "internal", "wait": "sync"}


def make_luns(vgs: Sequence[str], lv: str, rotational: bool) -> List[Dict[str, Any]]:
    """The LUNs of a server: the benchmark's volume in each volume group."""
    attributes = {"is_nonrot": 0 if rotational else 1}
    return [{"lun": lun, "name": f"benchmark-{lun}", "path": f"/dev/{vg}/{lv}", "attributes": attributes} for lun, vg in enumerate(vgs)]


def make_sessions(
    targets: Sequence[str], portals: Mapping[str, Mapping[str, Any]], suffix: str, luns: int, chap: Mapping[str, Any]
) -> List[Dict[str, Any]]:
    """The sessions with the scratch targets. A scratch target has the name of one of the C(targets) in use, and the suffix."""
    options = {"startup": "manual", "chap": dict(chap), "timeouts": {"preset": "md"}, "wait_for_luns": luns}
    return [{"target": f"{target}{suffix}", "portal": portals[target], **options} for target in targets]


def layout_arrays(layouts: Sequence[Mapping[str, Any]], devices: Sequence[Mapping[str, Any]], luns: int) -> List[Dict[str, Any]]:
    """One array for each layout, each over another LUN while enough LUNs exist."""
    return [{**layout, **_NOT_KEPT, "devices": _disks(devices, number % luns)} for number, layout in enumerate(layouts)]


def chain_arrays(devices: Sequence[Mapping[str, Any]], luns: int, chunk: int) -> List[Dict[str, Any]]:
    """A mirror of each LUN, and a stripe over the mirrors."""
    mirrors = [
        {"name": f"bench-{lun}", "level": "raid1e", **_NOT_KEPT, "chunk": chunk, "devices": _disks(devices, lun)} for lun in range(luns)
    ]
    over = [f"/dev/md/{mirror['name']}" for mirror in mirrors]
    return [*mirrors, {"name": "bench-chain", "level": "raid0", "persist": False, "chunk": chunk, "devices": over}]


def _disks(devices: Sequence[Mapping[str, Any]], lun: int) -> List[str]:
    return [device["by_path"] for device in devices if device["lun"] == lun]
