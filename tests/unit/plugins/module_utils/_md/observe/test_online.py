# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the disk of a member answers, as the kernel knows it, and what is read of the others then."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.arrays import read_array
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.observe import observe_all
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import RecordedHost

MD = "/sys/block/md1/md"


def host(**states: Optional[str]) -> RecordedHost:
    answers: Dict[str, Any] = {
        "names /sys/block": ["md1"],
        f"text {MD}/array_state": "clean",
        f"text {MD}/level": "raid1",
        f"text {MD}/last_sync_action": "check",
        f"names {MD}": [f"dev-{name}" for name in states],
    }
    for slot, (name, state) in enumerate(states.items()):
        answers[f"text {MD}/dev-{name}/slot"] = str(slot)
        answers[f"text {MD}/dev-{name}/state"] = "in_sync"
        answers[f"target {MD}/dev-{name}/block"] = f"/sys/devices/{name}"
        answers[f"text /sys/class/block/{name}/size"] = "204800"
        answers[f"text {MD}/dev-{name}/block/device/state"] = state
    return RecordedHost(answers)


@pytest.mark.parametrize(
    ("state", "online"),
    [
        ("running", True),
        ("live", True),
        (None, True),
        ("blocked", False),
        ("transport-offline", False),
        ("offline", False),
        ("dead", False),
    ],
)
def test_what_sysfs_says_of_a_disk(state: Optional[str], online: bool) -> None:
    array = read_array(host(sda=state).host, "md1", lambda _name: None)
    assert array
    assert [member.online for member in array.members] == [online]
    assert array.last_action == "check"


def test_a_partition_is_as_its_disk() -> None:
    probe = host(sda1=None)
    probe.answers[f"text {MD}/dev-sda1/block/../device/state"] = "transport-offline"
    array = read_array(probe.host, "md1", lambda _name: None)
    assert array
    assert not array.members[0].online


class Counting(RecordedHost):
    """Notes which devices are read."""

    def __init__(self, answers: Dict[str, Any]) -> None:
        super().__init__(answers)
        self.nodes: List[str] = []

    def read(self, node: str, offset: int, length: int) -> Optional[bytes]:
        self.nodes.append(node)
        return None if node == "/dev/sdz" else super().read(node, offset, length)


def test_a_disk_that_does_not_answer_is_not_waited_for() -> None:
    probe = Counting(host(sda="blocked", sdb="running").answers)
    observe_all(probe)
    assert probe.nodes[0] == "/dev/sdb"
