# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The streams of a measurement: one half sends, the other receives."""

from __future__ import annotations

import array
import fcntl
import mmap
import socket
import struct
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..._core.errors import ObservationError
from ..options import SPARE
from ..samples import Sample, choose_window
from ..state import Counters, Link, Received, Sent
from .children import Children, cpu_seconds
from .control import reset, tcp_info

_CHUNK = 1 << 17
_BUFFER = 1 << 20
_EVERY = 0.1
_DRAINED_WITHIN = 4.0
_SO_MAX_PACING_RATE = 47
_TCP_NOTSENT_LOWAT, _WAITING = 25, 1 << 18
_SIOCOUTQ = 0x5411
_GRACE = 5.0

ReadCounters = Callable[[], Optional[Counters]]
ReadBytes = Callable[[], Optional[int]]


@dataclass(frozen=True)
class Order:
    """What one half sends: for C(omit) and then C(seconds) seconds, in all streams at most C(rate) bit/s and C(max_bytes) bytes."""

    seconds: float
    omit: float
    streams: int
    rate: Optional[int] = None
    max_bytes: Optional[int] = None

    @property
    def limit(self) -> float:
        """The number of seconds after which a stream is given up."""
        return self.sending + _DRAINED_WITHIN + _GRACE

    @property
    def sending(self) -> float:
        """The number of seconds for which the streams send."""
        return self.omit + self.seconds + SPARE

    @property
    def most(self) -> Optional[int]:
        """The bytes after which a stream ends, also if its pace was too fast; C(None) if only the time ends it."""
        limits = [limit for limit in (self.max_bytes, round(self.rate / 8 * self.sending) if self.rate else None) if limit]
        return min(limits) // self.streams if limits else None


@dataclass(frozen=True)
class Reader:
    """How the half reads its interface, and the queueing discipline of the interface."""

    link: Link
    counters: ReadCounters
    qdisc: ReadBytes


def send(sockets: Sequence[socket.socket], control: socket.socket, order: Order, reader: Reader) -> Sent:
    """Send on all streams until the order is fulfilled, and report when all is acknowledged."""
    qdisc = reader.qdisc()
    others = tcp_info(control)
    before = reader.counters()
    begin = time.monotonic()
    children = Children([partial(_send, one, order) for one in sockets], order.limit)
    _let_go(sockets)
    reports = children.wait(lambda: None, 1.0)
    seconds = time.monotonic() - begin
    after = reader.counters()
    others_after = tcp_info(control)
    qdisc_after = reader.qdisc()
    first = reports[0]
    control_grew = _grown(asdict(others), asdict(others_after))
    sums = {name: _sum([report[name] for report in [*reports, control_grew]]) for name in ("bytes_sent", "bytes_retransmitted", "segments")}
    return Sent(
        device=reader.link.name,
        mtu=reader.link.mtu,
        header=reader.link.header,
        vlan=reader.link.vlan,
        speed=reader.link.speed,
        offloads=dict(reader.link.offloads),
        timestamps=first["timestamps"],
        mss=first["mss"],
        seconds=seconds,
        cpu=max(report["cpu"] for report in reports),
        busy=_mean(reports, "busy"),
        receiver_limited=_mean(reports, "receiver_limited"),
        sender_limited=_mean(reports, "sender_limited"),
        retransmits=sum(report["retransmits"] for report in reports),
        unsent=sum(report["unsent"] for report in reports),
        counters=after.since(before) if before and after else None,
        qdisc_bytes=None if qdisc is None or qdisc_after is None else qdisc_after - qdisc,
        **sums,
    )


def _let_go(sockets: Sequence[socket.socket]) -> None:
    """Close the parent's copies, so that a connection ends when its own process closes it."""
    for one in sockets:
        one.close()


def _sum(values: Sequence[Optional[int]]) -> Optional[int]:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _mean(reports: Sequence[Dict[str, Any]], name: str) -> float:
    return sum(report[name] or 0.0 for report in reports) / len(reports)


def _grown(before: Dict[str, Any], after: Dict[str, Any]) -> Dict[str, Any]:
    """The growth of all counters of a connection."""
    return {name: None if value is None or before[name] is None else value - before[name] for name, value in after.items()}


def _send(stream: socket.socket, order: Order) -> Dict[str, Any]:
    """One stream."""
    if order.rate:
        _cap(stream, order.rate // order.streams)
    # With its own time limit the socket still blocks in one system call; with Python's there would be two for each chunk.
    stream.settimeout(None)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 200_000))
    before = asdict(tcp_info(stream))
    chunk = memoryview(bytes(_CHUNK))
    left = order.most
    begin, used = time.monotonic(), cpu_seconds()
    end = begin + order.sending
    while time.monotonic() < end and left != 0:
        try:
            count = stream.send(chunk if left is None else chunk[:left])
        except BlockingIOError:
            continue
        left = None if left is None else left - count
    cpu = (cpu_seconds() - used) / (time.monotonic() - begin)
    unsent = _drain(stream)
    after = asdict(tcp_info(stream))
    shape = {name: after[name] for name in ("timestamps", "mss")}
    report = {**_grown(before, after), **shape, "cpu": cpu, "unsent": unsent}
    if unsent:
        reset(stream)
    else:
        stream.shutdown(socket.SHUT_WR)
    return report


def _cap(stream: socket.socket, rate: int) -> None:
    """Have TCP pace the stream, with little that waits in the socket, because a slow pace would take long to drain it.

    The rate is in bytes for the kernel.
    """
    stream.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _WAITING)
    stream.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, struct.pack("=Q", max(1, rate // 8)))


def _drain(stream: socket.socket) -> int:
    """Wait until all is acknowledged; returns the bytes that are not."""
    queued = array.array("i", [0])
    end = time.monotonic() + _DRAINED_WITHIN
    while True:
        fcntl.ioctl(stream, _SIOCOUTQ, queued)
        if not queued[0] or time.monotonic() >= end:
            return queued[0]
        time.sleep(0.005)


def receive(sockets: Sequence[socket.socket], order: Order, reader: Reader, started: Callable[[], None]) -> Received:
    """Receive on all streams until they end. C(started) is called when they are awaited.

    :raises ObservationError: too little came for a rate.
    """
    shared = mmap.mmap(-1, 8 * len(sockets))
    counts = memoryview(shared).cast("Q")
    samples: List[Sample] = []

    def sample() -> None:
        samples.append(Sample(time.monotonic(), sum(counts), reader.counters()))

    children = Children([partial(_receive, one, counts, place) for place, one in enumerate(sockets)], order.limit)
    _let_go(sockets)
    started()
    reports = children.wait(sample, _EVERY)
    total = sum(counts)
    found = choose_window(samples, order.omit, order.seconds)
    if found is None:
        raise ObservationError(_too_few(total, order))
    first, last = found
    return Received(
        device=reader.link.name,
        window=last.moment - first.moment,
        payload=last.payload - first.payload,
        total=total,
        cpu=max(report["cpu"] for report in reports),
        counters=last.counters.since(first.counters) if first.counters and last.counters else None,
    )


def _too_few(total: int, order: Order) -> str:
    if order.max_bytes is not None and total >= order.max_bytes // order.streams * order.streams:
        return f"max_bytes: all {total} bytes arrived before a rate could be measured: raise max_bytes, or lower omit ({order.omit:g} s)"
    return f"only {total} bytes arrived, too few for a rate: the path loses packets, or the streams ended at once"


def _receive(stream: socket.socket, counts: memoryview, place: int) -> Dict[str, Any]:
    """One stream: its count of bytes is visible to the parent at any time."""
    stream.settimeout(None)
    buffer = bytearray(_BUFFER)
    begin, used, total = time.monotonic(), cpu_seconds(), 0
    while True:
        try:
            count = stream.recv_into(buffer)
        except ConnectionResetError:
            break
        if not count:
            break
        total += count
        counts[place] = total
    return {"cpu": (cpu_seconds() - used) / max(time.monotonic() - begin, 1e-3)}
