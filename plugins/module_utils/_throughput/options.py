# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a task, checked. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._core.errors import InputError

MEASURE_SPEC: Dict[str, Any] = {
    "seconds": {"type": "float", "default": 5},
    "omit": {"type": "float", "default": 1},
    "streams": {"type": "int", "default": 1},
    "direction": {"type": "str", "choices": ["to", "from", "both"], "default": "to"},
    "interface": {"type": "str"},
    "rate": {"type": "str"},
    "max_bytes": {"type": "str"},
    "mtu_probe": {"type": "bool", "default": True},
    "tool": {"type": "str", "choices": ["own", "both"], "default": "own"},
    "loopback": {"type": "bool", "default": False},
}
"""What all measurements of a task have in common."""

PAIR_SPEC: Dict[str, Any] = {
    "to": {"type": "str", "required": True},
    "address": {"type": "str"},
    "port": {"type": "int", "default": 0},
    "fail_below": {"type": "str"},
    "fail_below_percent": {"type": "float"},
    **MEASURE_SPEC,
}
"""The options of the action."""

AGENT_SPEC: Dict[str, Any] = {
    "part": {"type": "str", "choices": ["check", "start", "run", "collect"], "default": "check"},
    "token": {"type": "str", "no_log": True, "default": ""},
    "folder": {"type": "path"},
    "limit": {"type": "int", "default": 120},
    "turns": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "number": {"type": "int", "default": 0},
            "peer": {"type": "str", "required": True},
            "act": {"type": "str", "choices": ["connect", "listen"], "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "default": 0},
        },
    },
    **MEASURE_SPEC,
}
"""The options of the half on a host."""

LONGEST, MOST_STREAMS = 60.0, 16
SPARE = 0.2
"""Seconds that are sent beyond the window, so that the last sample of the window is a full one."""

_RATE = re.compile(r"(\d+(?:\.\d+)?)([kMGT])")
_SIZES: Mapping[str, float] = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(frozen=True)
class Turn:
    """A measurement in which the host takes part. C(address) and C(port) are those of the half that listens."""

    number: int
    peer: str
    listens: bool
    address: str
    port: int = 0


@dataclass(frozen=True)
class Wanted:
    """The turns of a host, in order, and what they have in common. C(rate) is in bit/s, C(max_bytes) for each direction of each turn."""

    turns: Tuple[Turn, ...]
    seconds: float = 5.0
    omit: float = 1.0
    streams: int = 1
    directions: Tuple[str, ...] = ("to",)
    interface: str = ""
    rate: Optional[int] = None
    max_bytes: Optional[int] = None
    mtu_probe: bool = True
    iperf3: bool = False
    loopback: bool = False
    token: str = ""

    @property
    def connects(self) -> Tuple[Turn, ...]:
        """The turns in which this host connects, and gets the results."""
        return tuple(turn for turn in self.turns if not turn.listens)

    @property
    def listens(self) -> Tuple[Turn, ...]:
        """The turns in which this host waits for the peer."""
        return tuple(turn for turn in self.turns if turn.listens)

    @property
    def sending(self) -> float:
        """The number of seconds for which one direction sends."""
        return self.omit + self.seconds + SPARE

    @property
    def turn_limit(self) -> float:
        """The number of seconds after which a turn is given up, in whatever state it is."""
        passes = len(self.directions) * (2 if self.iperf3 else 1)
        return passes * (self.sending + 5) + 15


def parse_rate(option: str, text: str) -> int:
    """A rate such as C(900M) or C(9.4G), in bit/s.

    :raises InputError: no unit, or a unit of 1024.
    """
    found = _RATE.fullmatch(text)
    if not found or float(found[1]) == 0:
        raise InputError(
            option,
            f"{text!r} is not a rate in decimal bit/s with a unit, such as 900M or 9.4G: Gi and GiB are other units, and B is 8 bits",
        )
    return round(float(found[1]) * _SIZES[found[2]])


def _size(option: str, text: str) -> int:
    found = _RATE.fullmatch(text)
    if not found or float(found[1]) == 0:
        raise InputError(option, f"{text!r} is not a number of bytes with a decimal unit, such as 500M or 10G")
    return round(float(found[1]) * _SIZES[found[2]])


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """Check every option.

    :raises InputError: a value outside its bounds, or a turn that cannot be.
    """
    _within("seconds", params["seconds"], 1, LONGEST)
    _within("omit", params["omit"], 0, 10)
    _within("streams", params["streams"], 1, MOST_STREAMS)
    direction = params["direction"]
    return Wanted(
        turns=_turns(params["turns"]),
        seconds=float(params["seconds"]),
        omit=float(params["omit"]),
        streams=params["streams"],
        directions=("to", "from") if direction == "both" else (direction,),
        interface=params["interface"] or "",
        rate=parse_rate("rate", params["rate"]) if params["rate"] else None,
        max_bytes=_size("max_bytes", params["max_bytes"]) if params["max_bytes"] else None,
        mtu_probe=params["mtu_probe"],
        iperf3=params["tool"] == "both",
        loopback=params["loopback"],
        token=params["token"],
    )


def _within(option: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(
            option, f"{value:g} is outside {low:g} to {high:g}, so nothing was sent: one run must not occupy a network for longer"
        )


def _turns(entries: Sequence[Mapping[str, Any]]) -> Tuple[Turn, ...]:
    turns: List[Turn] = []
    for entry in entries:
        if not 0 <= entry["port"] <= 65535:
            raise InputError("port", f"{entry['port']} is not a port from 1 to 65535, or 0 for any free port")
        address = _address(entry["peer"], entry["address"])
        turns.append(Turn(entry["number"], entry["peer"], entry["act"] == "listen", address, entry["port"]))
    numbers = [turn.number for turn in turns]
    if len(set(numbers)) != len(numbers):
        raise InputError("turns", "two turns have one number: a host takes part in one measurement at a time")
    return tuple(turns)


def _address(peer: str, text: str) -> str:
    try:
        # Pythons before 3.9 know no interface after an address.
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise InputError("address", f"{text!r} of {peer} is not an IP address: give the address to be measured") from None
    if found.version == 6 and found.is_link_local:
        raise InputError(
            "address",
            f"{text!r} of {peer} is a link-local address, which means nothing without an interface of each host: give another address."
            " Nothing was sent",
        )
    return str(found)
