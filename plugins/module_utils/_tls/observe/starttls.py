# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialogues after which a server of mail or files takes a ClientHello (RFC 3207, 2595, 4217)."""

from __future__ import annotations

import re
from typing import Dict, Protocol, Tuple

from ..state import BusyError, ProbeError

_LINE_LIMIT = 8192


class Line(Protocol):
    """What a dialogue needs of a connection."""

    def send(self, data: bytes) -> None:
        """Send all bytes."""

    def receive(self) -> bytes:
        """The next bytes; none at the end."""


_DIALOGUES: Dict[str, Tuple[Tuple[str, str], ...]] = {
    "smtp": (("", r"220( |$)"), ("EHLO tls-info.invalid", r"250( |$)"), ("STARTTLS", r"220( |$)")),
    "imap": (("", r"\* (OK|PREAUTH)"), ("a STARTTLS", r"a OK")),
    "pop3": (("", r"\+OK"), ("STLS", r"\+OK")),
    "ftp": (("", r"220 "), ("AUTH TLS", r"(234|334)[ -]")),
}
"""For each protocol what the client says, and how the last line of the answer begins; first the greeting, to which nothing is said."""

PROXY = "proxy"
"""No dialogue: one line by which a proxy says who its client is (the PROXY protocol, version 1), and to which there is no answer."""
_PROXY = b"PROXY TCP4 127.0.0.1 127.0.0.1 65535 443\r\n"

_MORE: Dict[str, str] = {"smtp": r"\d{3}-", "ftp": r"(\d{3}-|\s)", "imap": r"\*", "pop3": r"(?!)"}
"""How a line begins that others follow."""


_BUSY = r"421[ -]|530[ -]|\* BYE"
"""How a line begins by which a server says that there are too many connections."""


def start_tls(line: Line, protocol: str) -> None:
    """Lead the dialogue until the server expects a ClientHello. Raises L(ProbeError) with the line by which it refused."""
    if protocol == PROXY:
        line.send(_PROXY)
        return
    rest = b""
    for said, wanted in _DIALOGUES[protocol]:
        if said:
            line.send(said.encode("ascii") + b"\r\n")
        rest = _read(line, rest, wanted, _MORE[protocol], said or "its greeting")
    if rest:
        raise ProbeError("it sends bytes after it agreed to TLS, which nobody may read (CVE-2011-0411)")


def _read(line: Line, rest: bytes, wanted: str, more: str, said: str) -> bytes:
    """Read to the last line of an answer; the bytes that follow it."""
    while True:
        while b"\n" not in rest:
            received = line.receive()
            if not received or len(rest) > _LINE_LIMIT:
                raise ProbeError(f"it does not speak this protocol: no answer to {said}")
            rest += received
        head, _end, rest = rest.partition(b"\n")
        text = head.decode("ascii", "replace").rstrip("\r")
        if re.match(wanted, text):
            return rest
        if re.match(_BUSY, text):
            raise BusyError(f"it takes no connection: its answer to {said} is {text[:80]!r}", is_silent=True)
        if not re.match(more, text):
            raise ProbeError(f"it refuses TLS: its answer to {said} is {text[:80]!r}")
