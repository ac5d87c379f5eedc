# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of open-iscsi: their paths, and the keys, credentials and changed text of node records. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Mapping, Optional

from ..names import Chap, Portal

DATABASES = ("/var/lib/iscsi", "/etc/iscsi")
"""RHEL, Fedora, and Debian since 13 keep the node records in /var/lib; if that folder exists, iscsiadm was built to use it."""

NAME_FILE = "/etc/iscsi/initiatorname.iscsi"
LOCK_FILE = "/run/lock/iscsi/lock.write"

STARTUP_KEYS = ("node.startup", "node.conn[0].startup")

TIMEOUT_KEYS = {
    "replacement_timeout": "node.session.timeo.replacement_timeout",
    "noop_out_interval": "node.conn[0].timeo.noop_out_interval",
    "noop_out_timeout": "node.conn[0].timeo.noop_out_timeout",
    "login_timeout": "node.conn[0].timeo.login_timeout",
    "logout_timeout": "node.conn[0].timeo.logout_timeout",
}
"""The keys of timeouts by the names of their options."""

PARAMETER_KEYS = {"cmds_max": "node.session.cmds_max", "queue_depth": "node.session.queue_depth"}
"""The keys of the limits for the commands of a session and of each of its disks, by the names of their options."""

AUTH_METHOD_KEY = "node.session.auth.authmethod"
CHAP_KEYS = {
    "username": "node.session.auth.username",
    "password": "node.session.auth.password",
    "mutual_username": "node.session.auth.username_in",
    "mutual_password": "node.session.auth.password_in",
}
_RECORD_END = "# END RECORD"


@dataclass(frozen=True)
class Credentials:
    """CHAP names and secrets of a record or a running session; C(None) for each missing text."""

    username: Optional[str] = None
    password: Optional[str] = field(default=None, repr=False)
    mutual_username: Optional[str] = None
    mutual_password: Optional[str] = field(default=None, repr=False)

    @classmethod
    def of(cls, chap: Chap) -> Credentials:
        """The credentials that an option declares."""
        return cls(chap.username, chap.password, chap.mutual_username, chap.mutual_password)


@dataclass(frozen=True)
class Record:
    """A node record. C(address) is the portal's host in the spelling of the record's author."""

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
        """Whether the record is complete; iscsiadm does not replace records atomically."""
        return self.text.rstrip().endswith(_RECORD_END)

    @property
    def credentials(self) -> Credentials:
        """The CHAP credentials that the next login will use."""
        settings = self.settings
        if settings.get(AUTH_METHOD_KEY) != "CHAP":
            return Credentials()
        return Credentials(**{name: settings.get(key) for name, key in CHAP_KEYS.items()})


def parse_record(text: str) -> Dict[str, str]:
    """Keys and values of a node record."""
    settings: Dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator and not key.lstrip().startswith("#"):
            settings[key.strip()] = value.strip()
    return settings


def edit_record(text: str, changes: Mapping[str, Optional[str]]) -> str:
    """The record with keys set, added, or (C(None)) removed; every other line stays."""
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
