# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of iperf3. Pure."""

from __future__ import annotations

import json
from typing import Any, Dict

from .._core.errors import ObservationError

AGREE = 0.02


def parse_report(text: str) -> Dict[str, Any]:
    """Version and rate of the receiver, in bit/s, from C(iperf3 --json).

    The sum of the sender is no throughput: it counts what was written into the socket.

    :raises ObservationError: iperf3 failed, or nothing was received, for which it has no error.
    """
    try:
        report = json.loads(text)
    except ValueError:
        raise ObservationError(f"iperf3: its report is not JSON ({text[:60]!r})") from None
    if "error" in report:
        raise ObservationError(f"iperf3: {report['error']}")
    received = report["end"]["sum_received"]
    if not received["bytes"]:
        raise ObservationError("iperf3 received 0 bytes and does not call it an error: the path drops the packets")
    return {
        "version": report["start"]["version"],
        "received": round(received["bits_per_second"]),
        "sent": round(report["end"]["sum_sent"]["bits_per_second"]),
        "seconds": round(received["seconds"], 3),
    }


def compare(own: float, report: Dict[str, Any]) -> Dict[str, Any]:
    """The second opinion beside the first."""
    ratio = own / report["received"] if report["received"] else 0.0
    return {**report, "ratio": round(ratio, 4), "agrees": abs(ratio - 1) <= AGREE}
