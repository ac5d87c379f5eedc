# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The return values of tls_info, and its problems as sentences. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Sequence

from .options import Wanted
from .state import Certificate, Protocol, Scan, Tickets
from .suites import Suite, find_suite

_OLD = ("SSLv3", "TLSv1", "TLSv1.1")
_DAY = 86400
_SOON = 14 * _DAY
_SHOWN = 3
"""Suites that a sentence names; all are in the lists."""


def returned(wanted: Wanted, scans: Sequence[Scan], now: int) -> Dict[str, Any]:
    """The return values. C(now) is in seconds since 1970."""
    known = dict(wanted.ticket_keys)
    keys = [scan.tickets.key for scan in scans if scan.tickets and scan.tickets.key]
    return {
        "names": [_scan(scan) for scan in scans],
        "forward_secret": _overall(_judged(scans)),
        "problems": [f"{_subject(wanted, scan)}: {text}" for scan in _judged(scans) for text in problems(scan, now)],
        "ticket_keys": {key: known.get(key, now) for key in keys},
    }


def _judged(scans: Sequence[Scan]) -> List[Scan]:
    """The scans without the one for no name, if the server refuses such clients and answers to a name: they have nothing to record."""
    answers = any(scan.protocols for scan in scans)
    return [scan for scan in scans if scan.name or scan.protocols or scan.errors or not answers]


def _overall(scans: Sequence[Scan]) -> Optional[str]:
    found = {scan.forward_secret for scan in scans}
    return found.pop() if len(found) == 1 else None if None in found else "some"


def _subject(wanted: Wanted, scan: Scan) -> str:
    server = f"{wanted.host}:{wanted.port}"
    return f"{server} for {scan.name}" if scan.name else f"{server} without a name"


def problems(scan: Scan, now: int) -> Iterator[str]:
    """What is wrong for one name, a sentence each."""
    if not scan.protocols and not scan.errors:
        yield "it refuses every suite of every protocol from SSLv3 to TLSv1.3: see the log of the server, and whether it has this name"
    yield from _suite_problems(scan)
    old = [protocol.name for protocol in scan.protocols if protocol.name in _OLD]
    if old:
        yield f"the old protocols {', '.join(old)} are spoken"
    if scan.tickets and scan.tickets.same_key:
        yield from _ticket_problem(scan.tickets)
    if scan.compression:
        yield "TLS compresses, which reveals secrets (CRIME)"
    for protocol in scan.protocols:
        if protocol.dh_bits is not None and protocol.dh_bits < 2048:
            yield f"{protocol.name} uses a DH prime of {protocol.dh_bits} bits; 2048 are the least"
    for certificate in filter(None, (scan.certificate, *scan.other_certificates)):
        yield from _certificate_problems(certificate, now)
    yield from scan.errors


def _suite_problems(scan: Scan) -> Iterator[str]:
    readable = [suite for suite in scan.suites if suite.is_readable]
    anonymous = [suite for suite in scan.suites if suite.is_anonymous]
    if scan.without:
        yield f"{_count(scan.without)} no forward secrecy: {_names(scan.without)}"
    if readable:
        yield f"{_count(readable)} no encryption, or a key of at most 56 bits, so that who records can read: {_names(readable)}"
    if anonymous:
        yield f"{_count(anonymous)} no certificate, so that anybody on the way can be the server: {_names(anonymous)}"


def _count(suites: Sequence[Suite]) -> str:
    return "1 suite has" if len(suites) == 1 else f"{len(suites)} suites have"


def _names(suites: Sequence[Suite]) -> str:
    more = f" and {len(suites) - _SHOWN} more" if len(suites) > _SHOWN else ""
    return ", ".join(suite.openssl_name or suite.name for suite in suites[:_SHOWN]) + more


def _ticket_problem(tickets: Tickets) -> Iterator[str]:
    since = f", the same key for {tickets.seen_for} s" if tickets.seen_for else ""
    yield f"session tickets of TLS 1.2 have one key for all sessions{since}: who gets it can decrypt recorded sessions"


def _certificate_problems(found: Certificate, now: int) -> Iterator[str]:
    if now > found.not_after:
        yield f"the certificate of {found.subject} ({found.key}) expired {_days(now - found.not_after)} ago"
    elif found.not_after - now < _SOON:
        yield f"the certificate of {found.subject} ({found.key}) expires in {_days(found.not_after - now)}"
    if now < found.not_before:
        yield f"the certificate of {found.subject} ({found.key}) is not valid yet"
    if found.key == "RSA" and found.bits < 2048:
        yield f"the RSA key has {found.bits} bits; 2048 are the least"


def _days(seconds: int) -> str:
    days = seconds // _DAY
    return "1 day" if days == 1 else f"{days} days"


def _scan(scan: Scan) -> Dict[str, Any]:
    return {
        "name": scan.name,
        "protocols": {protocol.name: _protocol(protocol) for protocol in scan.protocols},
        "forward_secret": scan.forward_secret,
        "without": [suite.name for suite in scan.without],
        "post_quantum": list(scan.post_quantum),
        "order": scan.order,
        "compression": scan.compression,
        "tickets": _tickets(scan.tickets),
        "certificate": _certificate(scan.certificate),
        "other_certificates": [_certificate(one) for one in scan.other_certificates],
        "handshakes": scan.handshakes,
        "errors": list(scan.errors),
    }


def _protocol(protocol: Protocol) -> Dict[str, Any]:
    return {
        "suites": [_suite(find_suite(number)) for number in protocol.suites],
        "groups": list(protocol.groups),
        "dh_bits": protocol.dh_bits,
    }


def _suite(suite: Suite) -> Dict[str, Any]:
    return {
        "id": f"0x{suite.number:04x}",
        "name": suite.name,
        "openssl_name": suite.openssl_name or None,
        "key_exchange": suite.key_exchange,
        "forward_secrecy": suite.is_forward_secret,
    }


def _tickets(tickets: Optional[Tickets]) -> Optional[Dict[str, Any]]:
    if tickets is None:
        return None
    names: List[str] = ["offered", "key", "same_key", "lifetime", "seen_for"]
    return {name: getattr(tickets, name) for name in names}


def _certificate(found: Optional[Certificate]) -> Optional[Dict[str, Any]]:
    if found is None:
        return None
    values = {name: getattr(found, name) for name in ("subject", "not_before", "not_after", "key", "bits")}
    return {**values, "names": list(found.names)}
