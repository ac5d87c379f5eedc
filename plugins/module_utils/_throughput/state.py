# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as measurements see it, and what the two halves of a measurement report. Frozen data, with a form for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

from .layers import ETHERNET, Layers


@dataclass(frozen=True)
class Counters:
    """The counters of an interface at one moment."""

    rx_bytes: int
    rx_packets: int
    tx_bytes: int
    tx_packets: int

    def since(self, before: Counters) -> Counters:
        """The growth."""
        return Counters(
            self.rx_bytes - before.rx_bytes,
            self.rx_packets - before.rx_packets,
            self.tx_bytes - before.tx_bytes,
            self.tx_packets - before.tx_packets,
        )

    @property
    def ran_backwards(self) -> bool:
        """Whether a growth is none: the counters were reset, or are too short and wrapped."""
        return min(self.rx_bytes, self.rx_packets, self.tx_bytes, self.tx_packets) < 0


@dataclass(frozen=True)
class Link:
    """An interface. C(speed) is in bit/s, C(None) if the interface has none or its driver made it up.

    C(offloads) tells for each offload whether it is on; C(header) is the size of the header that the interface adds and counts.
    """

    name: str
    mtu: int
    up: bool = True
    kind: str = ""
    driver: str = ""
    speed: Optional[int] = None
    qdisc: str = ""
    offloads: Mapping[str, bool] = field(default_factory=dict)
    header: int = ETHERNET

    @property
    def vlan(self) -> bool:
        """Whether its frames carry a tag."""
        return self.kind == "vlan"


@dataclass(frozen=True)
class Route:
    """Where packets to an address leave. C(mtu) is that of the route, C(None) if it has no separate one."""

    device: str
    source: str
    local: bool = False
    mtu: Optional[int] = None


@dataclass(frozen=True)
class State:
    """C(addresses) are the host's own ones, each with its interface; C(routes) lead to the addresses of the peers, C(None) if none does.

    C(measuring) is the process that takes part in another measurement, C(taken) are the ports of the task that are in use.
    """

    addresses: Mapping[str, str]
    routes: Mapping[str, Optional[Route]] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    measuring: str = ""
    taken: Tuple[str, ...] = ()
    tools: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Sent:
    """What the half that sends reports about one direction. Times are in seconds, bytes are those of all connections together.

    C(bytes_sent), C(segments) and C(bytes_retransmitted) are of the kernel, retransmissions and the control connection included; C(None)
    if the kernel is too old. C(unsent) bytes still waited in the socket at the end. C(qdisc_bytes) is C(None) if the interface has no
    queueing discipline that counts.
    """

    device: str
    mtu: int
    header: int
    vlan: bool
    timestamps: bool
    mss: int
    seconds: float
    cpu: float
    busy: float
    receiver_limited: float
    sender_limited: float
    retransmits: int
    bytes_sent: Optional[int]
    bytes_retransmitted: Optional[int]
    segments: Optional[int]
    counters: Optional[Counters]
    qdisc_bytes: Optional[int] = None
    unsent: int = 0
    offloads: Mapping[str, bool] = field(default_factory=dict)
    speed: Optional[int] = None


@dataclass(frozen=True)
class Received:
    """What the half that receives reports about one direction.

    C(payload) are the bytes that programs read within C(window) seconds, and C(counters) is the growth of the interface's counters in the
    same window. C(total) is the payload of the whole measurement.
    """

    device: str
    window: float
    payload: int
    total: int
    cpu: float
    counters: Optional[Counters]


def to_json(half: Any) -> Dict[str, Any]:
    """A report as it is sent to the other half."""
    return asdict(half)


def sent_from(data: Mapping[str, Any]) -> Sent:
    """The opposite of L(to_json)."""
    return Sent(**{**data, "counters": _counters(data["counters"])})


def received_from(data: Mapping[str, Any]) -> Received:
    """The opposite of L(to_json)."""
    return Received(**{**data, "counters": _counters(data["counters"])})


def _counters(data: Optional[Mapping[str, int]]) -> Optional[Counters]:
    return None if data is None else Counters(**data)


def layers_of(sent: Sent, ipv6: bool) -> Layers:
    """The layers of the segments that were sent: their MTU is that of the path, as the size of the segments tells it."""
    shape = Layers(timestamps=sent.timestamps, ipv6=ipv6, vlan=sent.vlan, link_header=sent.header)
    return Layers(sent.mss + shape.headers, sent.timestamps, ipv6, sent.vlan, sent.header)
