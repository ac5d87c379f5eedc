# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A LIO target: as it runs, as it is saved for the boot, and as a task wants it. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, Mapping, Optional, Tuple

from ..names import Chap, Portal

TPG = 1
"""The only target portal group that is managed; LIO's own tools also create a single group."""

Key = Tuple[str, str]
"""Plugin (C(block), C(fileio)) and name: the identity of a backstore in LIO."""

_SERIALS = uuid.UUID("5e4a7b1c-5d0f-5b7e-9c61-6a1c1b0d3f52")
_NAA_DIGITS = 25


def derived_serial(iqn: str, name: str) -> str:
    """The unit serial of a LUN for which the task gives none: always the same for the same target and name."""
    return str(uuid.uuid5(_SERIALS, f"{iqn} {name}"))


def reservation_folder(root: Optional[str]) -> str:
    """The folder of reservations below C(root), the folder of LIO; older kernels do not show that.

    LIO does not make the folder, and without it refuses every reservation.
    """
    return f"{root or '/var/target'}/pr"


def wwn_of(serial: str, company_id: str = "001405") -> str:
    """The NAA name by which initiators know the disk. LIO builds it from the first hexadecimal digits of the serial."""
    digits = "".join(digit for digit in serial.lower() if digit in "0123456789abcdef")[:_NAA_DIGITS]
    return f"naa.6{company_id}{digits.ljust(_NAA_DIGITS, '0')}"


@dataclass(frozen=True)
class Backstore:
    """A storage object of LIO. C(device) is major:minor of a block device, or the real path of a file."""

    plugin: str
    name: str
    path: str
    serial: str
    size: Optional[int] = None
    device: Optional[str] = None
    configured: bool = True
    attributes: Mapping[str, str] = field(default_factory=dict)
    company_id: str = "001405"

    @property
    def key(self) -> Key:
        """The backstore's identity."""
        return (self.plugin, self.name)

    @property
    def wwn(self) -> str:
        """The name by which initiators know the disk; see L(wwn_of)."""
        return wwn_of(self.serial, self.company_id)


@dataclass(frozen=True)
class Session:
    """An initiator that is logged in."""

    initiator: str
    state: str
    addresses: Tuple[str, ...] = ()


@dataclass(frozen=True)
class MappedLun:
    """The mapping of a LUN to one initiator; C(lun) is None if its creation was interrupted."""

    index: int
    lun: Optional[int]
    write_protect: bool = False


@dataclass(frozen=True)
class Acl:
    """The ACL of one initiator. C(authentication) overrides the target's attribute unless it is -1, and is not in C(attributes)."""

    initiator: str
    chap: Optional[Chap] = None
    mapped: Tuple[MappedLun, ...] = ()
    authentication: Optional[str] = None
    session: Optional[Session] = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """A target's portal group 1. C(portals) maps each portal to its stored spelling.

    C(attributes) has attributes and parameters, because their names differ.
    """

    iqn: str
    enabled: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    portals: Mapping[Portal, str] = field(default_factory=dict)
    luns: Mapping[int, Optional[Key]] = field(default_factory=dict)
    acls: Mapping[str, Acl] = field(default_factory=dict)
    has_group: bool = True
    other_groups: Tuple[int, ...] = ()
    dynamic_sessions: Tuple[str, ...] = ()

    @property
    def sessions(self) -> Tuple[Session, ...]:
        """The initiators that are logged in, with and without an ACL."""
        known = tuple(acl.session for acl in self.acls.values() if acl.session is not None)
        return known + tuple(Session(name, "LOGGED_IN") for name in self.dynamic_sessions)


@dataclass(frozen=True)
class Saved:
    """The file that the boot service restores. C(document) is its JSON, None if there is no file."""

    path: str
    document: Optional[Mapping[str, Any]] = None
    private: bool = True
    targets: Mapping[str, Target] = field(default_factory=dict)
    backstores: Mapping[Key, Backstore] = field(default_factory=dict)

    def exported_elsewhere(self, iqn: str, key: Key) -> bool:
        """Whether another saved target needs a backstore."""
        return any(key in target.luns.values() for name, target in self.targets.items() if name != iqn)


@dataclass(frozen=True)
class Boot:
    """The unit that restores targets at boot, and this target's drop-in. C(clear_fails): the unit's own stop command fails."""

    unit: str
    enabled: bool = False
    masked: bool = False
    folder_exists: bool = False
    drop_in: Optional[str] = None
    clear_fails: bool = False


@dataclass(frozen=True)
class PathFacts:
    """A path to export. C(kind): block, file, missing or other.

    C(uses) are its other uses in words. C(claimed): it is in exclusive use. C(open_problem) is another reason why it cannot be opened.
    """

    path: str
    kind: str
    device: Optional[str] = None
    size: int = 0
    read_only: bool = False
    rotational: Optional[bool] = None
    wwid: Optional[str] = None
    uses: Tuple[str, ...] = ()
    claimed: bool = False
    open_problem: str = ""
    folder_exists: bool = True


@dataclass(frozen=True)
class State:
    """The state of this host on which a plan depends. C(keeps_reservations): LIO can write down the reservations of its disks."""

    saved: Saved
    boot: Boot
    kernel_ready: bool = True
    keeps_reservations: bool = True
    targets: Mapping[str, Target] = field(default_factory=dict)
    backstores: Mapping[Key, Backstore] = field(default_factory=dict)
    exports: Mapping[Key, FrozenSet[str]] = field(default_factory=dict)
    paths: Mapping[str, PathFacts] = field(default_factory=dict)
    portal_problems: Mapping[Portal, str] = field(default_factory=dict)

    def exporters(self, key: Key) -> Tuple[str, ...]:
        """The targets, of all fabrics, that export a backstore."""
        return tuple(sorted(self.exports.get(key, frozenset())))


@dataclass(frozen=True)
class WantedLun:
    """One entry of C(luns)."""

    number: int
    plugin: str
    name: str
    path: str
    size: Optional[int] = None
    serial: Optional[str] = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """The backstore's identity."""
        return (self.plugin, self.name)

    @property
    def write_back(self) -> bool:
        """Whether a file is opened through the page cache; LIO decides this when the backstore is created."""
        return self.attributes.get("emulate_write_cache") == "1"


@dataclass(frozen=True)
class WantedAcl:
    """One entry of C(acls). C(luns) None maps every LUN."""

    initiator: str
    chap: Optional[Chap] = None
    luns: Optional[Tuple[int, ...]] = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """The checked options of a task. C(luns) and C(acls) are None if the task omits them.

    C(keeps_portals) and C(keeps_authentication): the task omits these options, and their values here are those of a new target.
    """

    iqn: str
    state: str = "present"
    portals: Tuple[Portal, ...] = (Portal("0.0.0.0"),)
    luns: Optional[Tuple[WantedLun, ...]] = None
    acls: Optional[Tuple[WantedAcl, ...]] = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    exclusive: bool = False
    force: bool = False
    lost_initiators: Tuple[str, ...] = ()
    keeps_portals: bool = False
    keeps_authentication: bool = False

    @property
    def secrets(self) -> Tuple[str, ...]:
        """The texts that may never be shown."""
        return tuple(secret for acl in self.acls or () if acl.chap is not None for secret in acl.chap.secrets)

    @property
    def lun_numbers(self) -> Dict[int, WantedLun]:
        """The declared LUNs by number."""
        return {lun.number: lun for lun in self.luns or ()}
