# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of tls_info. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from .._core.errors import InputError

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NUMERIC = re.compile(r"[0-9.]+")
_MORE_THAN_A_HOST = re.compile(r".*[/\[\]\s].*|[^:]*:[^:]*", re.DOTALL)
_OTHER_TODAY = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")
"""Signs for which Python asks another name than browsers do: since IDNA 2008 they are letters of their own."""

PARALLEL = 4
"""Connections at a time, fewer than any server is known to allow by default."""

STARTTLS = ("smtp", "imap", "pop3", "ftp")

SPEC: Dict[str, Dict[str, Any]] = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "default": 443},
    "names": {"type": "list", "elements": "str", "default": []},
    "without_name": {"type": "bool", "default": True},
    "starttls": {"type": "str", "choices": list(STARTTLS)},
    "timeout": {"type": "float", "default": 5.0},
    "max_handshakes": {"type": "int", "default": 200},
    "parallel": {"type": "int", "default": PARALLEL},
    # Names of keys, not keys.
    "ticket_keys": {"type": "dict", "default": {}, "no_log": False},
}


@dataclass(frozen=True)
class Wanted:
    """The server and the names to ask for; C(None) among C(names) is a client without SNI. C(timeout) is seconds for one handshake,
    C(parallel) the most connections at a time.

    C(ticket_keys) are the names of keys of an earlier run, and when each was seen first, in seconds since 1970.
    """

    host: str
    port: int
    names: Tuple[Optional[str], ...]
    starttls: Optional[str]
    timeout: float
    max_handshakes: int
    ticket_keys: Tuple[Tuple[str, int], ...]
    parallel: int = PARALLEL


def make_wanted(params: Mapping[str, Any]) -> Wanted:
    """The checked options."""
    if not params["host"].strip():
        raise InputError("host", "is empty; name the server or its address")
    if _MORE_THAN_A_HOST.fullmatch(params["host"].strip()):
        raise InputError(
            "host",
            f"{params['host']!r} is more than a name or an address: give the port by the option port, and no brackets",
        )
    if not 1 <= params["port"] <= 65535:
        raise InputError("port", f"is {params['port']}; ports are 1 to 65535")
    if not 0.1 <= params["timeout"] <= 60:
        raise InputError("timeout", f"is {params['timeout']}; it has to be 0.1 to 60 seconds")
    if not 1 <= params["max_handshakes"] <= 2000:
        raise InputError("max_handshakes", f"is {params['max_handshakes']}; it has to be 1 to 2000")
    if not 1 <= params["parallel"] <= 16:
        raise InputError("parallel", f"is {params['parallel']}; it has to be 1 to 16")
    names = tuple(dict.fromkeys(_check_name(name) for name in params["names"]))
    asked: Tuple[Optional[str], ...] = (*names, None) if params["without_name"] else names
    if not asked:
        raise InputError("names", "is empty, and without_name is false: there is nothing to ask for")
    return Wanted(
        host=params["host"].strip(),
        port=params["port"],
        names=asked,
        starttls=params["starttls"],
        timeout=params["timeout"],
        max_handshakes=params["max_handshakes"],
        ticket_keys=tuple(_seen(key, since) for key, since in params["ticket_keys"].items()),
        parallel=params["parallel"],
    )


def _seen(key: str, since: Any) -> Tuple[str, int]:
    try:
        return key, int(since)
    except (TypeError, ValueError) as error:
        raise InputError(
            "ticket_keys", f"{key}: {since!r} is no time in seconds since 1970; take ticket_keys of an earlier result"
        ) from error


def _check_name(name: str) -> str:
    """The name in the form of SNI: ASCII, without a final dot. SNI has no addresses (RFC 6066)."""
    if _OTHER_TODAY & {*name}:
        raise InputError("names", f"{name!r} has a letter whose ASCII form has changed; give the name in the form that begins with xn--")
    try:
        made = name.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        made = ""
    if len(made) > 253 or not _NAME.fullmatch(made) or _NUMERIC.fullmatch(made):
        raise InputError("names", f"{name!r} is no host name; an address is asked for with host, and without_name: true")
    return made
