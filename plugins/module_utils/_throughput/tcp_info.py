# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel tells about a TCP connection, from the bytes of C(TCP_INFO). Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Optional

LENGTH = 256
"""More than any kernel gives; a kernel that knows less gives less."""

_TIMESTAMPS = 1


@dataclass(frozen=True)
class TcpInfo:
    """Counters of one connection; C(None) if the kernel is too old for them. Times are in seconds."""

    timestamps: bool
    mss: int
    path_mtu: int
    round_trip: float
    retransmits: int
    segments: Optional[int]
    busy: Optional[float]
    receiver_limited: Optional[float]
    sender_limited: Optional[float]
    bytes_sent: Optional[int]
    bytes_retransmitted: Optional[int]


def parse(data: bytes) -> TcpInfo:
    """Read C(struct tcp_info) of linux/tcp.h, of which newer kernels have longer forms."""

    def u32(offset: int) -> Optional[int]:
        return struct.unpack_from("=I", data, offset)[0] if len(data) >= offset + 4 else None

    def u64(offset: int) -> Optional[int]:
        return struct.unpack_from("=Q", data, offset)[0] if len(data) >= offset + 8 else None

    def seconds(offset: int) -> Optional[float]:
        found = u64(offset)
        return None if found is None else found / 1e6

    return TcpInfo(
        timestamps=bool(data[5] & _TIMESTAMPS),
        mss=u32(16) or 0,
        path_mtu=u32(60) or 0,
        round_trip=(u32(68) or 0) / 1e6,
        retransmits=u32(100) or 0,
        segments=u32(136),
        busy=seconds(168),
        receiver_limited=seconds(176),
        sender_limited=seconds(184),
        bytes_sent=u64(200),
        bytes_retransmitted=u64(208),
    )
