# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject, names, dates and key of a certificate in DER (X.509, RFC 5280). Pure."""

from __future__ import annotations

import calendar
from typing import Dict, Iterator, List, Tuple

from .state import Certificate

_VERSION, _EXTENSIONS, _DNS, _ADDRESS = 0xA0, 0xA3, 0x82, 0x87

_COMMON_NAME = bytes.fromhex("550403")
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")
_RSA = frozenset({bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01010a")})
"""Keys for all uses, and those for signatures of PSS alone."""
_ELLIPTIC = bytes.fromhex("2a8648ce3d0201")

_CURVES: Dict[bytes, Tuple[str, int]] = {
    bytes.fromhex("2a8648ce3d030107"): ("secp256r1", 256),
    bytes.fromhex("2b81040022"): ("secp384r1", 384),
    bytes.fromhex("2b81040023"): ("secp521r1", 521),
    bytes.fromhex("2b8104000a"): ("secp256k1", 256),
}
_KEYS: Dict[bytes, Tuple[str, int]] = {
    bytes.fromhex("2b6570"): ("Ed25519", 256),
    bytes.fromhex("2b6571"): ("Ed448", 456),
    bytes.fromhex("2a8648ce380401"): ("DSA", 0),
}
"""Keys of a fixed kind, with their size in bits; 0 where it is not read."""


class BadCertificate(Exception):
    """The bytes are no certificate."""


def read_certificate(data: bytes) -> Certificate:
    """The certificate in DER. Raises L(BadCertificate)."""
    ((_kind, whole),) = _take(data, 1)
    ((_kind, signed),) = _take(whole, 1)
    fields = list(_items(signed))
    if fields and fields[0][0] == _VERSION:
        fields = fields[1:]
    if len(fields) < 6:
        raise BadCertificate("it has less than six fields")
    (_first, start), (_second, end) = _take(fields[3][1], 2)
    key, bits = _key(fields[5][1])
    names = tuple(name for tag, body in fields[6:] if tag == _EXTENSIONS for name in _names(body))
    return Certificate(_common_name(fields[4][1]), names, _seconds(start), _seconds(end), key, bits)


def _items(data: bytes) -> Iterator[Tuple[int, bytes]]:
    """The tags and contents of the values in the bytes."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise BadCertificate("a value has no length")
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            length, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at + length > len(data):
            raise BadCertificate("a value is longer than the certificate")
        yield tag, data[at : at + length]
        at += length


def _take(data: bytes, count: int) -> List[Tuple[int, bytes]]:
    found = list(_items(data))[:count]
    if len(found) < count:
        raise BadCertificate(f"it has {len(found)} values where {count} are needed")
    return found


def _seconds(text: bytes) -> int:
    """The time in seconds since 1970. UTCTime has two digits of the year, of 1950 to 2049."""
    digits = text.decode("ascii", "replace").rstrip("Z")
    if len(digits) == 12:
        digits = ("19" if digits >= "50" else "20") + digits
    try:
        parts = [int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2))]
        return calendar.timegm((parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], 0, 0, 0))
    except (ValueError, OverflowError) as error:
        raise BadCertificate(f"{digits!r} is no time") from error


def _key(data: bytes) -> Tuple[str, int]:
    (_tag, algorithm), (_kind, value) = _take(data, 2)
    items = list(_items(algorithm))
    if not items:
        raise BadCertificate("its key has no algorithm")
    kind = items[0][1]
    if kind in _RSA:
        # The bit string begins with the number of its unused bits.
        ((_tag, numbers),) = _take(value[1:], 1)
        ((_tag, modulus),) = _take(numbers, 1)
        return "RSA", int.from_bytes(modulus, "big").bit_length()
    if kind == _ELLIPTIC and len(items) > 1:
        return _CURVES.get(items[1][1], ("elliptic curve", 0))
    return _KEYS.get(kind, ("unknown", 0))


def _common_name(data: bytes) -> str:
    for _tag, values in _items(data):
        for _set, pair in _items(values):
            (_oid, name), (_text, value) = _take(pair, 2)
            if name == _COMMON_NAME:
                return value.decode("utf-8", "replace")
    return ""


def _names(data: bytes) -> Iterator[str]:
    ((_tag, extensions),) = _take(data, 1)
    for _kind, extension in _items(extensions):
        fields = list(_items(extension))
        if fields and fields[0][1] == _ALTERNATIVE_NAMES:
            ((_sequence, names),) = _take(fields[-1][1], 1)
            for tag, body in _items(names):
                if tag == _DNS:
                    yield body.decode("ascii", "replace")
                elif tag == _ADDRESS:
                    yield _address(body)


def _address(body: bytes) -> str:
    if len(body) == 4:
        return ".".join(str(byte) for byte in body)
    return ":".join(body[at : at + 2].hex() for at in range(0, len(body), 2))
