# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network can carry from each server, as throughput measured it: a ceiling of all reads. Pure; runs on the controller."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence


def ceilings(measured: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """The ceiling of each server in millions of bytes per second of payload, or the reason why there is none.

    :arg measured: the results of a loop over servers with M(fleetlab.linux.throughput).
    """
    return [_ceiling(result) for result in measured]


def _ceiling(result: Mapping[str, Any]) -> Dict[str, Any]:
    server = result["item"]["name"]
    if "rate" not in result:
        return {"server": server, "mb_per_s": None, "reason": result.get("msg", "no result")}
    return {
        "server": server,
        "mb_per_s": round(result["rate"]["payload"] / 8e6, 1),
        "mtu": result["efficiency"]["mtu"],
        "limited_by": result["limited_by"],
        "trusted": result["trusted"],
        "reason": result["reason"],
    }


def describe_ceilings(servers: Sequence[Mapping[str, Any]]) -> List[str]:
    """A line for the report, none if the network was not measured."""
    words = [
        f"{one['server']} not measured ({one['reason']})"
        if one["mb_per_s"] is None
        else f"{one['server']} {one['mb_per_s']:.0f} MB/s (MTU {one['mtu']}, limited by {one['limited_by']})"
        for one in servers
    ]
    return [f"network, one server after the other, which no read from that server can exceed: {'; '.join(words)}"] if words else []
