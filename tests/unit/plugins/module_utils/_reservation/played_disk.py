# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk with persistent reservations as SPC-4 describes them, and the ports of hosts; it shares only types with the code."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.hold_disk.scsi import Disk, Refused, Registration

KIND = 5


class Target:
    """The disk: the key of each registered port, and the port that holds the reservation."""

    def __init__(self) -> None:
        self.keys: Dict[str, int] = {}
        self.holder: Optional[str] = None

    def restart(self) -> None:
        """Forget all, as LIO does at a restart."""
        self.keys, self.holder = {}, None

    def writable(self, port: str) -> bool:
        return self.holder is None or port in self.keys


class Port(Disk):
    """The disk through one login of a host. C(before) is called before each change, to play another host that is as fast."""

    def __init__(self, target: Target, port: str, before: Callable[[str], None] = lambda _action: None) -> None:
        super().__init__("/dev/sda")
        self.target, self.port, self.before = target, port, before
        self.sent: List[str] = []

    def registrations(self) -> List[Registration]:
        return [
            Registration(key, port.partition(" ")[0], KIND if port == self.target.holder else None)
            for port, key in self.target.keys.items()
        ]

    def may_write(self) -> bool:
        return self.target.writable(self.port)

    def _note(self, action: str, needed: Optional[int] = None) -> None:
        self.before(action)
        self.sent.append(action)
        if needed is not None and self.target.keys.get(self.port) != needed:
            raise Refused(self.port)

    def register(self, key: int) -> None:
        self._note("register")
        self.target.keys[self.port] = key

    def unregister(self, key: int) -> None:
        self._note("unregister", key)
        del self.target.keys[self.port]
        if self.target.holder == self.port:
            self.target.holder = None

    def reserve(self, key: int) -> None:
        self._note("reserve", key)
        if self.target.holder not in (None, self.port):
            raise Refused(self.port)
        self.target.holder = self.port

    def preempt(self, key: int, other: int) -> None:
        self._note("preempt", key)
        if other not in self.target.keys.values():
            raise Refused(self.port)
        holds = self.target.holder is not None and self.target.keys[self.target.holder] == other
        self.target.keys = {port: one for port, one in self.target.keys.items() if one != other or port == self.port}
        if holds:
            self.target.holder = self.port

    def clear(self, key: int) -> None:
        self._note("clear", key)
        self.target.restart()
