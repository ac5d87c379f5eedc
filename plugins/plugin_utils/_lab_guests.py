# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests of a lab on this host. Pure; runs on the controller."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List, Mapping

_FIRST_SERVER, _FIRST_CLIENT = 11, 101
"""The last parts of the addresses of the first server and the first client."""


def make_guests(lab: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """Servers with their disks, then clients, in the form for M(fleetlab.linux.lab_guests). Numbers may be text."""
    servers, clients = int(lab["servers"]), int(lab["clients"])
    return [
        *(_guest(lab, "server", number, _FIRST_SERVER, _disks(lab, number)) for number in range(1, servers + 1)),
        *(_guest(lab, "client", number, _FIRST_CLIENT, []) for number in range(1, clients + 1)),
    ]


def _guest(lab: Mapping[str, Any], role: str, number: int, first: int, disks: List[Dict[str, Any]]) -> Dict[str, Any]:
    return {
        "name": f"{role}{number}",
        "address": f"{lab['network']}.{first + number - 1}/24",
        "memory": int(lab[f"{role}_memory_mb"]),
        "cpus": int(lab["cpus"]),
        "disks": disks,
    }


def _disks(lab: Mapping[str, Any], server: int) -> List[Dict[str, Any]]:
    names = [f"volume{number}" for number in range(1, int(lab["volumes"]) + 1)]
    plain = [{"name": name, "size_mb": int(lab["disk_mb"])} for name in names]
    return [{**disk, "volume_id": _volume_id(f"{lab['name']}{server}{disk['name']}")} for disk in plain] if lab["nvme"] else plain


def _volume_id(disk: str) -> str:
    """An id in the form of EBS volumes, the same for the same disk of the same lab."""
    return f"vol-{hashlib.sha256(disk.encode()).hexdigest()[:17]}"
