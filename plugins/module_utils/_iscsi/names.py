# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IQNs, portals and CHAP credentials, for initiators and targets. Pure; raises InputError only."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Optional, Tuple

from .._core.errors import InputError

DEFAULT_PORT = 3260

_IQN = re.compile(r"iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?(:[a-z0-9.:-]+)?")
_IQN_MAX_BYTES = 223
_TARGET = re.compile(r"(iqn|eui|naa)\.[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?")
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
# White space, '#', quotes and backslash are syntax in the configuration files of initiators or targets.
_CHAP_TEXT = re.compile(r"[!$-&(-\[\]-_a-~]+")
CHAP_RULE = "12 to 16 printable ASCII characters without white space, '#', quotes, backslash or backquote"


def check_iqn(option: str, value: str) -> str:
    """Return C(value) if it is an iSCSI qualified name (RFC 3720 3.2.6.3.1; in lower case, which stringprep demands).

    :raises InputError: it is not.
    """
    if len(value.encode("utf-8")) > _IQN_MAX_BYTES:
        raise InputError(option, f"'{value[:40]}...' is longer than {_IQN_MAX_BYTES} bytes, the maximum of an iSCSI name")
    if not _IQN.fullmatch(value):
        raise InputError(
            option,
            f"'{value}' is not an iSCSI qualified name: expected iqn.YYYY-MM.reversed.domain[:identifier] in lower case,"
            " with a dot in the reversed domain, such as iqn.2026-01.com.example:server1",
        )
    return value


def check_target_name(option: str, value: str) -> str:
    """Return C(value) if an initiator can log in to a target of this name, in the spelling that the target has.

    Targets of other vendors have names of the other two formats, and names that the standard does not allow: with capitals and underscores,
    without a date, or without a dot in the domain. A name with an error is found at the login, because the portal does not offer it.

    :raises InputError: it is not a name of a target.
    """
    if len(value) > _IQN_MAX_BYTES or not _TARGET.fullmatch(value):
        raise InputError(
            option,
            f"'{value[:80]}' is not the name of an iSCSI target: expected up to {_IQN_MAX_BYTES} letters, digits, '.', ':', '-' and '_'"
            " that begin with iqn., eui. or naa., such as iqn.2026-01.com.example:server1",
        )
    return value


@dataclass(frozen=True, order=True)
class Portal:
    """An address (canonical IPv4 or IPv6, or a host name in lower case) and a TCP port."""

    host: str
    port: int = DEFAULT_PORT

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is an IPv6 address."""
        return ":" in self.host

    def __str__(self) -> str:
        """The form of iscsiadm and LIO: C(192.0.2.1:3260), C([2001:db8::1]:3260)."""
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"


def make_portal(option: str, host: str, port: Optional[int] = None) -> Portal:
    """A portal from a host name, or an address in any spelling (IPv6 with or without brackets).

    :raises InputError: the host or the port is not valid.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    number = DEFAULT_PORT if port is None else port
    if not 1 <= number <= 65535:
        raise InputError(option, f"port {number} is not between 1 and 65535")
    try:
        return Portal(str(ipaddress.ip_address(bare)), number)
    except ValueError:
        pass
    labels = bare.split(".")
    if bare != host or len(bare) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise InputError(option, f"'{host}' is neither an IPv4 or IPv6 address nor a host name")
    return Portal(bare.lower(), number)


def parse_portal(option: str, text: str) -> Portal:
    """A portal from C(host), C(host:port), C([v6]) or C([v6]:port); a bare IPv6 address has the default port."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]+):([0-9]{1,5})", text)
    if match:
        return make_portal(option, match.group(1), int(match.group(2)))
    return make_portal(option, text)


def lenient_portal(host: str, port: int) -> Portal:
    """A portal that the system reports, even in a spelling that no option accepts."""
    try:
        return make_portal("portal", host, port)
    except InputError:
        return Portal(host.lower(), port)


def shadows(one: Portal, other: Portal) -> bool:
    """Whether C(one) listens on every address, so that C(other) cannot listen on the same port."""
    if one == other or one.port != other.port:
        return False
    # An IPv6 socket on every address also accepts IPv4 connections.
    return one.host == "::" or (one.host == "0.0.0.0" and not other.is_ipv6)


CHAP_SPEC: Mapping[str, Mapping[str, Any]] = {
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "mutual_username": {"type": "str"},
    "mutual_password": {"type": "str", "no_log": True},
}
"""The argument spec of a C(chap) option."""


def chap_secrets(entries: Iterable[Mapping[str, Any]]) -> Tuple[str, ...]:
    """Every secret in the C(chap) options of these entries, also in options that are not valid."""
    chaps = [entry.get("chap") or {} for entry in entries]
    return tuple(str(chap[name]) for chap in chaps for name in ("password", "mutual_password") if chap.get(name))


@dataclass(frozen=True)
class Chap:
    """CHAP credentials. The mutual pair, by which the target authenticates to the initiator, is complete or absent."""

    username: str
    password: str = field(repr=False)
    mutual_username: Optional[str] = None
    mutual_password: Optional[str] = field(default=None, repr=False)

    @property
    def secrets(self) -> Tuple[str, ...]:
        """The texts that may never be shown."""
        return tuple(text for text in (self.password, self.mutual_password) if text)


def stored_chap(username: str, password: str, mutual_username: str, mutual_password: str) -> Optional[Chap]:
    """The credentials of a target, perhaps with an incomplete pair; None if all four texts are empty."""
    if not (username or password or mutual_username or mutual_password):
        return None
    return Chap(username, password, mutual_username or None, mutual_password or None)


def make_chap(option: str, value: Optional[Mapping[str, Any]]) -> Optional[Chap]:
    """Check a C(chap) option.

    :raises InputError: it is not valid. The messages never contain a secret.
    """
    if value is None:
        return None
    chap = Chap(value["username"], value["password"], value.get("mutual_username"), value.get("mutual_password"))
    if (chap.mutual_username is None) != (chap.mutual_password is None):
        raise InputError(option, "mutual_username and mutual_password are given together or not at all")
    _check_username(f"{option}.username", chap.username)
    _check_secret(f"{option}.password", chap.password)
    if chap.mutual_username is not None and chap.mutual_password is not None:
        _check_username(f"{option}.mutual_username", chap.mutual_username)
        _check_secret(f"{option}.mutual_password", chap.mutual_password)
        if chap.mutual_password == chap.password:
            raise InputError(option, "the mutual secret equals the secret; an attacker could reflect it: use two different secrets")
    return chap


def _check_username(option: str, value: str) -> None:
    if not _CHAP_TEXT.fullmatch(value) or len(value) > _IQN_MAX_BYTES:
        raise InputError(
            option,
            f"expected 1 to {_IQN_MAX_BYTES} printable ASCII characters without white space, '#', quotes, backslash or backquote",
        )


def _check_secret(option: str, value: str) -> None:
    if not _CHAP_TEXT.fullmatch(value) or not 12 <= len(value) <= 16:
        raise InputError(option, f"the secret does not follow the rule: {CHAP_RULE}")
