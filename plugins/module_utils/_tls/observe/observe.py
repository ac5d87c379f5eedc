# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out what a server negotiates for each name."""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from typing import Callable, Dict, List, Optional, Tuple

from ..certificate import BadCertificate, read_certificate
from ..options import Wanted
from ..scan import scan
from ..state import Certificate, ProbeError, Scan, Tickets
from .ask import ask
from .lines import Lines
from .session import Session, read_session


def observe(wanted: Wanted) -> Tuple[Scan, ...]:
    """A scan for each name, in their order."""
    with Lines(wanted) as lines:
        return tuple(_observe_name(wanted, lines, name) for name in wanted.names)


def _observe_name(wanted: Wanted, lines: Lines, name: Optional[str]) -> Scan:
    found = scan(functools.partial(ask, lines), name, wanted.max_handshakes)
    if not found.protocols:
        return found
    errors = list(found.errors)
    spoken = {protocol.name for protocol in found.protocols}
    tickets = _tickets(wanted, lines, name, errors) if spoken - {"TLSv1.3"} else None
    has_certificate = not all(suite.is_anonymous for suite in found.suites)
    certificate = (
        _certificate("certificate", functools.partial(read_session, lines, name, False, "ALL:!aNULL"), errors) if has_certificate else None
    )
    others = [
        _certificate(f"{kind} certificate", functools.partial(read_session, lines, name, True, f"a{kind}"), errors)
        for kind in sorted(found.key_kinds)
        if certificate is not None and kind != certificate.key_kind
    ]
    return replace(found, tickets=tickets, certificate=certificate, other_certificates=tuple(filter(None, others)), errors=tuple(errors))


def _certificate(what: str, read: Callable[[], Session], errors: List[str]) -> Optional[Certificate]:
    try:
        data = read().certificate
        return read_certificate(data) if data else None
    except (ProbeError, BadCertificate) as error:
        errors.append(f"{what}: {error}")
    return None


def _tickets(wanted: Wanted, lines: Lines, name: Optional[str], errors: List[str]) -> Optional[Tickets]:
    """The keys of the tickets of two sessions, which are the same unless the server has a key for each."""
    try:
        first, second = (read_session(lines, name, tls12=True) for _session in range(2))
    except ProbeError as error:
        errors.append(f"tickets: {error}")
        return None
    if first.ticket_key is None:
        return Tickets(offered=False)
    return Tickets(
        offered=True,
        key=first.ticket_key,
        same_key=first.ticket_key == second.ticket_key,
        lifetime=first.lifetime,
        seen_for=_seen_for(wanted, first),
    )


def _seen_for(wanted: Wanted, session: Session) -> int:
    known: Dict[str, int] = dict(wanted.ticket_keys)
    now = int(time.time())
    return max(0, now - known.get(session.ticket_key or "", now))
