# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the driver of an interface tells: its name, its speed, and its offloads. By ioctl, because hosts lack the program ethtool."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from typing import Dict, Optional

_SIOCETHTOOL = 0x8946
_SETTINGS, _DRIVER = 0x1, 0x3
_OFFLOADS = {"tso": 0x1E, "gso": 0x23, "gro": 0x2B}
_UNKNOWN = (0, 0xFFFF, 0xFFFFFFFF)


def _ask(device: str, request: int, length: int) -> Optional[bytes]:
    """The answer of the driver, C(None) if it has none."""
    answer = array.array("B", struct.pack("=I", request).ljust(length, b"\0"))
    ask = struct.pack("16sP", device.encode(), answer.buffer_info()[0]).ljust(40, b"\0")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, _SIOCETHTOOL, ask)
    except OSError:
        return None
    return answer.tobytes()


def driver(device: str) -> str:
    """The name of the driver; empty if it does not tell."""
    answer = _ask(device, _DRIVER, 196)
    return answer[4:36].rstrip(b"\0").decode("ascii", "replace") if answer else ""


def speed(device: str) -> Optional[int]:
    """The speed in bit/s, as the driver tells it; C(None) if it is not known."""
    answer = _ask(device, _SETTINGS, 44)
    if answer is None:
        return None
    low, high = struct.unpack_from("=H", answer, 12)[0], struct.unpack_from("=H", answer, 28)[0]
    megabits = low | high << 16
    return None if megabits in _UNKNOWN else megabits * 1_000_000


def offloads(device: str) -> Dict[str, bool]:
    """Whether segments are cut by the driver or right before it (tso, gso), and put together when they are received (gro)."""
    found: Dict[str, bool] = {}
    for name, request in _OFFLOADS.items():
        answer = _ask(device, request, 8)
        if answer is not None:
            found[name] = bool(struct.unpack_from("=I", answer, 4)[0])
    return found
