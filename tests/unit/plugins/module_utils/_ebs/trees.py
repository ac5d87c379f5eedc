# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees as sysfs, /dev and mountinfo show them, built from tests/fixtures/sysfs_ebs.

Nobody here has an account to record them on. They are put together from what the kernel's drivers and AWS document: the serial number
padded with spaces, the links of udev's rules for NVMe, the numbers of Xen disks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host

_FIXTURES = Path(__file__).resolve().parents[4] / "fixtures" / "sysfs_ebs" / "6.1"
NAMES = sorted(path.stem for path in _FIXTURES.glob("*.json"))

FIRST = "vol-0123456789abcdef0"
SECOND = "vol-0fedcba9876543210"
ROOT = "vol-0aaaaaaaaaaaaaaaa"


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def add_disk(host: Host, name: str, disk: Dict[str, Any]) -> None:
    """One whole disk with its partitions and links."""
    sys, dev = Path(f"{host.root}/sys"), Path(f"{host.root}/dev")
    folder = sys / "devices" / name
    (folder / "device").mkdir(parents=True)
    (folder / "size").write_text(f"{disk['size']}\n", encoding="utf-8")
    for key in ("serial", "model"):
        if disk[key] is not None:
            (folder / "device" / key).write_text(f"{disk[key]}\n", encoding="utf-8")
    _link(sys / "block" / name, folder)
    _link(sys / "class" / "block" / name, folder)
    _link(sys / "dev" / "block" / disk["number"], folder)
    for partition, number in disk["partitions"]:
        (folder / partition).mkdir()
        (folder / partition / "partition").write_text("1\n", encoding="utf-8")
        _link(sys / "class" / "block" / partition, folder / partition)
        _link(sys / "dev" / "block" / number, folder / partition)
    dev.mkdir(exist_ok=True)
    (dev / name).write_text("", encoding="utf-8")
    for link in disk["links"]:
        _link(dev / "disk" / "by-id" / link, dev / name)


def build(place: Path, name: str) -> Host:
    """The machine of that name."""
    machine = json.loads((_FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    host = Host(str(place))
    for disk, data in machine["disks"].items():
        add_disk(host, disk, data)
    lines = [
        f"{40 + index} 1 {number} / {mount} rw,relatime shared:1 - ext4 {source} rw"
        for index, (number, mount, source) in enumerate(machine["mounts"])
    ]
    lines.append("22 40 0:20 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw")
    (place / "proc" / "self").mkdir(parents=True)
    (place / "proc" / "self" / "mountinfo").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return host
