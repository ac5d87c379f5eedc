# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of a server to a ClientHello, from the bytes that it sent. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Dict, FrozenSet, Iterator, Optional, Tuple

from .suites import find_suite

_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _KEY_EXCHANGE, _DONE = 2, 12, 14
_WARNING = 1
_CLOSE = 0

_RECORD = 16384 + 2048
"""The longest record, in bytes."""

LIMIT = 256 * 1024
"""The most bytes that are read of an answer. An honest one has a few kilobytes, most of them certificates."""

ALERTS: Dict[int, str] = {
    0: "close notify",
    10: "unexpected message",
    20: "bad record mac",
    40: "handshake failure",
    42: "bad certificate",
    43: "unsupported certificate",
    47: "illegal parameter",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name",
    116: "certificate required",
    120: "no application protocol",
}

TICKET, EXTENDED_MASTER_SECRET, RENEGOTIATION = 35, 23, 0xFF01
"""Numbers of extensions in an answer."""


class BadAnswer(Exception):
    """The bytes are not the answer of a TLS server; the message names their protocol or their beginning."""


@dataclass(frozen=True)
class Answer:
    """The choice of a server. C(alert) is the number of the alert with which it refused, C(None) if it chose.

    C(group) is the number of the chosen group, C(dh_bits) the size of a prime in bits; both are C(None) where the answer does not tell.
    """

    version: int = 0
    suite: int = 0
    group: Optional[int] = None
    dh_bits: Optional[int] = None
    compression: int = 0
    extensions: FrozenSet[int] = frozenset()
    alert: Optional[int] = None


def read_answer(data: bytes, until_key: bool) -> Optional[Answer]:
    """The answer in the bytes that have arrived; C(None) while it is not complete.

    With C(until_key), an answer of TLS 1.2 or older is complete with its ServerKeyExchange, which tells the group.
    """
    found: Optional[Answer] = None
    for kind, body in _messages(data):
        if kind == _ALERT:
            return Answer(alert=body[1])
        if kind == _SERVER_HELLO:
            found = _server_hello(body)
            if not until_key or found.version >= 0x0304:
                return found
        elif found and kind == _KEY_EXCHANGE:
            return _with_key(found, body)
        elif found and kind == _DONE:
            return found
        elif not found:
            raise BadAnswer(f"it answers with a message of type {kind} in place of its hello")
    if len(data) > LIMIT:
        raise BadAnswer(f"it sent more than {LIMIT // 1024} KiB without completing its answer")
    return None


def _messages(data: bytes) -> Iterator[Tuple[int, bytes]]:
    """The complete messages of the handshake, and fatal alerts under the number of their records."""
    pending = b""
    for kind, body in _records(data):
        if kind == _ALERT:
            if len(body) < 2:
                raise BadAnswer("it sent an alert of less than two bytes")
            # A warning, such as that of a name it does not know, is followed by its hello.
            if body[0] != _WARNING or body[1] == _CLOSE:
                yield kind, body
            continue
        pending += body
        while len(pending) >= 4:
            length = 4 + int.from_bytes(pending[1:4], "big")
            if length > LIMIT:
                raise BadAnswer(f"it announced a message of {length} bytes")
            if len(pending) < length:
                break
            yield pending[0], pending[4:length]
            pending = pending[length:]


def _records(data: bytes) -> Iterator[Tuple[int, bytes]]:
    start = 0
    while len(data) > start:
        head = data[start : start + 5]
        _check_head(head, data)
        if len(head) < 5:
            return
        length = struct.unpack("!H", head[3:])[0]
        if length > _RECORD:
            raise BadAnswer(f"it announced a record of {length} bytes")
        if len(data) < start + 5 + length:
            return
        yield head[0], data[start + 5 : start + 5 + length]
        start += 5 + length


def _check_head(head: bytes, data: bytes) -> None:
    if head[0] not in (_ALERT, _HANDSHAKE) or (len(head) > 1 and head[1] != 3):
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data[:40])
        raise BadAnswer(f"it does not speak TLS: its answer begins with {shown!r}")


class _Fields:
    """Reads numbers and blocks from a message, one after another."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        """Whether no byte is left."""
        return self._at >= len(self._body)

    def take(self, length: int) -> bytes:
        """The next bytes."""
        found = self._body[self._at : self._at + length]
        if len(found) < length:
            raise BadAnswer("a length in its answer leads beyond the end of the message")
        self._at += length
        return found

    def number(self, width: int) -> int:
        """The next number of C(width) bytes."""
        return int.from_bytes(self.take(width), "big")

    def block(self, width: int) -> bytes:
        """The next bytes, whose length is a number of C(width) bytes before them."""
        return self.take(self.number(width))


def _server_hello(body: bytes) -> Answer:
    fields = _Fields(body)
    version = fields.number(2)
    fields.take(32)
    fields.block(1)
    answer = Answer(version=version, suite=fields.number(2), compression=fields.number(1))
    if fields.is_at_end:
        return answer
    extensions = _read_extensions(fields.block(2))
    if 43 in extensions:
        answer = replace(answer, version=_Fields(extensions[43]).number(2))
    if 51 in extensions:
        # The chosen group, alone in a request to try again, before the server's share in a hello.
        answer = replace(answer, group=_Fields(extensions[51]).number(2))
    return replace(answer, extensions=frozenset(extensions))


def _read_extensions(data: bytes) -> Dict[int, bytes]:
    fields = _Fields(data)
    found = {}
    while not fields.is_at_end:
        number = fields.number(2)
        found[number] = fields.block(2)
    return found


def _with_key(answer: Answer, body: bytes) -> Answer:
    """The answer with what the ServerKeyExchange of an ephemeral suite tells: a named curve, or the prime of DHE."""
    exchange = find_suite(answer.suite).key_exchange
    if exchange.endswith("PSK"):
        return answer
    fields = _Fields(body)
    if exchange.startswith("EC"):
        # The kind of the curve; 3 is a named one, the only kind that is still in use.
        return replace(answer, group=fields.number(2)) if fields.number(1) == 3 else answer
    prime = fields.block(2).lstrip(b"\0")
    return replace(answer, dh_bits=int.from_bytes(prime, "big").bit_length())


def describe_alert(number: int) -> str:
    """The alert by its name in the registry of IANA."""
    return ALERTS.get(number, f"number {number}")
