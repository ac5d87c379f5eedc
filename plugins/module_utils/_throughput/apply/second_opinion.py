# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same measurement by iperf3, to compare."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import suppress
from typing import Any, Callable, Dict

from ..._core.errors import CommandError, ObservationError
from ..._core.runner import Process, Runner
from ..iperf3 import parse_report
from ..options import Wanted

_STARTS_WITHIN = 3.0


def serve(address: str, order: Dict[str, Any], ready: Callable[[], None]) -> None:
    """Run a server for one test, and end it after the time of the test, because it would wait for ever for a client that fails.

    :raises ObservationError: it cannot be started.
    """
    argv = ["iperf3", "--server", "--one-off", "--bind", address, "--port", str(order["port"])]
    try:
        with open(os.devnull, "r+b") as nothing:
            process = Process(argv, nothing, nothing, nothing)
    except OSError as error:
        raise ObservationError(f"iperf3: {error.strerror}: install the package iperf3, or use the tool own") from None
    try:
        _await_listening(address, order["port"])
        ready()
        process.wait(order["limit"])
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        process.kill()
        process.wait()


def _await_listening(address: str, port: int) -> None:
    """Wait until the port is taken. A connection would be the one test of the server."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return
        time.sleep(0.05)
    raise ObservationError(f"iperf3 did not listen on port {port} within {_STARTS_WITHIN:g} s")


def measure(runner: Runner, address: str, port: int, wanted: Wanted, direction: str) -> Dict[str, Any]:
    """What iperf3 measures.

    :raises ObservationError: it failed, or received nothing.
    """
    argv = ["iperf3", "--client", address, "--port", str(port), "--json", "--time", f"{wanted.seconds:.0f}", "--omit", f"{wanted.omit:.0f}"]
    argv += ["--parallel", str(wanted.streams)]
    argv += ["--bitrate", str(wanted.rate // wanted.streams)] if wanted.rate else []
    argv += ["--reverse"] if direction == "from" else []
    try:
        done = runner.run(argv, timeout=wanted.seconds + wanted.omit + 8, accept=(0, 1))
    except CommandError as error:
        raise ObservationError(str(error)) from None
    return parse_report(done.stdout)
