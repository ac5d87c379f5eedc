# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a server as its settings say? Pure."""

from __future__ import annotations

from typing import Iterator, Sequence

from .._tls.state import Scan
from .._tls.suites import find_suite
from .profiles import TLS13_SUITES, Settings
from .state import Report

_SHOWN = 3


def deviations(reports: Sequence[Report], settings: Settings, is_strict: bool) -> Iterator[str]:
    """A sentence for each name that is not as the settings say; only about forward secrecy if not C(is_strict)."""
    for report in reports:
        for scan in report.scans:
            subject = f"{report.endpoint.label} for {scan.name}" if scan.name else f"{report.endpoint.label} without a name"
            found = list(_faults(scan)) or (list(_differences(scan, settings)) if is_strict else [])
            yield from (f"{subject}: {text}" for text in found)


def _faults(scan: Scan) -> Iterator[str]:
    if scan.forward_secret is None:
        yield f"no suite was found ({'; '.join(scan.errors) or 'every offer is refused'})"
    elif scan.without:
        yield f"{len(scan.without)} suites without forward secrecy: {_list([suite.openssl_name or suite.name for suite in scan.without])}"
    if scan.certificate and scan.certificate.key == "RSA" and scan.certificate.bits < 2048:
        yield f"the RSA key has {scan.certificate.bits} bits: make one of at least 2048"


def _differences(scan: Scan, settings: Settings) -> Iterator[str]:
    other = [protocol.name for protocol in scan.protocols if protocol.name not in settings.protocols]
    if other:
        yield f"speaks {_list(other)}"
    missing = [name for name in settings.protocols if name not in (protocol.name for protocol in scan.protocols)]
    if missing:
        yield f"does not speak {_list(missing)}"
    allowed = {*settings.suites, *TLS13_SUITES}
    suites = [find_suite(number) for protocol in scan.protocols for number in protocol.suites]
    more = [suite.openssl_name or suite.name for suite in suites if suite.openssl_name not in allowed]
    if more:
        yield f"has other suites: {_list(more)}"
    for protocol in scan.protocols:
        if protocol.name == "TLSv1.3" and set(protocol.groups) != set(settings.wire_groups):
            yield f"has the groups {', '.join(protocol.groups)} instead of {', '.join(settings.wire_groups)}"
    if scan.tickets and scan.tickets.offered and not settings.tickets:
        yield "offers session tickets"
    if scan.compression:
        yield "compresses"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
