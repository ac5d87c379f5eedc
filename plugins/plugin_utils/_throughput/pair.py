# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two turns of a pair, and the result of the pair. Pure."""

from __future__ import annotations

import ipaddress
from typing import Any, Dict, List, Mapping, Optional

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.thresholds import Thresholds, problems


def address_of(host: str, variables: Mapping[str, Any], given: Optional[str]) -> str:
    """The address to measure: as given, or that by which Ansible connects.

    :raises InputError: neither is an address.
    """
    found = str(given or variables.get("ansible_host", host))
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        raise InputError(
            "address",
            f"{found!r}, by which Ansible reaches {host}, is no IP address: give the address of {host} to be measured. Nothing was sent",
        ) from None


def flatten(result: Mapping[str, Any]) -> Dict[str, Any]:
    """The result of a turn with the first direction on top, and the second one, if there are two, as C(reverse)."""
    measured: Mapping[str, Dict[str, Any]] = result["measured"]
    first, *others = measured
    flat = {"direction": first, **measured[first], "path": result.get("path")}
    return {**flat, "reverse": measured[others[0]]} if others else flat


def missed(host: str, peer: str, result: Mapping[str, Any], thresholds: Thresholds, speed: Optional[int]) -> List[str]:
    """The thresholds that a turn missed, in each direction."""
    found: List[str] = []
    for direction, measured in result["measured"].items():
        name = f"{host} -> {peer}" if direction == "to" else f"{peer} -> {host}"
        found += problems(name, measured, thresholds, speed)
    return found
