# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A measurement that ends before its window names what ended it."""

from __future__ import annotations

import socket
from typing import Optional

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.apply.streams import Order, Reader, receive
from ansible_collections.fleetlab.linux.plugins.module_utils._throughput.state import Link


@pytest.mark.parametrize(("max_bytes", "said"), [(100_000, "max_bytes: all 100000 bytes arrived"), (None, "the path loses packets")])
def test_too_few_bytes(max_bytes: Optional[int], said: str) -> None:
    ours, theirs = socket.socketpair()
    reader = Reader(Link("lo", 65536), lambda: None, lambda: None)

    def send() -> None:
        theirs.sendall(bytes(100_000))
        theirs.shutdown(socket.SHUT_WR)

    with pytest.raises(ObservationError, match=said):
        receive([ours], Order(1, 1, 1, max_bytes=max_bytes), reader, send)
