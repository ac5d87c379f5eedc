# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ClientHello, from the choices that it offers. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Dict, Iterable, Optional, Tuple

VERSIONS: Dict[str, int] = {"SSLv3": 0x0300, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
"""The protocols by the names that Apache uses for them, oldest first."""

TLS12, TLS13 = VERSIONS["TLSv1.2"], VERSIONS["TLSv1.3"]

GROUPS: Dict[int, str] = {
    0x11EC: "X25519MLKEM768",
    0x11EB: "SecP256r1MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
    0x6399: "X25519Kyber768Draft00",
    0x001D: "x25519",
    0x0017: "secp256r1",
    0x001E: "x448",
    0x0018: "secp384r1",
    0x0019: "secp521r1",
    0x0100: "ffdhe2048",
    0x0101: "ffdhe3072",
    0x0102: "ffdhe4096",
    0x0103: "ffdhe6144",
    0x0104: "ffdhe8192",
    0x001F: "brainpoolP256r1tls13",
    0x0020: "brainpoolP384r1tls13",
    0x0021: "brainpoolP512r1tls13",
    0x001A: "brainpoolP256r1",
    0x001B: "brainpoolP384r1",
    0x001C: "brainpoolP512r1",
    0x0016: "secp256k1",
    0x0015: "secp224r1",
    0x0013: "secp192r1",
}
"""The groups of the key exchange by their numbers in the registry of IANA."""

_SIGNATURES = bytes.fromhex(
    "0403 0503 0603 0807 0808 0804 0805 0806 0809 080a 080b 081a 081b 081c 0401 0501 0601 0402 0502 0602 0303 0301 0302 0203 0201 0202"
)
"""All algorithms of signatures, because the answer must depend on the offered suites alone. The last ones are SHA-224 and SHA-1."""

_SECURE_RENEGOTIATION = 0x00FF
"""The signal among the suites (RFC 5746)."""

_LONG = range(256, 512)
"""Lengths of a ClientHello at which some load balancers hang (RFC 7685)."""


@dataclass(frozen=True)
class Offer:
    """The choices that a ClientHello leaves to the server. C(server_name) is the name for SNI, C(None) for none."""

    version: int
    suites: Tuple[int, ...]
    groups: Tuple[int, ...] = tuple(GROUPS)
    server_name: Optional[str] = None
    compression: bool = False


def client_hello(offer: Offer, random: bytes) -> bytes:
    """The offer as one TLS record. C(random) is 32 bytes for the hello, and 32 more that TLS 1.3 wants as the id of a session."""
    body = struct.pack("!H", min(offer.version, TLS12)) + random[:32]
    body += _block(1, random[32:64] if offer.version >= TLS13 else b"")
    body += _block(2, _numbers(_with_signal(offer))) + _block(1, b"\1\0" if offer.compression else b"\0")
    # SSL 3.0 knows no extensions, and some of its servers refuse a hello with one.
    if offer.version > VERSIONS["SSLv3"]:
        extensions = _extensions(offer)
        length = 4 + len(body) + 2 + len(extensions)
        if length in _LONG:
            extensions += _extension(21, bytes(max(0, _LONG.stop - length - 4)))
        body += _block(2, extensions)
    message = b"\1" + struct.pack("!I", len(body))[1:] + body
    return b"\x16" + struct.pack("!H", min(offer.version, VERSIONS["TLSv1"])) + _block(2, message)


# Like OpenSSL. There are servers that refuse a client without it, although the extension says the same; SSL 3.0 has no extension.
def _with_signal(offer: Offer) -> Tuple[int, ...]:
    return offer.suites if offer.version >= TLS13 else (*offer.suites, _SECURE_RENEGOTIATION)


def _extensions(offer: Offer) -> bytes:
    found = b""
    if offer.server_name is not None:
        found += _extension(0, _block(2, b"\0" + _block(2, offer.server_name.encode("ascii"))))
    found += _extension(10, _block(2, _numbers(offer.groups))) + _extension(11, b"\1\0")
    found += _extension(13, _block(2, _SIGNATURES))
    # Extended master secret, secure renegotiation, and a session ticket.
    found += _extension(23, b"") + _extension(0xFF01, b"\0") + _extension(35, b"")
    if offer.version >= TLS13:
        # Without a key share the server has to name the group that it wants.
        found += _extension(43, _block(1, _numbers([offer.version]))) + _extension(51, _block(2, b"")) + _extension(45, b"\1\1")
    return found


def _extension(number: int, body: bytes) -> bytes:
    return struct.pack("!H", number) + _block(2, body)


def _block(width: int, body: bytes) -> bytes:
    """The body after its length, a number of C(width) bytes."""
    return len(body).to_bytes(width, "big") + body


def _numbers(values: Iterable[int]) -> bytes:
    return b"".join(struct.pack("!H", value) for value in values)
