# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiles of Mozilla's guidelines for server-side TLS, version 6.0 of April 2026, as far as an OpenSSL has what they name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

Version = Tuple[int, int, int]

TLS13_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_TLS12_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)


@dataclass(frozen=True)
class Profile:
    """The protocols and the suites of TLS 1.2, by the names of OpenSSL."""

    protocols: Tuple[str, ...]
    suites: Tuple[str, ...] = ()


PROFILES: Dict[str, Profile] = {
    "intermediate": Profile(("TLSv1.2", "TLSv1.3"), _TLS12_SUITES),
    "modern": Profile(("TLSv1.3",)),
}


@dataclass(frozen=True)
class Group:
    """A group by the name of OpenSSL's configuration; C(wire) is its name in scans. OpenSSL has it from C(since)."""

    name: str
    wire: str
    since: Version = (1, 1, 1)


_ROWS = (
    Group("X25519MLKEM768", "X25519MLKEM768", (3, 5, 0)),
    Group("SecP256r1MLKEM768", "SecP256r1MLKEM768", (3, 5, 0)),
    Group("SecP384r1MLKEM1024", "SecP384r1MLKEM1024", (3, 5, 0)),
    Group("X25519", "x25519"),
    Group("X448", "x448"),
    Group("prime256v1", "secp256r1"),
    Group("secp384r1", "secp384r1"),
    Group("secp521r1", "secp521r1"),
)
GROUPS: Dict[str, Group] = {group.name: group for group in _ROWS}
_GUIDELINE = ("X25519MLKEM768", "X25519", "prime256v1", "secp384r1")


def groups_for(version: Version, asked: Optional[Sequence[str]] = None) -> Tuple[str, ...]:
    """The groups of the guidelines that this OpenSSL has, or the asked ones."""
    return tuple(asked) if asked is not None else tuple(name for name in _GUIDELINE if GROUPS[name].since <= version)


_COMMANDS = frozenset({"curves", "groups", "ecdhparameters", "protocol", "minprotocol", "maxprotocol", "cipherstring", "ciphersuites"})
_OPTIONS = ("sessionticket", "serverpreference", "compression", "allownodhekex")


def is_other_command(words: Sequence[str]) -> bool:
    """Whether a command of OpenSSL (SSL_CONF_cmd) has nothing to do with what a profile sets, such as C(Options KTLS)."""
    name, value = ("".join(words[:1]).lower().lstrip("-"), "".join(words[1:]).lower())
    if name == "options":
        return not any(option in value for option in _OPTIONS)
    return bool(name) and name not in _COMMANDS


@dataclass(frozen=True)
class Settings:
    """The settings of a server. C(groups) are names of OpenSSL; C(tickets) and the others tell whether the server does it."""

    profile: str
    groups: Tuple[str, ...]
    tickets: bool = False
    stapling: bool = False
    trace: bool = False

    @property
    def protocols(self) -> Tuple[str, ...]:
        """The protocols, the oldest first."""
        return PROFILES[self.profile].protocols

    @property
    def suites(self) -> Tuple[str, ...]:
        """The suites of TLS 1.2, by the names of OpenSSL."""
        return PROFILES[self.profile].suites

    @property
    def wire_groups(self) -> Tuple[str, ...]:
        """The groups by their names in scans."""
        return tuple(GROUPS[name].wire for name in self.groups)
