# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server negotiates for one name, and the problems in it. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Optional, Tuple

from .suites import Suite, find_suite


class ProbeError(Exception):
    """A server gave no answer that can be understood. C(is_silent) tells whether other questions would go the same way.

    The text says what happened, without the server.
    """

    def __init__(self, problem: str, is_silent: bool = False) -> None:
        super().__init__(problem)
        self.is_silent = is_silent


class BusyError(ProbeError):
    """A server takes no connection now, and may take one later."""


@dataclass(frozen=True)
class Protocol:
    """A protocol that a server speaks. C(suites) are numbers in the order of its choice, C(groups) names."""

    name: str
    suites: Tuple[int, ...]
    groups: Tuple[str, ...] = ()
    dh_bits: Optional[int] = None


@dataclass(frozen=True)
class Tickets:
    """The tickets of TLS 1.2 sessions. C(key) is the name of the key that encrypts them, as hexadecimal digits.

    C(same_key) tells whether two sessions had the same key, C(lifetime) is the hint in seconds, C(seen_for) the seconds since the same
    key was seen first.
    """

    offered: bool
    key: Optional[str] = None
    same_key: Optional[bool] = None
    lifetime: Optional[int] = None
    seen_for: Optional[int] = None


@dataclass(frozen=True)
class Certificate:
    """A server's certificate. Times are seconds since 1970; C(bits) is the size of the key, C(names) are its DNS names and addresses."""

    subject: str
    names: Tuple[str, ...]
    not_before: int
    not_after: int
    key: str
    bits: int

    @property
    def key_kind(self) -> str:
        """The kind of its key, as suites name it: C(RSA), or C(ECDSA) for all keys on curves."""
        return "RSA" if self.key.startswith("RSA") else "ECDSA"


@dataclass(frozen=True)
class Scan:
    """The negotiated values of a server for one name; C(name) is C(None) for clients without SNI.

    C(order) is C(server), C(client), or C(None) where no protocol before TLS 1.3 has two suites. C(errors) are what could not be found
    out, and why. C(other_certificates) have another kind of key, for clients that do not take the kind of C(certificate).
    """

    name: Optional[str]
    protocols: Tuple[Protocol, ...] = ()
    order: Optional[str] = None
    compression: bool = False
    tickets: Optional[Tickets] = None
    certificate: Optional[Certificate] = None
    other_certificates: Tuple[Certificate, ...] = ()
    handshakes: int = 0
    errors: Tuple[str, ...] = ()

    @property
    def suites(self) -> Tuple[Suite, ...]:
        """The suites of all protocols, each once."""
        return tuple(dict.fromkeys(find_suite(number) for protocol in self.protocols for number in protocol.suites))

    @property
    def key_kinds(self) -> FrozenSet[str]:
        """The kinds of keys, C(RSA) and C(ECDSA), of the certificates that the suites before TLS 1.3 need."""
        kinds = {"RSA": "RSA", "DHE_RSA": "RSA", "ECDHE_RSA": "RSA", "ECDHE_ECDSA": "ECDSA"}
        return frozenset(kinds[suite.key_exchange] for suite in self.suites if suite.key_exchange in kinds)

    @property
    def without(self) -> Tuple[Suite, ...]:
        """The suites without forward secrecy of all protocols, each once."""
        return tuple(suite for suite in self.suites if not suite.is_forward_secret)

    @property
    def forward_secret(self) -> Optional[str]:
        """C(all), C(some) or C(none) of the suites have forward secrecy; C(None) if no suite was found."""
        if not self.suites:
            return None
        if not self.without:
            return "all"
        return "none" if len(self.without) == len(self.suites) else "some"

    @property
    def post_quantum(self) -> Tuple[str, ...]:
        """The hybrid groups that also withstand a quantum computer."""
        groups = (group for protocol in self.protocols for group in protocol.groups)
        return tuple(dict.fromkeys(group for group in groups if "MLKEM" in group or "Kyber" in group))
