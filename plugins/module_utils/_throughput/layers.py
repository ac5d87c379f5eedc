# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of a TCP segment on Ethernet, and the rates that each of them shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

LAYERS: Tuple[str, ...] = ("payload", "ip", "frame", "wire")
"""Programs get payload, iftop counts ip, the counters of interfaces count frames, and ports carry what is called wire here."""

_IPV4, _IPV6 = 20, 40
_TCP, _TIMESTAMPS = 20, 12
_TAG = 4
# Preamble and start of frame 8, frame check sequence 4, gap between frames 12: nothing counts them.
_UNCOUNTED = 24
ETHERNET = 14
_UNITS = ("b", "Kb", "Mb", "Gb", "Tb")


@dataclass(frozen=True)
class Layers:
    """The headers of a stream of full segments.

    C(link_header) is what the counter of the interface adds to a packet: 14 for Ethernet, 0 for tunnels.
    """

    mtu: int = 1500
    timestamps: bool = True
    ipv6: bool = False
    vlan: bool = False
    link_header: int = ETHERNET

    @property
    def headers(self) -> int:
        """The bytes of IP and TCP in a segment."""
        return (_IPV6 if self.ipv6 else _IPV4) + _TCP + (_TIMESTAMPS if self.timestamps else 0)

    @property
    def counted(self) -> int:
        """The bytes that the counter of the interface counts for each packet besides its payload."""
        return self.headers + self.link_header

    @property
    def mss(self) -> int:
        """The payload of a full segment."""
        return self.mtu - self.headers

    def size(self, layer: str) -> int:
        """The bytes of a full segment at a layer."""
        frame = self.mtu + self.link_header
        wire = frame + (_UNCOUNTED if self.link_header else 0) + (_TAG if self.vlan else 0)
        return {"payload": self.mss, "ip": self.mtu, "frame": frame, "wire": wire}[layer]

    def convert(self, rate: float, layer: str, to: str) -> float:
        """The rate at the layer C(to) that belongs to a rate at C(layer)."""
        return rate * self.size(to) / self.size(layer)

    def rates(self, payload: float) -> Dict[str, float]:
        """The rate at each layer for a rate of payload."""
        return {layer: self.convert(payload, "payload", layer) for layer in LAYERS}


def as_iftop(rate: float) -> str:
    """A rate of IP packets in bit/s as iftop shows it: with three digits, and with units of 1024 that carry decimal names."""
    size, value = 0, rate
    while value >= 1000 and size < len(_UNITS) - 1:
        value /= 1024
        size += 1
    digits = 2 if size and value < 10 else 1 if size and value < 100 else 0
    return f"{value:.{digits}f}{_UNITS[size]}"


def as_text(rate: float) -> str:
    """A rate in bit/s for people, in decimal units."""
    for unit, size in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if rate >= size:
            return f"{rate / size:.4g} {unit}"
    return f"{rate:.0f} bit/s"
