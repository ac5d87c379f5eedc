# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans of servers that do not exist."""

from __future__ import annotations

from typing import Optional, Sequence

from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.profiles import TLS13_SUITES, Settings
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.state import Endpoint, Report
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.state import Certificate, Protocol, Scan, Tickets
from ansible_collections.fleetlab.linux.plugins.module_utils._tls.suites import SUITES

NUMBERS = {suite.openssl_name: number for number, suite in SUITES.items()}
STOCK = ("ECDHE-RSA-AES128-GCM-SHA256", "AES128-GCM-SHA256", "AES256-SHA")
END = Endpoint("127.0.0.1", 443, ("a.test",))


def scan(suites: Sequence[str], groups: Sequence[str], name: Optional[str] = None, tickets: bool = False) -> Scan:
    """A scan with suites of TLS 1.2 by OpenSSL's names, and TLS 1.3 with groups."""
    protocols = (
        Protocol("TLSv1.2", tuple(NUMBERS[suite] for suite in suites), tuple(groups)),
        Protocol("TLSv1.3", tuple(NUMBERS[suite] for suite in TLS13_SUITES), tuple(groups)),
    )
    key = Certificate("a.test", ("a.test",), 0, 2**31, "RSA", 2048)
    return Scan(name, protocols[0 if suites else 1 :], tickets=Tickets(offered=tickets, key="00" if tickets else None), certificate=key)


def report(settings: Optional[Settings], endpoint: Endpoint = END) -> Report:
    """What a server with these settings does, or a stock server."""
    suites, groups = (settings.suites, settings.wire_groups) if settings else (STOCK, ("x25519", "secp256r1", "x448"))
    names = (*endpoint.names, None)
    return Report(endpoint, tuple(scan(suites, groups, name, bool(settings and settings.tickets)) for name in names))
