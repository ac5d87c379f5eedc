# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of a server, and the key of its session tickets, from whole handshakes by this Python's OpenSSL.

A ticket of TLS 1.2 and its lifetime travel before encryption begins, so they are read from the received bytes.
"""

from __future__ import annotations

import ssl
import warnings
from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

from ..state import ProbeError
from .connection import Connection
from .lines import Lines

_HANDSHAKE, _CHANGE_CIPHER, _TICKET = 22, 20, 4
_KEY_NAME = 16
"""Bytes at the beginning of a ticket by which OpenSSL and others name its key (RFC 5077, 4)."""


@dataclass(frozen=True)
class Session:
    """The certificate in DER, the name of the ticket's key as hexadecimal digits, and the hint of its lifetime in seconds."""

    certificate: Optional[bytes]
    ticket_key: Optional[str] = None
    lifetime: Optional[int] = None


def read_session(lines: Lines, name: Optional[str], tls12: bool, ciphers: str = "ALL") -> Session:
    """A whole handshake with the server, with C(tls12) of at most TLS 1.2. Raises L(ProbeError).

    :arg ciphers: the suites, in OpenSSL's syntax.
    """
    return lines.use(lambda connection: _read_session_on(connection, name, _context(tls12, ciphers)))


def _read_session_on(connection: Connection, name: Optional[str], context: ssl.SSLContext) -> Session:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    received = b""
    while True:
        done = _step(client)
        said = outgoing.read()
        if said:
            connection.send(said)
        if done:
            break
        data = connection.receive()
        if not data:
            raise ProbeError("it closes the connection in the handshake")
        received += data
        incoming.write(data)
    key, lifetime = _ticket(received) if client.version() != "TLSv1.3" else (None, None)
    return Session(client.getpeercert(binary_form=True), key, lifetime)


def _context(tls12: bool, ciphers: str) -> ssl.SSLContext:
    """What accepts every server: the certificate is read, not trusted, and nothing is sent to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        # Old versions are what is looked for.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    if tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    return context


def _step(client: ssl.SSLObject) -> bool:
    """Whether the handshake is complete."""
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError as error:
        raise ProbeError(f"no handshake with the OpenSSL here: {error.reason or error}") from error
    return True


def _ticket(received: bytes) -> Tuple[Optional[str], Optional[int]]:
    """The name of the key and the lifetime of a NewSessionTicket among the plain messages of the server."""
    pending = b"".join(_plain(received))
    while len(pending) >= 4:
        length = int.from_bytes(pending[1:4], "big")
        kind, body, pending = pending[0], pending[4 : 4 + length], pending[4 + length :]
        if kind == _TICKET and len(body) >= 6 + _KEY_NAME:
            return body[6 : 6 + _KEY_NAME].hex(), int.from_bytes(body[:4], "big")
    return None, None


def _plain(received: bytes) -> Iterator[bytes]:
    """The handshake's records before encryption begins."""
    while len(received) >= 5 and received[0] != _CHANGE_CIPHER:
        length = int.from_bytes(received[3:5], "big")
        if received[0] == _HANDSHAKE:
            yield received[5 : 5 + length]
        received = received[5 + length :]
