# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions of observe that files do not answer: bytes and users of block devices, the time, and random numbers."""

from __future__ import annotations

import os
import time
from typing import List, Optional

from ..._host.block import is_claimed, read_past_cache
from ..._host.files import Host
from ..._host.process import with_device_open


class Probe:
    """Asks this host and changes nothing; tests replace it by recorded answers."""

    def __init__(self, host: Optional[Host] = None) -> None:
        self.host = host or Host()

    def read(self, node: str, offset: int, length: int) -> Optional[bytes]:
        """C(length) bytes of a block device from byte C(offset), without the page cache; C(None) if they cannot be read."""
        return read_past_cache(self.host, node, offset, length)

    def is_claimed(self, node: str) -> bool:
        """Whether the device is in exclusive use."""
        return is_claimed(self.host, node)

    def users(self, number: str) -> List[str]:
        """Processes that have the block device C(major:minor) open."""
        return with_device_open(self.host, number)

    def now(self) -> int:
        """Seconds since 1970, by the clock that also gives the times in superblocks."""
        return int(time.time())

    def random_uuid(self) -> str:
        """A new UUID, 32 hexadecimal digits."""
        return os.urandom(16).hex()
