# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The initiator side of iSCSI: the wanted sessions of a task, and the state of a host. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ..names import Chap, Portal
from .records import AUTH_METHOD_KEY, CHAP_KEYS, PARAMETER_KEYS, STARTUP_KEYS, TIMEOUT_KEYS, Credentials, Record

LOGGED_IN = "LOGGED_IN"
"""The kernel's word for a session that works."""

Key = Tuple[str, Portal]
"""Target and portal: the identity of a session."""


@dataclass(frozen=True)
class Luns:
    """The LUNs to wait for: a number of LUNs, or a list that has to be present."""

    count: int = 0
    numbers: Tuple[int, ...] = ()

    def __str__(self) -> str:
        return ",".join(str(number) for number in self.numbers) or (str(self.count) if self.count else "any")

    def missing(self, present: Sequence[int]) -> List[str]:
        """The LUNs that are not present yet, in words for an error; empty if none is missing."""
        if self.count > len(present):
            return [f"{self.count - len(present)} of {self.count}"]
        return [str(number) for number in self.numbers if number not in present]


@dataclass(frozen=True)
class WantedSession:
    """One wanted session; an option that is C(None) does not change its part of a record."""

    target: str
    portal: Portal
    state: str = "logged_in"
    chap: Optional[Chap] = field(default=None, repr=False)
    startup: Optional[str] = None
    timeouts: Mapping[str, int] = field(default_factory=dict)
    relogin: bool = False
    parameters: Mapping[str, int] = field(default_factory=dict)
    luns: Luns = field(default_factory=Luns)
    least_mb: int = 0
    wait_timeout: int = 60

    @property
    def key(self) -> Key:
        """The session's identity."""
        return self.target, self.portal

    @property
    def label(self) -> str:
        """The session's name in messages."""
        return f"{self.target} at {self.portal}"

    def settings(self) -> Dict[str, Optional[str]]:
        """The wanted keys and values of a record; C(None) for keys that it must not have."""
        settings: Dict[str, Optional[str]] = {}
        if self.startup is not None:
            settings.update(dict.fromkeys(STARTUP_KEYS, self.startup))
        settings.update({TIMEOUT_KEYS[name]: str(value) for name, value in self.timeouts.items()})
        settings.update({PARAMETER_KEYS[name]: str(value) for name, value in self.parameters.items()})
        if self.chap is not None:
            credentials = Credentials.of(self.chap)
            settings[AUTH_METHOD_KEY] = "CHAP"
            settings.update({key: getattr(credentials, name) for name, key in CHAP_KEYS.items()})
        return settings


@dataclass(frozen=True)
class Wanted:
    """The checked options of a task. C(initiator_name) is C(None) if the task does not set the host's name."""

    sessions: Tuple[WantedSession, ...] = ()
    initiator_name: Optional[str] = None


@dataclass(frozen=True)
class Device:
    """A disk of a session: C(device) is the kernel's node, C(by_path) the link that is the same after a reboot."""

    lun: int
    device: str
    size: int
    rotational: bool
    wwn: Optional[str] = None
    by_path: Optional[str] = None
    users: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """A session of the kernel. C(portal) is the portal of the login, C(peer) the connected address."""

    sid: int
    target: str
    portal: Portal
    peer: Optional[Portal]
    state: str
    scanned: bool
    tpgt: Optional[int]
    timeouts: Mapping[str, int]
    credentials: Credentials
    devices: Tuple[Device, ...] = ()

    @property
    def key(self) -> Key:
        """The session's identity."""
        return self.target, self.portal


def ready_luns(sessions: Sequence[Session]) -> List[int]:
    """The LUNs of these sessions that udev has named."""
    return sorted({device.lun for session in sessions for device in session.devices if device.by_path and device.size})


def small_luns(sessions: Sequence[Session], wanted: WantedSession) -> List[str]:
    """The LUNs that are smaller than wanted, each with its size, in words for an error."""
    disks = {device.lun: device for session in sessions for device in session.devices if device.size}
    named = wanted.luns.numbers or disks
    found = [disk for lun, disk in sorted(disks.items()) if lun in named and disk.size < wanted.least_mb << 20]
    return [f"{disk.lun} has {disk.size >> 20} MiB" for disk in found]


def users_of(sessions: Sequence[Session]) -> List[str]:
    """The users of the disks of these sessions, in words; empty if all disks are free."""
    return [user for session in sessions for device in session.devices for user in device.users]


@dataclass(frozen=True)
class Answer:
    """The answer of a portal before any login: the targets that it offers, with their portals, or the problem with the portal."""

    problem: Optional[str] = None
    peer: Optional[Portal] = None
    offers: Optional[Tuple[Tuple[str, Portal, Optional[int]], ...]] = None
    """Target, portal and portal group tag (C(None) if it has none) of each offer; C(None) if the portal does not list its targets."""


@dataclass(frozen=True)
class State:
    """The state of this host on which a plan depends. C(daemon): iscsid runs; without it no lost session comes back."""

    name: Optional[str]
    name_file: str
    records: Tuple[Record, ...]
    sessions: Tuple[Session, ...]
    answers: Mapping[Key, Answer] = field(default_factory=dict)
    stale_lock: Optional[str] = None
    daemon: bool = True

    def records_of(self, target: str, portal: Portal) -> Tuple[Record, ...]:
        """The records of one target at one portal; with bound interfaces there are several."""
        return tuple(record for record in self.records if (record.target, record.portal) == (target, portal))

    def sessions_of(self, target: str, portal: Portal) -> Tuple[Session, ...]:
        """The sessions with one target through one portal."""
        return tuple(session for session in self.sessions if session.key == (target, portal))
