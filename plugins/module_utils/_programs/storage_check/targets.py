# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The iSCSI targets that the host exports, from the kernel's configfs, and the targets that are saved for boot."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .tree import Tree

_CONFIGFS = "/sys/kernel/config/target"
_SAVED = ("/etc/rtslib-fb-target/saveconfig.json", "/etc/target/saveconfig.json")


@dataclass
class Lun:
    """A LUN with the path of its storage object; C(active) is false if the kernel cannot use that object."""

    number: int
    path: str
    active: bool


@dataclass
class Target:
    """A target with its LUNs, and the names of initiators that may log in, each with the state of its session (empty without one)."""

    name: str
    enabled: bool
    portals: list[str] = field(default_factory=list)
    luns: list[Lun] = field(default_factory=list)
    initiators: dict[str, str] = field(default_factory=dict)


def read_targets(tree: Tree) -> list[Target]:
    """Every iSCSI target of the kernel."""
    top = f"{_CONFIGFS}/iscsi"
    return [_read(tree, f"{top}/{name}", name) for name in tree.names(top) if "." in name]


def _read(tree: Tree, folder: str, name: str) -> Target:
    group = f"{folder}/tpgt_1"
    acls = tree.names(f"{group}/acls")
    return Target(
        name=name,
        enabled=tree.text(f"{group}/enable") == "1",
        portals=tree.names(f"{group}/np"),
        luns=sorted((_lun(tree, f"{group}/lun", entry) for entry in tree.names(f"{group}/lun")), key=lambda lun: lun.number),
        initiators={acl: _session_state(tree.text(f"{group}/acls/{acl}/info") or "") for acl in acls},
    )


def _lun(tree: Tree, folder: str, name: str) -> Lun:
    links = (tree.link(f"{folder}/{name}/{entry}") for entry in tree.names(f"{folder}/{name}"))
    target = next((link for link in links if "/core/" in link), "")
    backstore = f"{_CONFIGFS}/core/{target.partition('/core/')[2]}"
    active = "Status: ACTIVATED" in (tree.text(f"{backstore}/info") or "")
    return Lun(int(name.rpartition("_")[2]), tree.text(f"{backstore}/udev_path") or "", bool(target) and active)


def _session_state(info: str) -> str:
    found = re.search(r"TARG_SESS_STATE_(\S+)", info)
    return found.group(1) if found else ""


def saved_targets(tree: Tree) -> list[str]:
    """The targets that the saved configuration restores at boot."""
    saved = next((found for found in map(tree.load, _SAVED) if found), {})
    return [str(one.get("wwn")) for one in saved.get("targets", []) if one.get("fabric") == "iscsi"]
