# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probes say about a path. Pure."""

from __future__ import annotations

from typing import Any, Dict

from .layers import Layers


def describe_path(peer: str, agreed: int, passes: int, timestamps: bool, ipv6: bool) -> Dict[str, Any]:
    """The MTU of a path, and whether larger packets disappear in it without a message.

    :arg agreed: the payload of the largest segments that the two ends have agreed on.
    :arg passes: that of the largest that arrive; 0 if none does.
    """
    headers = Layers(timestamps=timestamps, ipv6=ipv6).headers
    wanted, mtu = agreed + headers, passes + headers if passes else 0
    black_hole = passes < agreed
    return {"mtu": mtu, "negotiated_mtu": wanted, "black_hole": black_hole, "advice": _advice(peer, wanted, mtu) if black_hole else ""}


def _advice(peer: str, wanted: int, mtu: int) -> str:
    if not mtu:
        return f"{peer}: small messages arrive, but no larger data, of whatever size: a firewall on the path drops them"
    return (
        f"{peer}: black hole: both ends use an MTU of {wanted}, packets of more than {mtu} bytes do not arrive, and no ICMP says so."
        f" Raise the MTU of the switch, router or tunnel on the path to {wanted}, or let its ICMP through, or set both interfaces to {mtu}."
        " Until then net.ipv4.tcp_mtu_probing=1 helps TCP"
    )
