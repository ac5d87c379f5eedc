# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel and iproute2 print about interfaces and routes. Pure."""

from __future__ import annotations

import ipaddress
import json
from typing import Any, Dict, Mapping, Optional

from .._core.errors import ObservationError
from .layers import ETHERNET
from .state import Counters, Link, Route

_WITH_ETHERNET_HEADER = ("ether", "loopback")
_OVERLAYS = ("vxlan", "geneve", "gretap", "ip6gretap")
"""Tunnels that carry Ethernet. The kernel counts their packets from the inner network header on (iptunnel_xmit and ip6tunnel_xmit)."""

# Drivers whose speed is a number without a wire behind it, or that of the hypervisor's choice.
_MADE_UP = frozenset(
    {"veth", "virtio_net", "tun", "bridge", "dummy", "vif", "vmxnet3", "hv_netvsc", "ena", "uml-vector", "bonding", "team", "openvswitch"}
)


def parse_counters(text: str, device: str) -> Optional[Counters]:
    """The counters of an interface in the text of C(/proc/net/dev), which is of one moment; C(None) if there is no such interface."""
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if colon and name.strip() == device:
            values = [int(word) for word in rest.split()]
            return Counters(values[0], values[1], values[8], values[9])
    return None


def parse_json(what: str, text: str) -> Any:
    """The list that a command of iproute2 prints.

    :raises ObservationError: it printed something else.
    """
    try:
        return json.loads(text or "[]")
    except ValueError:
        raise ObservationError(f"{what}: its output is not JSON ({text[:60]!r}): iproute2 4.18 or newer is needed") from None


def parse_addresses(found: Any) -> Dict[str, str]:
    """Each address of the host with its interface, from C(ip -json address)."""
    return {
        str(ipaddress.ip_address(address["local"])): str(link["ifname"])
        for link in found
        for address in link.get("addr_info", ())
        if "local" in address
    }


def parse_route(found: Any) -> Optional[Route]:
    """The first route from C(ip -json route get)."""
    if not found or "dev" not in found[0]:
        return None
    one: Mapping[str, Any] = found[0]
    mtu = next((metric["mtu"] for metric in one.get("metrics", ()) if "mtu" in metric), None)
    return Route(one["dev"], one.get("prefsrc", ""), one.get("type") == "local", mtu)


def parse_link(found: Any, driver: str, speed: Optional[int], offloads: Mapping[str, bool]) -> Optional[Link]:
    """The interface from C(ip -details -json link show dev), and what only its driver tells."""
    if not found:
        return None
    one: Mapping[str, Any] = found[0]
    kind = one.get("linkinfo", {}).get("info_kind", "")
    believed = speed if speed and driver not in _MADE_UP and kind not in _MADE_UP else None
    return Link(
        name=one["ifname"],
        mtu=one["mtu"],
        up="UP" in one.get("flags", ()),
        kind=kind,
        driver=driver,
        speed=believed,
        qdisc=one.get("qdisc", ""),
        offloads=dict(offloads),
        header=ETHERNET if one.get("link_type") in _WITH_ETHERNET_HEADER and kind not in _OVERLAYS else 0,
    )


def parse_qdisc(found: Any) -> Optional[int]:
    """The bytes that the root queueing disciplines have sent, from C(tc -statistics -json qdisc show dev); C(None) if none counts.

    A multiqueue device has a root that counts for all its queues.
    """
    counted = [one for one in found if one.get("root") and one.get("kind") != "noqueue"]
    return sum(int(one.get("bytes", 0)) for one in counted) if counted else None
