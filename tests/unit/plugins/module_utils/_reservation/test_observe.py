# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disks of the sessions are looked at, in a tree as sysfs has it, and what the commands to a disk carry."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.hold_disk.scsi import Disk
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.observe import key_of, observe
from ansible_collections.fleetlab.linux.plugins.module_utils._reservation.options import Wanted

IQN = "iqn.2026-01.com.example.storage:server1"
RULES = "/etc/udev/rules.d/62-x.rules"


@pytest.fixture(name="host")
def make_host(tmp_path: Path) -> Host:
    """Two sessions: three LUNs of the target, of which one does not answer, and a LUN of another target."""
    put(tmp_path, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    put(tmp_path, "/etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.2026-01.com.example:client1\n")
    for number, (target, states) in enumerate([(IQN, ["running", "transport-offline", "running"]), (f"{IQN}x", ["running"])], 1):
        session = f"/sys/class/iscsi_session/session{number}"
        put(tmp_path, f"{session}/targetname", f"{target}\n")
        for lun, state in enumerate(states):
            unit = f"{session}/device/target{number}:0:0/{number}:0:0:{lun}"
            put(tmp_path, f"{unit}/state", f"{state}\n")
            put(tmp_path, f"{unit}/block/nosuch{number}{lun}/size", "8\n")
    return Host(str(tmp_path))


def put(root: Path, path: str, content: str) -> None:
    """Write a file of the tree."""
    file = root / path[1:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")


@pytest.mark.parametrize(("luns", "nodes"), [(None, ["nosuch10", "nosuch12"]), ((0, 1), ["nosuch10"]), ((7,), [])])
def test_the_named_luns_of_the_named_targets_are_looked_at(host: Host, luns: Optional[Sequence[int]], nodes: List[str]) -> None:
    state = observe(Wanted((IQN,), RULES, luns=tuple(luns) if luns is not None else None), host)
    assert [disk.node for disk in state.disks] == [f"/dev/{node}" for node in nodes]
    assert all(disk.is_away for disk in state.disks)


def test_the_key_is_of_the_initiator_and_the_machine(host: Host) -> None:
    own = key_of(host)
    assert own >> 63 == 1
    assert key_of(host, "iqn.2026-01.com.example:client1") == own
    assert key_of(host, "iqn.2026-01.com.example:client2") != own
    Path(host.root, "etc/machine-id").write_text("", encoding="utf-8")
    with pytest.raises(ObservationError, match="systemd-machine-id-setup"):
        key_of(host)


class Recorder(Disk):
    """A disk that keeps the commands it is sent."""

    def __init__(self) -> None:
        super().__init__("/dev/none")
        self.sent: List[Tuple[bytes, bytes]] = []

    def _send(self, command: bytes, _direction: int, data: bytes = b"") -> bytes:
        self.sent.append((command, data))
        return b""


def test_registrations_are_kept_over_a_restart_of_the_target_also_when_one_leaves() -> None:
    disk = Recorder()
    disk.register(0xA)
    disk.unregister(0xA)
    disk.reserve(0xA)
    flags = {command[1] & 0x1F: struct.unpack(">QQ4xB3x", data)[2] & 1 for command, data in disk.sent}
    assert flags == {6: 1, 0: 1, 1: 0}
