# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on loopback for the tests of the prober: Python's TLS in all its configurations, and peers that do not keep to TLS."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ansible_collections.fleetlab.linux.plugins.module_utils._tls.options import Wanted

START = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
END = datetime.datetime(2051, 6, 7, 8, 9, 10, tzinfo=datetime.timezone.utc)


def make_key(kind: str) -> Any:
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:] or 2048))
    return ec.generate_private_key(ec.SECP384R1() if kind == "ec384" else ec.SECP256R1())


def make_certificate(key: Any, name: str = "localhost") -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(START).not_valid_after(END).add_extension(names, critical=False)
    return builder.sign(key, None if "Ed25519" in type(key).__name__ else hashes.SHA256())


def write_pair(folder: Path, kind: str = "rsa2048") -> Path:
    """A key and its certificate in one file."""
    key = make_key(kind)
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / f"{kind}.pem"
    file.write_bytes(text + make_certificate(key).public_bytes(serialization.Encoding.PEM))
    return file


def make_context(
    pair: Path, ciphers: str, versions: tuple[ssl.TLSVersion, ssl.TLSVersion], set_up: Callable[[ssl.SSLContext], None] | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = versions
    context.load_cert_chain(pair)
    if set_up:
        set_up(context)
    return context


def handshake(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """What a TLS server does with a connection."""

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as client:
            client.recv(1)

    return serve


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that treats each connection with C(serve)."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        threading.Thread(target=_accept, args=(server, serve), daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            # Closing alone leaves a thread in accept.
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _address = server.accept()
            threading.Thread(target=_serve, args=(connection, serve), daemon=True).start()


def _serve(connection: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    with contextlib.suppress(OSError), connection:
        serve(connection)


def want(port: int, **options: Any) -> Wanted:
    given: dict[str, Any] = {"names": (None,), "starttls": None, "timeout": 5.0, "max_handshakes": 200, "ticket_keys": (), **options}
    return Wanted(host="127.0.0.1", port=port, **given)
