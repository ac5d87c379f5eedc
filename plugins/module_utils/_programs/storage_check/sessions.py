# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The iSCSI sessions of the host with their disks, from sysfs, and the targets that its node records log in to at boot."""

from __future__ import annotations

from dataclasses import dataclass, field

from .arrays import SECTOR
from .tree import Tree

LOGGED_IN = "LOGGED_IN"
_SESSIONS = "/sys/class/iscsi_session"
_NODES = ("/var/lib/iscsi/nodes", "/etc/iscsi/nodes")


@dataclass
class Disk:
    """A disk of a session by its kernel name; C(state) is the kernel's word, such as C(running)."""

    device: str
    lun: int
    size: int
    state: str


@dataclass
class Session:
    """A session. C(source) identifies its TCP connection: the session's number and the local port."""

    target: str
    portal: str
    state: str
    source: str
    recovery_timeout: int | None
    disks: list[Disk] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The identity of the session, also after a new login."""
        return f"{self.target} at {self.portal}"


def read_sessions(tree: Tree) -> list[Session]:
    """The sessions of the kernel, ordered by portal and target."""
    found = [_read(tree, name) for name in tree.names(_SESSIONS)]
    return sorted((one for one in found if one), key=lambda one: (one.portal, one.target))


def _read(tree: Tree, name: str) -> Session | None:
    folder = f"{_SESSIONS}/{name}"
    target = tree.text(f"{folder}/targetname")
    connection = next((entry for entry in tree.names(f"{folder}/device") if entry.startswith("connection")), None)
    # A session that ends while it is read gives incomplete values.
    if not target or connection is None:
        return None
    path = f"{folder}/device/{connection}/iscsi_connection/{connection}"
    address, port = tree.text(f"{path}/persistent_address"), tree.text(f"{path}/persistent_port")
    return Session(
        target=target,
        portal=f"[{address}]:{port}" if ":" in (address or "") else f"{address}:{port}",
        state=tree.text(f"{folder}/state") or "unknown",
        source=f"{name} {tree.text(f'{path}/local_port') or ''}".strip(),
        recovery_timeout=tree.number(f"{folder}/recovery_tmo"),
        disks=_disks(tree, f"{folder}/device"),
    )


def _disks(tree: Tree, folder: str) -> list[Disk]:
    found = []
    for target in tree.names(folder):
        for unit in tree.names(f"{folder}/{target}") if target.startswith("target") else ():
            lun = unit.rpartition(":")[2]
            for name in tree.names(f"{folder}/{target}/{unit}/block") if lun.isdigit() else ():
                block = f"{folder}/{target}/{unit}/block/{name}"
                size = (tree.number(f"{block}/size") or 0) * SECTOR
                found.append(Disk(name, int(lun), size, tree.text(f"{folder}/{target}/{unit}/state") or "unknown"))
    return sorted(found, key=lambda disk: (disk.lun, disk.device))


def automatic_targets(tree: Tree) -> dict[str, int]:
    """The targets that this host logs in to at boot, each with its number of portals."""
    found: dict[str, int] = {}
    for database in _NODES:
        for target in tree.names(database):
            count = sum(_is_automatic(tree, f"{database}/{target}/{portal}") for portal in tree.names(f"{database}/{target}"))
            if count:
                found[target] = found.get(target, 0) + count
    return found


def _is_automatic(tree: Tree, path: str) -> bool:
    """Whether the record of a portal, a file or a folder with a file for each interface, is used at boot."""
    texts = [tree.text(f"{path}/{name}") or "" for name in tree.names(path)] or [tree.text(path) or ""]
    lines = [line.replace(" ", "") for text in texts for line in text.splitlines()]
    return "node.startup=automatic" in lines
