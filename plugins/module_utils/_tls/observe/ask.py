# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send a server one ClientHello. No byte is ever encrypted here."""

from __future__ import annotations

import os

from ..answer import Answer, BadAnswer, read_answer
from ..hello import Offer, client_hello
from ..state import ProbeError
from .connection import Connection
from .lines import Lines


def ask(lines: Lines, offer: Offer, until_key: bool) -> Answer:
    """The answer of the server to one offer."""
    return lines.use(lambda connection: _ask_on(connection, offer, until_key))


def _ask_on(connection: Connection, offer: Offer, until_key: bool) -> Answer:
    connection.send(client_hello(offer, os.urandom(64)))
    data = b""
    try:
        while True:
            received = connection.receive()
            if not received:
                raise ProbeError(
                    "it closes the connection without an alert" if not data else "it closes the connection in the middle of its answer"
                )
            data += received
            answer = read_answer(data, until_key)
            if answer is not None:
                return answer
    except BadAnswer as error:
        raise ProbeError(str(error)) from error
