# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the initiator side of iSCSI is made of: node records, sessions and their devices. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Mapping, Optional, Tuple

from .._core.errors import InputError
from .names import Chap, Portal, make_portal

LOGGED_IN = "LOGGED_IN"
"""What the kernel calls a session that carries I/O."""

STARTUP_KEYS = ("node.startup", "node.conn[0].startup")

TIMEOUT_KEYS = {
    "replacement_timeout": "node.session.timeo.replacement_timeout",
    "noop_out_interval": "node.conn[0].timeo.noop_out_interval",
    "noop_out_timeout": "node.conn[0].timeo.noop_out_timeout",
    "login_timeout": "node.conn[0].timeo.login_timeout",
    "logout_timeout": "node.conn[0].timeo.logout_timeout",
}
"""The option's names of the timeouts, and those of a node record."""

PARAMETER_KEYS = {"cmds_max": "node.session.cmds_max", "queue_depth": "node.session.queue_depth"}
"""The option's names of how many commands may be on their way, of a session and of each of its disks, and those of a node record."""

AUTH_METHOD_KEY = "node.session.auth.authmethod"
CHAP_KEYS = {
    "username": "node.session.auth.username",
    "password": "node.session.auth.password",
    "mutual_username": "node.session.auth.username_in",
    "mutual_password": "node.session.auth.password_in",
}


@dataclass(frozen=True)
class Credentials:
    """CHAP names and secrets as a record or a running session holds them; C(None) where there are none."""

    username: Optional[str] = None
    password: Optional[str] = field(default=None, repr=False)
    mutual_username: Optional[str] = None
    mutual_password: Optional[str] = field(default=None, repr=False)

    @classmethod
    def of(cls, chap: Chap) -> Credentials:
        """The credentials an option asks for."""
        return cls(chap.username, chap.password, chap.mutual_username, chap.mutual_password)


@dataclass(frozen=True)
class Device:
    """A disk that a session brought: C(device) is the kernel's node, C(by_path) the name that survives reboots."""

    lun: int
    device: str
    size: int
    rotational: bool
    wwn: Optional[str] = None
    by_path: Optional[str] = None
    users: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """A session of the kernel. C(portal) is what was asked for, C(peer) what it is connected to."""

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


@dataclass(frozen=True)
class Record:
    """A node record of open-iscsi. C(address) is the portal's host as the record's author spelt it."""

    path: str
    target: str
    portal: Portal
    address: str
    text: str = field(repr=False)

    @property
    def settings(self) -> Dict[str, str]:
        """The record's keys and values."""
        return parse_record(self.text)

    @property
    def whole(self) -> bool:
        """Whether the record was written to its end; iscsiadm does not replace records atomically."""
        return self.text.rstrip().endswith(_RECORD_END)

    @property
    def credentials(self) -> Credentials:
        """The CHAP credentials the next login will use."""
        settings = self.settings
        if settings.get(AUTH_METHOD_KEY) != "CHAP":
            return Credentials()
        return Credentials(**{name: settings.get(key) for name, key in CHAP_KEYS.items()})


@dataclass(frozen=True)
class Answer:
    """What a portal said before any login: the targets it offers with their portals, or what is wrong with it."""

    problem: Optional[str] = None
    peer: Optional[Portal] = None
    offers: Optional[Tuple[Tuple[str, Portal, int], ...]] = None
    """Target, portal and portal group tag of each offer; C(None) where the portal keeps them to itself."""


@dataclass(frozen=True)
class Initiator:
    """Everything the plan needs to know of this host."""

    name: Optional[str]
    name_file: str
    records: Tuple[Record, ...]
    sessions: Tuple[Session, ...]
    answers: Mapping[Tuple[str, Portal], Answer] = field(default_factory=dict)
    stale_lock: Optional[str] = None

    def records_of(self, target: str, portal: Portal) -> Tuple[Record, ...]:
        """The records of one target at one portal; more than one where interfaces are bound."""
        return tuple(record for record in self.records if (record.target, record.portal) == (target, portal))

    def sessions_of(self, target: str, portal: Portal) -> Tuple[Session, ...]:
        """The sessions with one target through one portal."""
        return tuple(session for session in self.sessions if (session.target, session.portal) == (target, portal))


_RECORD_END = "# END RECORD"


def parse_record(text: str) -> Dict[str, str]:
    """Keys and values of a node record."""
    settings: Dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator and not key.lstrip().startswith("#"):
            settings[key.strip()] = value.strip()
    return settings


def edit_record(text: str, changes: Mapping[str, Optional[str]]) -> str:
    """The record with keys set, added, or (C(None)) left out; every other line stays as it is."""
    missing = dict(changes)
    lines = []
    for line in text.splitlines():
        key = line.partition("=")[0].strip()
        if line.strip() == _RECORD_END:
            lines += [f"{name} = {value}" for name, value in missing.items() if value is not None]
            missing = {}
        if key not in changes:
            lines.append(line)
        elif missing.pop(key, None) is not None:
            lines.append(f"{key} = {changes[key]}")
    return "\n".join(lines) + "\n"


def lenient_portal(host: str, port: int) -> Portal:
    """A portal that is already on the system, however it was spelt there."""
    try:
        return make_portal("portal", host, port)
    except InputError:
        return Portal(host.lower(), port)


def parse_discovery(text: str) -> Tuple[Tuple[str, Portal, int], ...]:
    """Target, portal and portal group tag out of C(iscsiadm)'s C(portal,tag target) lines."""
    offers = []
    for line in text.splitlines():
        address, _space, target = line.strip().partition(" ")
        where, _comma, tag = address.rpartition(",")
        host, _colon, port = where.rpartition(":")
        if target and port.isdigit() and tag.isdigit():
            offers.append((target, lenient_portal(host, int(port)), int(tag)))
    return tuple(offers)
