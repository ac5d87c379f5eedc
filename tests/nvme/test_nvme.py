# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EBS volumes on a booted machine with NVMe disks. Run by molecule's scenario "nvme" (make test-nvme)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from ansible_collections.fleetlab.linux.tests.faults.lab import Lab

if TYPE_CHECKING:
    from testinfra.host import Host

testinfra_hosts = ["ansible://storage_servers"]

SERVER = "server1"
BOOT_LIMIT = 900
"""Seconds; without KVM every instruction is emulated."""


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab of the given inventory."""
    handle = Lab(Path(request.config.getoption("ansible_inventory")))
    handle.wait_for_boot(SERVER, BOOT_LIMIT)
    yield handle
    handle.close()


def test_volumes_keep_their_names_when_the_kernel_swaps_its_own(host: Host, lab: Lab) -> None:
    volumes = [
        {"volume_id": f"vol-{serial}", "name": name}
        for name, serial in re.findall(r"drive=(volume\d),serial=vol([0-9a-f]{17})\b", start_script(lab).read_text(encoding="utf-8"))
    ]
    assert [volume["name"] for volume in volumes] == ["volume1", "volume2"]
    before = look(host, volumes)
    assert [found["path"] for found in before] == host.ansible.get_variables()["storage_server_devices"]
    assert look(host, None) == sorted(({**found, "name": None} for found in before), key=lambda found: str(found["volume_id"]))
    lab.power_off(SERVER)
    swap_disks(lab)
    lab.power_on(SERVER)
    lab.wait_for_boot(SERVER, BOOT_LIMIT)
    after = look(host, volumes)
    assert [found["device"] for found in after] == [found["device"] for found in reversed(before)]
    assert [{**found, "device": ""} for found in after] == [{**found, "device": ""} for found in before]


def start_script(lab: Lab) -> Path:
    """The script that starts the machine, with its disks in their order."""
    return lab.directory / "guests" / SERVER / "start"


def swap_disks(lab: Lab) -> None:
    """Swap the two disks."""
    script = start_script(lab)
    text = script.read_text(encoding="utf-8")
    first, second = re.findall(r"-drive if=none,id=volume\d,.*?,serial=vol[0-9a-f]{17}", text)
    script.write_text(text.replace(first, "DISK").replace(second, first).replace("DISK", second), encoding="utf-8")


def look(host: Host, volumes: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The devices that the module finds; it waits for them as on AWS."""
    options = json.dumps({"volumes": volumes, "wait": 60}) if volumes else None
    answer = host.ansible("fleetlab.linux.ebs_device_info", options, check=False)
    assert not answer.get("failed"), answer
    assert answer["system_devices"] == []
    found: list[dict[str, Any]] = answer["devices"]
    return found
