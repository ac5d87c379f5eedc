# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make or remove the three targets that the test logs in to; other targets of the host are left alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from rtslib_fb import LUN, TPG, FabricModule, FileIOStorageObject, MappedLUN, NetworkPortal, NodeACL, RTSRoot, Target

TARGETS = {
    "one": {"portals": [("127.0.99.1", 3260)], "luns": 3, "chap": True, "mutual": False},
    "two": {"portals": [("[::1]", 13260)], "luns": 2, "chap": True, "mutual": True},
    "three": {"portals": [("127.0.99.3", 3260)], "luns": 1, "chap": False, "mutual": False},
}
LUN_SIZE = 32 * 1024 * 1024


def initiator() -> str:
    for line in Path("/etc/iscsi/initiatorname.iscsi").read_text(encoding="utf-8").splitlines():
        if line.startswith("InitiatorName="):
            return line.partition("=")[2].strip()
    raise SystemExit("this host has no initiator name")


def build(prefix: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, wanted in TARGETS.items():
        group = TPG(Target(FabricModule("iscsi"), f"{prefix}:{name}"), 1)
        group.enable = True
        group.set_attribute("authentication", str(int(wanted["chap"])))
        acl = NodeACL(group, initiator())
        if wanted["chap"]:
            acl.chap_userid, acl.chap_password = "fleetlab-user", "fleetlab-sec-01"
        if wanted["mutual"]:
            acl.chap_mutual_userid, acl.chap_mutual_password = "fleetlab-peer", "fleetlab-sec-02"
        for number in range(wanted["luns"]):
            disk = FileIOStorageObject(f"fleetlab-session-{name}{number}", str(folder / f"{name}{number}"), size=LUN_SIZE)
            MappedLUN(acl, number, LUN(group, number, disk))
        for address, port in wanted["portals"]:
            NetworkPortal(group, address, port)


def remove(prefix: str, folder: Path) -> None:
    for target in FabricModule("iscsi").targets:
        if target.wwn.startswith(f"{prefix}:"):
            target.delete()
    for disk in RTSRoot().storage_objects:
        if disk.name.startswith("fleetlab-session-"):
            disk.delete()
    shutil.rmtree(folder, ignore_errors=True)


def rotate(prefix: str, secret: str) -> None:
    for target in FabricModule("iscsi").targets:
        if target.wwn == f"{prefix}:one":
            for group in target.tpgs:
                for acl in group.node_acls:
                    acl.chap_password = secret


def main() -> None:
    for name in ("target_core_mod", "target_core_file", "iscsi_target_mod", "iscsi_tcp"):
        subprocess.run(["modprobe", name], check=True)
    action, prefix, argument = sys.argv[1:]
    if action == "build":
        build(prefix, Path(argument))
    elif action == "remove":
        remove(prefix, Path(argument))
    else:
        rotate(prefix, argument)


if __name__ == "__main__":
    main()
