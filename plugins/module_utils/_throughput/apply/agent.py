# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a host in all its turns, in the module itself or in a process that stays after it."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import sys
import tempfile
from functools import partial
from typing import Any, Callable, Dict, Optional

from ..._core.errors import FleetlabError
from ..._core.runner import Runner
from ..._host.files import Host
from ..observe.counters import read_counters, read_qdisc
from ..observe.exclusive import hold, sign
from ..options import Turn, Wanted
from ..state import Link, State
from .listen import Listener, bind, serve
from .meet import meet
from .streams import Reader

RESULTS = "results.jsonl"
_STARTS_WITHIN = 30.0
"""Seconds by which the two halves of a measurement may start one after the other."""

Report = Callable[[Dict[str, Any]], None]


class Agent:
    """Holds the host for its measurements, and takes part in them."""

    def __init__(self, host: Host, runner: Runner, state: State, wanted: Wanted) -> None:
        self._host, self._runner, self._state, self._wanted = host, runner, state, wanted
        # With loopback both halves are on this host, and the connecting half holds it.
        self._held: Optional[socket.socket] = None if wanted.loopback and not wanted.connects else hold(host)
        self._listeners: Dict[str, Listener] = {}
        self.ports: Dict[int, int] = {}
        for turn in wanted.listens:
            if turn.address not in self._listeners:
                listening = bind(turn.address, turn.port)
                self._listeners[turn.address] = Listener(listening, wanted.token)
                self._port = listening.getsockname()[1]
            self.ports[turn.number] = self._port

    @property
    def connects(self) -> bool:
        """Whether this host gets results."""
        return bool(self._wanted.connects)

    @property
    def limit(self) -> float:
        """The number of seconds after which the process ends, in whatever state the measurements are."""
        return _STARTS_WITHIN + len(self._wanted.turns) * self._wanted.turn_limit + 10

    def take_turns(self, report: Report) -> None:
        """All turns, in order. A turn that fails does not end the others, and the process ends at its limit."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(math.ceil(self.limit))
        sign(self._held)
        for turn in sorted(self._wanted.turns, key=lambda one: one.number):
            try:
                self._take(turn, report)
            except (FleetlabError, OSError) as error:
                if not turn.listens:
                    report({"turn": turn.number, "peer": turn.peer, "failure": str(error)})
        signal.alarm(0)

    def _take(self, turn: Turn, report: Report) -> None:
        if turn.listens:
            within = _STARTS_WITHIN + turn.number * self._wanted.turn_limit
            serve(self._listeners[turn.address], turn, self._wanted, self._reader(self._state.addresses[turn.address]), within)
        else:
            route = self._state.routes[turn.address]
            reader = self._reader(route.device if route else "")
            report(meet(turn, self._wanted, self._runner, reader, self._host.hostname(), _STARTS_WITHIN))

    def _reader(self, device: str) -> Reader:
        link = self._state.links.get(device) or Link(device, 0)
        return Reader(link, partial(read_counters, self._host, device), partial(read_qdisc, self._runner, device))


def detach(agent: Agent) -> str:
    """Take the turns in a process of its own. Returns the folder of its results, empty if the host only listens."""
    folder = tempfile.mkdtemp(prefix="fleetlab-throughput-") if agent.connects else ""
    if os.fork():
        return folder
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        _become_daemon()
        if folder:
            _write_results(agent, os.path.join(folder, RESULTS))
        else:
            agent.take_turns(lambda _result: None)
    finally:
        os._exit(0)


def _write_results(agent: Agent, path: str) -> None:
    """Take the turns, and write a line for each; the last line says that all are taken."""
    with open(path, "w", encoding="utf-8", buffering=1) as stream:

        def write(result: Dict[str, Any]) -> None:
            stream.write(json.dumps(result) + "\n")

        agent.take_turns(write)
        write({"ended": True})


def _become_daemon() -> None:
    """Let go of the files of the module."""
    sys.stdout.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
