# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LIO's saved configuration of one target, and the output and records of iscsiadm for six targets on loopback, created with rtslib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.fleetlab.linux.tests.record.recording import Folder, run, upstream_version

PREFIX = "iqn.2026-01.com.example:"
DATABASES = ("/var/lib/iscsi/nodes", "/etc/iscsi/nodes")
IMAGE = "/var/tmp/record-iscsi.img"
# Those of the configfs tree that was recorded on 6.1, so that the saved files of every version are held against it.
BLOCK_WWN, FILE_WWN = "2ce3e23d-54b9-429d-9a80-e3a5863d1221", "8179373e-de3a-4dbd-9116-f0f7887b2070"
TARGETS = {
    "a": ("127.0.0.2", "[::1]", "[fd00:99::41]"),
    "b": ("127.0.0.3", "127.0.0.9"),
    "c": ("127.0.0.4",),
    "s1": ("127.0.1.1",),
    "s2": ("127.0.1.2",),
    "s3": ("127.0.1.3",),
}
CHAP = {"node.session.auth.authmethod": "CHAP", "node.startup": "automatic", "node.conn[0].startup": "automatic"}
RECORDS = {
    "record_ipv6_chap.txt": (
        "a",
        "[fd00:99::41]:3260,1",
        {
            **CHAP,
            "node.session.auth.username": "user-a",
            "node.session.auth.password": "secret-aaaa-01",
            "node.session.timeo.replacement_timeout": "15",
            "node.conn[0].timeo.login_timeout": "10",
        },
    ),
    "record_mutual_chap.txt": (
        "c",
        "127.0.0.4:3260,1",
        {
            **CHAP,
            "node.session.auth.username": "user-c",
            "node.session.auth.password": "secret-cccc-01",
            "node.session.auth.username_in": "mutual-c",
            "node.session.auth.password_in": "mutual-cccc-1",
        },
    ),
    "record_new_without_tag.txt": ("s2", "127.0.1.2", {}),
}


def record(output: Path) -> None:
    """All scenes."""
    # The library comes with the target's package, on the machine that records.
    import rtslib_fb as rtslib

    run("modprobe", "--all", "target_core_mod", "iscsi_target_mod", "target_core_iblock", "target_core_file")
    root = rtslib.RTSRoot()
    root.clear_existing(confirm=True)
    _record_saved(rtslib, root, Folder(output / "rtslib" / upstream_version("python3-rtslib-fb")))
    root.clear_existing(confirm=True)
    _record_initiator(rtslib, Folder(output / "iscsiadm" / upstream_version("open-iscsi")))
    root.clear_existing(confirm=True)


def _group(rtslib: Any, name: str, portals: tuple[tuple[str, int], ...]) -> Any:
    group = rtslib.TPG(rtslib.Target(rtslib.FabricModule("iscsi"), f"{PREFIX}{name}"), 1)
    group.enable = True
    for address, port in portals:
        rtslib.NetworkPortal(group, address, port)
    return group


def _record_saved(rtslib: Any, root: Any, folder: Folder) -> None:
    Path("/var/tmp/probe.img").unlink(missing_ok=True)
    block = rtslib.BlockStorageObject("probe-b", "/dev/ubdb", wwn=BLOCK_WWN)
    file = rtslib.FileIOStorageObject("probe-f", "/var/tmp/probe.img", 64 << 20, write_back=True, wwn=FILE_WWN)
    for store in (block, file):
        # As targetcli does.
        store.set_attribute("emulate_model_alias", 1)
    group = _group(rtslib, "probe", (("0.0.0.0", 3260), ("[::1]", 3261)))
    group.set_attribute("authentication", "1")
    acl = rtslib.NodeACL(group, f"{PREFIX}client")
    acl.chap_userid, acl.chap_password = "foo", "barbarbarbar"
    acl.chap_mutual_userid, acl.chap_mutual_password = "tgt", "mutualmutual"
    for number, store in enumerate((block, file)):
        rtslib.MappedLUN(acl, number, rtslib.LUN(group, number, store))
    saved = Path("/var/tmp/record-saved.json")
    root.save_to_file(str(saved))
    folder.save("one_target.json", saved.read_text(encoding="utf-8"))
    saved.unlink()


def _record_initiator(rtslib: Any, folder: Folder) -> None:
    run("ip", "address", "replace", "fd00:99::41/128", "dev", "lo", "nodad")
    for name, addresses in TARGETS.items():
        _group(rtslib, name, tuple((address, 3260) for address in addresses))
    # sendtargets is answered by the daemon.
    run("systemctl", "start", "iscsid")
    offered = run("iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", "127.0.0.2", "-o", "nonpersistent")
    folder.save("discovery_six_targets.txt", offered)
    folder.save("initiatorname.txt", _settings("/etc/iscsi/initiatorname.iscsi"))
    for file, (name, portal, changes) in RECORDS.items():
        node = ("iscsiadm", "-m", "node", "-T", f"{PREFIX}{name}", "-p", portal)
        run(*node, "-o", "new")
        for key, value in changes.items():
            run(*node, "-o", "update", "-n", key, "-v", value)
        folder.save(file, _written(f"{PREFIX}{name}"))
        run(*node, "-o", "delete")
    run("ip", "address", "delete", "fd00:99::41/128", "dev", "lo")


def _settings(path: str) -> str:
    lines = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def _written(target: str) -> str:
    (found,) = [path for top in DATABASES for path in Path(top, target).rglob("*") if path.is_file()]
    return found.read_text(encoding="utf-8")
