# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One measurement at a time: a name that one process of a network namespace holds, and that the kernel frees at its end.

A lock file would need root, and would also be shared by network namespaces, whose networks are not.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Optional

from ..._core.errors import RefusedError
from ..._host.files import Host
from ..._host.process import name_of

_NAME = "\0fleetlab-throughput"


def holder(host: Host) -> str:
    """The process that measures, empty if none does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        knock.settimeout(1)
        try:
            knock.connect(_NAME)
        except OSError as error:
            return "" if error.errno == errno.ECONNREFUSED else "unknown process"
        pid = struct.unpack("3i", knock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return f"process {pid}, {name_of(host, pid)}"


def hold(host: Host) -> socket.socket:
    """Become the process that measures.

    :raises RefusedError: another process does.
    """
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        held.bind(_NAME)
    except OSError:
        held.close()
        raise RefusedError(
            "throughput",
            f"this host takes part in another measurement ({holder(host)}), and two at once would measure each other",
            "Nothing was sent; run this after its end",
        ) from None
    sign(held)
    return held


def sign(held: Optional[socket.socket]) -> None:
    """Say that this process holds the name; needed again after a fork. Nobody accepts, and a full queue still tells that it is held."""
    if held is not None:
        held.listen(64)
