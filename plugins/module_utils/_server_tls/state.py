# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a server, as far as it concerns TLS, and what the running server does. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Mapping, Optional, Tuple

from .._tls.state import Scan
from .profiles import Version

PROXY = "proxy"
"""What comes before TLS where a proxy in front of the server tells the address of its client."""


@dataclass(frozen=True)
class Place:
    """A line of a file. C(offset) tells two blocks apart that begin on one line; it is 0 for all else."""

    file: str
    line: int
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Setting:
    """A line of the configuration that another one than this module wrote. C(where) names its section, such as a virtual host.

    C(real) is the file without links; C(lines) is the number of its lines, and C(is_whole) tells whether these can be made comments.
    """

    place: Place
    text: str
    where: str = ""
    real: str = ""
    lines: int = 1
    is_whole: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" + (f" (in {self.where})" if self.where else "")


@dataclass(frozen=True)
class Endpoint:
    """An address at which the server answers, and the names that it knows there. C(address) may be the name of this host as it is read.

    C(starttls) is what comes before TLS. Without C(takes_all), the server refuses clients without one of these names.
    """

    address: str
    port: int
    names: Tuple[str, ...] = ()
    starttls: Optional[str] = None
    takes_all: bool = True

    @property
    def label(self) -> str:
        """The address in messages."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Listener:
    """An address on which the server is told to listen; no address for all of a family. C(place) is the line that says so."""

    address: str
    port: int
    place: Place


@dataclass(frozen=True)
class File:
    """A file that the configuration names: a certificate, or the key of tickets. C(age) is in seconds, C(None) if it does not exist."""

    path: str
    place: Place
    age: Optional[float] = None
    has_ocsp: bool = False


@dataclass(frozen=True)
class Config:
    """The configuration that lies on disk. C(overrides) undo the owned file, C(unread) could not be followed.

    C(hosts) are names of other hosts, without whose addresses the server does not start, C(own_hosts) names of this one with the addresses
    at which the server listens. C(logs) are the files that it writes to.
    """

    has_tls: bool
    reads_owned: bool
    endpoints: Tuple[Endpoint, ...] = ()
    listeners: Tuple[Listener, ...] = ()
    overrides: Tuple[Setting, ...] = ()
    unread: Tuple[Setting, ...] = ()
    certificates: Tuple[File, ...] = ()
    ticket_keys: Tuple[File, ...] = ()
    hosts: Tuple[str, ...] = ()
    own_hosts: Tuple[Tuple[str, str], ...] = ()
    logs: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What the server does at one endpoint, for each name and for none."""

    endpoint: Endpoint
    scans: Tuple[Scan, ...]

    def without_keys(self) -> Report:
        """The same without what differs between two runs of one configuration."""
        plain = (
            replace(scan, handshakes=0, certificate=None, tickets=replace(scan.tickets, key=None, seen_for=0) if scan.tickets else None)
            for scan in self.scans
        )
        return replace(self, scans=tuple(plain))


@dataclass(frozen=True)
class Kept:
    """Files before a change that has not been proved yet; the content is C(None) if there was none. C(running): the server ran then."""

    files: Mapping[str, Optional[str]]
    running: bool = False


@dataclass(frozen=True)
class State:
    """C(files) are content and mode of the files that a change may concern. C(pid) is the main process, C(None) if the server does not
    run; C(version) is that of its OpenSSL.

    C(blocked) are listeners that it does not have yet and could not get, each with the reason. C(kept) is left by a run that was killed.
    C(elsewhere) are addresses that the server knows and this host does not have, such as one that moves between hosts; nobody asks them.
    """

    config: Config
    version: Version
    pid: Optional[int] = None
    files: Mapping[str, Tuple[str, int]] = field(default_factory=dict)
    is_enabled: bool = False
    live: Tuple[Report, ...] = ()
    blocked: Tuple[Tuple[Listener, str], ...] = ()
    kept: Optional[Kept] = None
    elsewhere: Tuple[str, ...] = ()
