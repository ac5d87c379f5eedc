# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of a measurement that connects to the other, leads, and gets the result."""

from __future__ import annotations

import socket
import time
from dataclasses import asdict
from typing import Any, Dict, List

from ..._core.errors import ObservationError
from ..._core.runner import Runner
from ..account import account
from ..iperf3 import compare
from ..options import Turn, Wanted
from ..path import describe_path
from ..state import received_from, sent_from
from . import second_opinion
from .control import Channel, PeerError, connect, introduce, open_control, tcp_info
from .probe import largest_that_passes
from .streams import Order, Reader, receive, send

_OWN_PORT_OF_IPERF3 = 1


def meet(turn: Turn, wanted: Wanted, runner: Runner, reader: Reader, name: str, within: float) -> Dict[str, Any]:
    """One turn.

    :raises ObservationError: it gave no result; the message names the peer.
    """
    with _open(turn, within) as connection:
        try:
            introduce(connection, wanted.token, "control", turn.number, name)
            channel = Channel(connection, turn.peer)
            channel.receive(within + wanted.turn_limit)
            result: Dict[str, Any] = {"turn": turn.number, "peer": turn.peer}
            if wanted.mtu_probe:
                result["path"] = _probe(turn, wanted, connection)
                if result["path"]["black_hole"]:
                    channel.send({"bye": True})
                    return {**result, "failure": result["path"]["advice"]}
            result["measured"] = {direction: _measure(turn, wanted, runner, reader, channel, direction) for direction in wanted.directions}
            channel.send({"bye": True})
        except OSError as error:
            raise PeerError(f"{turn.peer}: the connection broke: {error.strerror or error}") from None
    return result


def _open(turn: Turn, within: float) -> socket.socket:
    """The control connection. The peer may not listen yet."""
    end = time.monotonic() + within
    while True:
        try:
            return open_control(turn.address, turn.port, 5)
        except ConnectionRefusedError:
            if time.monotonic() >= end:
                raise PeerError(
                    f"{turn.peer}: nobody listens at {turn.address} port {turn.port}: its half did not start, or a firewall rejects it"
                ) from None
            time.sleep(0.1)
        except OSError as error:
            raise PeerError(
                f"{turn.peer}: {turn.address} port {turn.port} cannot be reached ({error.strerror or error}): open the port in the"
                " firewalls between the hosts, or name another with the option port"
            ) from None


def _probe(turn: Turn, wanted: Wanted, connection: socket.socket) -> Dict[str, Any]:
    begin = time.monotonic()
    info = tcp_info(connection)
    agreed, passes, tries = largest_that_passes(turn.address, turn.port, wanted.token, turn.number)
    path = describe_path(turn.peer, agreed, passes, info.timestamps, ":" in turn.address)
    return {**path, "tries": tries, "seconds": round(time.monotonic() - begin, 2)}


def _measure(turn: Turn, wanted: Wanted, runner: Runner, reader: Reader, channel: Channel, direction: str) -> Dict[str, Any]:
    order = Order(wanted.seconds, wanted.omit, wanted.streams, wanted.rate, wanted.max_bytes)
    channel.send({"order": asdict(order), "direction": direction})
    streams: List[socket.socket] = []
    try:
        for _number in range(wanted.streams):
            streams.append(connect(turn.address, turn.port, 5))
            introduce(streams[-1], wanted.token, "stream", turn.number)
        if direction == "to":
            channel.receive(order.limit)
            sent = send(streams, channel.connection, order, reader)
            received = received_from(channel.receive(order.limit)["half"])
        else:
            received = receive(streams, order, reader, lambda: channel.send({"go": True}))
            sent = sent_from(channel.receive(order.limit)["half"])
    finally:
        for stream in streams:
            stream.close()
    result = account(sent, received, ":" in turn.address)
    if wanted.iperf3:
        result["iperf3"] = compare(result["rate"]["payload"], _second(turn, wanted, runner, channel, direction))
    return result


def _second(turn: Turn, wanted: Wanted, runner: Runner, channel: Channel, direction: str) -> Dict[str, Any]:
    """The result of iperf3, on the port after ours."""
    port = turn.port + _OWN_PORT_OF_IPERF3
    channel.send({"iperf3": {"port": port, "limit": wanted.seconds + wanted.omit + 5}})
    channel.receive(10)
    try:
        return second_opinion.measure(runner, turn.address, port, wanted, direction)
    except ObservationError as error:
        raise ObservationError(f"{turn.peer}: {error}") from None
