# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diff and the return values. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from .._core.plan import Plan
from .._tls.state import Scan
from .options import Wanted
from .servers import Server
from .state import Report, State

_ALL = "every suite is forward secret"


def before(server: Server, state: State) -> Mapping[str, Any]:
    """The owned file, the settings elsewhere that undo it, and the forward secrecy of each name."""
    return {
        "file": state.files.get(server.owned, ("", 0))[0] if state.is_enabled else "",
        "elsewhere": [str(setting) for setting in state.config.overrides],
        "names": {_subject(report, scan): _secrecy(scan) for report in state.live for scan in report.scans},
    }


def before_absent(server: Server, state: Optional[State], marked: Sequence[str]) -> Mapping[str, Any]:
    """What this collection wrote: the owned file, and the files in which it made lines comments."""
    return {"file": state.files.get(server.owned, ("", 0))[0] if state else "", "commented_out_in": list(marked)}


def after(state: State, wanted: Wanted, content: str) -> Mapping[str, Any]:
    """The same after the plan, which a trial has to prove first."""
    elsewhere = [] if wanted.overrides == "comment_out" else [str(setting) for setting in state.config.overrides]
    return {
        "file": content,
        "elsewhere": elsewhere,
        "names": {_subject(report, scan): _ALL for report in state.live for scan in report.scans},
    }


def _subject(report: Report, scan: Scan) -> str:
    return f"{report.endpoint.label} {scan.name or '(no name)'}"


def _secrecy(scan: Scan) -> str:
    if not scan.protocols:
        return "no suite was found"
    older = {number for protocol in scan.protocols if protocol.name != "TLSv1.3" for number in protocol.suites}
    return f"{len(scan.without)} of {len(older)} suites before TLS 1.3 are not forward secret" if scan.without else _ALL


def returned(state: State, _wanted: Wanted, _plan: Plan) -> Dict[str, Any]:
    """The return values: what the server does for each name."""
    return {
        "openssl": ".".join(map(str, state.version)),
        "running": state.pid is not None,
        "names": _names(state.live),
        "overrides": [str(setting) for setting in state.config.overrides],
    }


def _names(reports: Sequence[Report]) -> List[Dict[str, Any]]:
    return [
        {
            "address": report.endpoint.address,
            "port": report.endpoint.port,
            "name": scan.name,
            "protocols": [protocol.name for protocol in scan.protocols],
            "suites": len({number for protocol in scan.protocols for number in protocol.suites}),
            "without": [suite.openssl_name or suite.name for suite in scan.without],
            "post_quantum": list(scan.post_quantum),
            "tickets": scan.tickets is not None and scan.tickets.offered,
            "errors": list(scan.errors),
        }
        for report in reports
        for scan in report.scans
    ]
