# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of a measurement that waits for the other, and does what that asks for."""

from __future__ import annotations

import select
import socket
import time
from typing import Any, Dict, List, Optional, Tuple

from ..._core.errors import InputError, ObservationError
from ..options import Turn, Wanted
from ..state import to_json
from . import second_opinion
from .control import Channel, PeerError, read_introduction
from .probe import answer
from .streams import Order, Reader, receive, send

_STREAMS_WITHIN = 5.0


def bind(address: str, port: int) -> socket.socket:
    """Listen at an address; port 0 is any free one.

    :raises InputError: the port is taken.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise InputError(
            "port", f"{port} at {address}: {error.strerror}: name a free port, or leave the option out. Nothing was sent"
        ) from None
    return listener


class Listener:
    """Accepts connections for all turns of this host, and keeps connections that come before their turn."""

    def __init__(self, listening: socket.socket, token: str) -> None:
        self._listening = listening
        self._token = token
        self._early: Dict[int, Tuple[socket.socket, str]] = {}

    def await_peer(self, turn: int, within: float) -> Tuple[socket.socket, str]:
        """The control connection of a turn, and the name of the host that made it."""
        end = time.monotonic() + within
        while turn not in self._early:
            found = self.accept(end - time.monotonic())
            if found is None:
                raise PeerError(f"nobody connected within {within:.0f} s")
            connection, what, number, name = found
            if what == "control":
                self._early[number] = (connection, name)
            else:
                connection.close()
        return self._early.pop(turn)

    def accept(self, within: float, control: Optional[socket.socket] = None) -> Optional[Tuple[socket.socket, str, int, str]]:
        """The next connection of ours; C(None) if none came in time, or there is a message on C(control). Strangers are sent away."""
        end = time.monotonic() + within
        watched = [self._listening] if control is None else [self._listening, control]
        while True:
            ready, _none, _none = select.select(watched, [], [], max(0.0, end - time.monotonic()))
            # The message comes first: it may be what the waiting connections are for.
            if self._listening not in ready or control in ready:
                return None
            connection, _address = self._listening.accept()
            what, number, name = read_introduction(connection, self._token)
            if what:
                return connection, what, number, name
            connection.close()

    def keep(self, number: int, connection: socket.socket, name: str) -> None:
        """Keep a control connection until its turn."""
        self._early[number] = (connection, name)


def serve(listener: Listener, turn: Turn, wanted: Wanted, reader: Reader, within: float) -> None:
    """One turn: wait for the peer, and do what it asks for until it ends the measurement."""
    connection, name = listener.await_peer(turn.number, within)
    channel = Channel(connection, name or turn.peer)
    end = time.monotonic() + wanted.turn_limit
    with connection:
        channel.send({"ready": True})
        while time.monotonic() < end:
            if not _probes(listener, turn.number, connection, end):
                return
            asked = channel.receive(5)
            if "bye" in asked:
                return
            _obey(listener, turn, asked, channel, reader)


def _probes(listener: Listener, turn: int, control: socket.socket, end: float) -> bool:
    """Answer probes until the peer sends a message; false if it sends none."""
    while True:
        found = listener.accept(end - time.monotonic(), control)
        if found is None:
            return time.monotonic() < end
        connection, what, number, name = found
        if what == "probe" and number == turn:
            answer(connection)
        elif what == "control" and number != turn:
            listener.keep(number, connection, name)
        else:
            connection.close()


def _obey(listener: Listener, turn: Turn, asked: Dict[str, Any], channel: Channel, reader: Reader) -> None:
    """Carry out what was asked for, and report."""
    try:
        if "iperf3" in asked:
            second_opinion.serve(turn.address, asked["iperf3"], lambda: channel.send({"go": True}))
            return
        order = Order(**asked["order"])
        streams = _streams(listener, turn.number, order.streams)
        if asked["direction"] == "to":
            half: Any = receive(streams, order, reader, lambda: channel.send({"go": True}))
        else:
            channel.receive(order.limit)
            half = send(streams, channel.connection, order, reader)
    except ObservationError as error:
        channel.send({"error": str(error)})
        return
    channel.send({"half": to_json(half)})
    _close(streams)


def _streams(listener: Listener, turn: int, count: int) -> List[socket.socket]:
    """The connections of all streams.

    :raises ObservationError: some did not come.
    """
    streams: List[socket.socket] = []
    end = time.monotonic() + _STREAMS_WITHIN
    while len(streams) < count:
        found = listener.accept(end - time.monotonic())
        if found is None:
            raise ObservationError(f"only {len(streams)} of {count} streams connected within {_STREAMS_WITHIN:g} s")
        connection, what, number, name = found
        if what == "stream" and number == turn:
            streams.append(connection)
        elif what == "control":
            listener.keep(number, connection, name)
        else:
            connection.close()
    return streams


def _close(streams: List[socket.socket]) -> None:
    for stream in streams:
        stream.close()
