# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A measurement explained: the rate at each layer, every byte of the interface, and whether the rate can be believed. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .layers import Layers, as_iftop
from .state import Received, Sent, layers_of

BELIEVED = 0.995
"""The share of the interface's bytes that has to be explained."""

_A_CORE = 0.95
_SHORTEST = 0.95
"""Seconds: a window of one second may lack half of the time between two samples."""


def account(sent: Sent, received: Received, ipv6: bool) -> Dict[str, Any]:
    """The result for one direction."""
    layers = layers_of(sent, ipv6)
    payload = received.payload * 8 / received.window if received.window > 0 else 0.0
    rates = layers.rates(payload)
    explained = _explained(sent, layers)
    reasons = _doubts(sent, received, explained["explained"])
    return {
        "rate": {layer: round(rate) for layer, rate in rates.items()},
        "as_gbit": round(payload / 1e9, 4),
        "as_gibit": round(payload / 1024**3, 4),
        "iftop_would_show": as_iftop(rates["ip"]),
        "seconds": round(received.window, 3),
        "bytes": received.total,
        "efficiency": _efficiency(sent, layers),
        "counters": _counters(sent, layers),
        "predicted": predicted(received, layers),
        **explained,
        "retransmitted": {"segments": sent.retransmits, "bytes": sent.bytes_retransmitted},
        "limited_by": limited_by(sent, received),
        "cpu": {"sender": round(sent.cpu, 3), "receiver": round(received.cpu, 3)},
        "trusted": not reasons,
        "reason": "; ".join(reasons),
    }


def _explained(sent: Sent, layers: Layers) -> Dict[str, Any]:
    """The identity: the interface has sent what TCP has sent, and a header for each packet."""
    grown = sent.counters
    if grown is None or grown.ran_backwards or not grown.tx_bytes or sent.bytes_sent is None:
        return {"explained": None, "unexplained_bytes": None}
    known = sent.bytes_sent + grown.tx_packets * layers.counted
    return {"explained": round(known / grown.tx_bytes, 7), "unexplained_bytes": grown.tx_bytes - known}


def _efficiency(sent: Sent, layers: Layers) -> Dict[str, Any]:
    measured: Optional[float] = None
    if sent.counters is not None and sent.counters.tx_bytes > 0 and sent.bytes_sent is not None:
        measured = round(sent.bytes_sent / sent.counters.tx_bytes, 5)
    return {
        "measured": measured,
        "theory": round(layers.mss / layers.size("frame"), 5),
        "of_wire": round(layers.mss / layers.size("wire"), 5),
        "timestamps": sent.timestamps,
        "mss": layers.mss,
        "mtu": layers.mtu,
    }


def _counters(sent: Sent, layers: Layers) -> Dict[str, Any]:
    """The counters of the sender, and the bytes of its segments without offloads, as a wire carries them."""
    grown = sent.counters
    frames: Optional[int] = None
    if sent.bytes_sent is not None and sent.segments is not None:
        frames = sent.bytes_sent + sent.segments * layers.counted
    return {
        "source": f"{sent.device} of the sender",
        "speed": sent.speed,
        "tx_bytes": grown.tx_bytes if grown else None,
        "tx_packets": grown.tx_packets if grown else None,
        "segments": sent.segments,
        "segment_bytes": frames,
        "qdisc_bytes": sent.qdisc_bytes,
        "offloads": sorted(name for name, on in sent.offloads.items() if on),
        "offload_share": round(1 - grown.tx_bytes / frames, 5) if grown and frames else None,
    }


def predicted(received: Received, layers: Layers) -> Optional[int]:
    """The rate of payload that the counters of the receiver give for the same window, in bit/s."""
    grown = received.counters
    if grown is None or grown.ran_backwards or received.window <= 0:
        return None
    return round((grown.rx_bytes - grown.rx_packets * layers.counted) * 8 / received.window)


def limited_by(sent: Sent, received: Received) -> str:
    """The reason why it was not faster: a processor, the receiver's window, the sender's buffer, or the network."""
    if max(sent.cpu, received.cpu) > _A_CORE:
        return "cpu"
    busy = sent.busy or sent.seconds
    if busy and sent.receiver_limited / busy > 0.5:
        return "receiver"
    if busy and sent.sender_limited / busy > 0.5:
        return "sender"
    return "network"


def _doubts(sent: Sent, received: Received, explained: Optional[float]) -> List[str]:
    """Why the rate cannot be taken for that of the network, or of the two hosts alone."""
    doubts: List[str] = []
    if sent.counters is None or received.counters is None:
        doubts.append("an interface disappeared during the measurement")
    elif sent.counters.ran_backwards or received.counters.ran_backwards:
        doubts.append("the counters of an interface ran backwards: they were reset, or are of 32 bits and wrapped")
    elif explained is None:
        doubts.append("the sender's kernel (older than 4.19) does not count the bytes of a connection")
    elif explained > 2 - BELIEVED:
        doubts.append(f"the interface has sent only {1 / explained:.1%} of what TCP gave it: its queue dropped the rest, or still holds it")
    elif explained < BELIEVED:
        doubts.append(f"{1 - explained:.1%} of the interface's bytes are not of this measurement: other traffic shared the path")
    if received.window < _SHORTEST:
        doubts.append(f"the window of {received.window:.2f} s is shorter than 1 s")
    if max(sent.cpu, received.cpu) > _A_CORE:
        half = "sender" if sent.cpu >= received.cpu else "receiver"
        doubts.append(
            f"a process of the {half} used {max(sent.cpu, received.cpu):.0%} of a core: this is the rate of the core, not of the network"
        )
    if sent.unsent:
        doubts.append(f"{sent.unsent} bytes were still unsent at the end")
    return doubts
