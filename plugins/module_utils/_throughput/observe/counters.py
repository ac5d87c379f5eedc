# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The counters of an interface, and of its queueing discipline."""

from __future__ import annotations

from typing import Optional

from ..._core.errors import CommandError
from ..._core.runner import Runner
from ..._host.files import Host
from ..parse import parse_counters, parse_json, parse_qdisc
from ..state import Counters


def read_counters(host: Host, device: str) -> Optional[Counters]:
    """The counters of this moment; C(None) if the interface does not exist.

    They are read from /proc, because /sys belongs to the network namespace in which it was mounted.
    """
    return parse_counters(host.read("/proc/net/dev") or "", device)


def read_qdisc(runner: Runner, device: str) -> Optional[int]:
    """The bytes that the root queueing discipline has sent; C(None) if there is none, or the host lacks tc."""
    argv = ["tc", "-statistics", "-json", "qdisc", "show", "dev", device]
    try:
        return parse_qdisc(parse_json("tc", runner.run(argv).stdout))
    except CommandError:
        return None
