# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what a server negotiates: offer everything, take away its choice, and ask again. Pure: a callable asks the server."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from .answer import Answer, describe_alert
from .hello import GROUPS, TLS12, TLS13, VERSIONS, Offer
from .state import ProbeError, Protocol, Scan
from .suites import OLDER, find_suite
from .suites import TLS13 as TLS13_SUITES

Ask = Callable[[Offer, bool], Answer]
"""Sends an offer and returns the answer, with C(True) up to the server's key exchange; raises L(ProbeError)."""

_ORDER = ("TLSv1.2", "TLSv1.3", "TLSv1.1", "TLSv1", "SSLv3")
"""Protocols in the order in which they are asked: the first one is the likeliest to be spoken, so that a silent server is noticed."""

_REFUSALS = frozenset({40, 70, 71, 86, 109})
"""Alerts by which a server says that it has no suite, protocol or group of an offer. Others are errors."""


class _Scanner:
    """Asks one server for one name. C(errors) collects what could not be found out."""

    def __init__(self, ask: Ask, name: Optional[str], limit: int) -> None:
        self._ask, self._name, self._limit = ask, name, limit
        self.handshakes = 0
        self.errors: List[str] = []
        self._has_chosen = False

    def ask(self, version: int, suites: Sequence[int], groups: Sequence[int] = tuple(GROUPS), until_key: bool = False) -> Answer:
        """The answer to an offer."""
        return self.send(Offer(version, tuple(suites), tuple(groups), self._name), until_key)

    def send(self, offer: Offer, until_key: bool = False) -> Answer:
        """The answer to an offer, if there may still be one."""
        if self.handshakes >= self._limit:
            raise ProbeError(f"more than {self._limit} handshakes would be needed (max_handshakes)")
        self.handshakes += 1
        return self._ask(offer, until_key)

    def suites(self, name: str) -> Tuple[int, ...]:
        """The suites of a protocol, in the order in which the server chooses them."""
        version = VERSIONS[name]
        left = list(TLS13_SUITES if version == TLS13 else OLDER)
        found: List[int] = []
        while left:
            try:
                answer = self.ask(version, left)
            except ProbeError as error:
                self._note(name, error, found)
                break
            if answer.alert is not None or answer.version != version:
                if answer.alert is not None and answer.alert not in _REFUSALS:
                    self.errors.append(f"{name}: answered with the alert {describe_alert(answer.alert)}")
                break
            if answer.suite not in left:
                self.errors.append(f"{name}: chose the suite {find_suite(answer.suite).name}, which was not offered")
                break
            found.append(answer.suite)
            left.remove(answer.suite)
            self._has_chosen = True
        return tuple(found)

    # A server that has not answered anything is not asked for each protocol anew.
    def _note(self, name: str, error: ProbeError, found: Sequence[int]) -> None:
        if error.is_silent and not self._has_chosen:
            raise error
        self.errors.append(f"{name}: {error}" + (f"; its list ends with {find_suite(found[-1]).name}" if found else ""))

    def groups(self, version: int, suites: Sequence[int]) -> Tuple[str, ...]:
        """The names of the groups that the server chooses for suites with ephemeral elliptic curves, or for TLS 1.3."""
        left = list(GROUPS)
        found: List[str] = []
        while left and suites:
            answer = self.ask(version, suites, left, until_key=version <= TLS12)
            if answer.group not in left or answer.version != version:
                break
            found.append(GROUPS[answer.group])
            left.remove(answer.group)
        return tuple(found)

    def details(self, name: str, suites: Tuple[int, ...]) -> Protocol:
        """The protocol with its groups and the size of its prime."""
        version = VERSIONS[name]
        protocol = Protocol(name, suites)
        if version < TLS12 or not suites:
            return protocol
        if version == TLS13:
            return replace(protocol, groups=self.groups(version, suites))
        elliptic = [number for number in suites if find_suite(number).key_exchange.startswith("ECDHE")]
        finite = [number for number in suites if find_suite(number).key_exchange.startswith(("DHE", "DH_anon"))]
        bits = self.ask(version, finite, until_key=True).dh_bits if finite else None
        return replace(protocol, groups=self.groups(version, elliptic), dh_bits=bits)

    def order(self, found: Dict[str, Tuple[int, ...]]) -> Optional[str]:
        """Whose preference decides: C(server) or C(client). Asked with the server's first two suites in both orders."""
        name = next((name for name in ("TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3") if len(found.get(name, ())) >= 2), None)
        if name is None:
            return None
        pair = found[name][:2]
        chosen = [self.ask(VERSIONS[name], suites).suite for suites in (pair, pair[::-1])]
        return "server" if chosen[0] == chosen[1] else "client"

    def compression(self, found: Dict[str, Tuple[int, ...]]) -> bool:
        """Whether the server compresses, which TLS 1.3 no longer knows."""
        name = next((name for name in ("TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3") if found.get(name)), None)
        if name is None:
            return False
        offer = Offer(VERSIONS[name], found[name], server_name=self._name, compression=True)
        return self.send(offer).compression == 1


def scan(ask: Ask, name: Optional[str], limit: int) -> Scan:
    """What the server negotiates with clients that ask for C(name). An error ends the scan; what was found before it is returned."""
    scanner = _Scanner(ask, name, limit)
    found: Dict[str, Tuple[int, ...]] = {}
    protocols: List[Protocol] = []
    result = Scan(name)
    try:
        for protocol in _ORDER:
            found[protocol] = scanner.suites(protocol)
        protocols = [scanner.details(protocol, found[protocol]) for protocol in VERSIONS if found[protocol]]
        result = replace(result, order=scanner.order(found), compression=scanner.compression(found))
    except ProbeError as error:
        scanner.errors.append(str(error))
        done = {protocol.name for protocol in protocols}
        protocols += [Protocol(each, found[each]) for each in VERSIONS if found.get(each) and each not in done]
    return replace(result, protocols=tuple(protocols), handshakes=scanner.handshakes, errors=tuple(scanner.errors))
