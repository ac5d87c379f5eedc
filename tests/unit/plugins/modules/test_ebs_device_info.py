# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ebs_device_info as Ansible calls it, on machines of our making."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.modules import ebs_device_info
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._ebs.trees import FIRST, ROOT, SECOND, add_disk, build

LATE = "vol-0bbbbbbbbbbbbbbbb"
LASTING = f"nvme-Amazon_Elastic_Block_Store_{LATE.replace('-', '')}"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The module looks at this one."""
    host = build(tmp_path, "nitro")
    monkeypatch.setattr(ebs_device_info, "Host", lambda: host)
    return host


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> Dict[str, Any]:
    """The module's result."""
    with patch_module_args(options), pytest.raises(SystemExit):
        ebs_device_info.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_volumes_come_in_the_order_they_were_asked_for(machine: Host, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, volumes=[{"volume_id": SECOND, "name": "b"}, {"volume_id": FIRST.replace("-", ""), "attached_as": "/dev/sdf"}])
    assert [(item["volume_id"], item["name"], item["device"], item["found_by"]) for item in result["devices"]] == [
        (SECOND, "b", "/dev/nvme2n1", "serial"),
        (FIRST, None, "/dev/nvme1n1", "serial"),
    ]
    assert (result["changed"], result["system_devices"]) == (False, ["/dev/nvme0n1"])


def test_all_volumes_but_the_one_the_machine_runs_from(machine: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert [item["volume_id"] for item in run(capsys)["devices"]] == [FIRST, SECOND]


def test_the_root_volume_is_refused_by_its_id(machine: Host, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, volumes=[{"volume_id": ROOT}])
    assert result["failed"]
    assert "this machine runs from it: nvme0n1" in result["msg"]


def add_late(machine: Host) -> None:
    """A disk that udev has not seen yet."""
    serial = LATE.replace("-", "")
    add_disk(machine, "nvme3n1", {"size": 8, "serial": serial, "model": None, "partitions": [], "number": "259:9", "links": []})


@pytest.mark.parametrize("options", [{"volumes": [{"volume_id": LATE}]}, {}])
def test_it_waits_for_a_volume_that_comes_late_and_for_its_lasting_name(
    machine: Host, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: Dict[str, Any]
) -> None:
    naps: List[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3 and options:
            add_late(machine)
        if len(naps) == 5:
            dev = Path(f"{machine.root}/dev")
            (dev / "disk" / "by-id" / LASTING).symlink_to(dev / "nvme3n1")

    # Without a list of volumes it is those that are there.
    if not options:
        add_late(machine)
    monkeypatch.setattr("time.sleep", sleep)
    device = next(item for item in run(capsys, wait=60, **options)["devices"] if item["volume_id"] == LATE)
    assert (device["device"], device["path"], len(naps)) == ("/dev/nvme3n1", f"/dev/disk/by-id/{LASTING}", 5)


@pytest.mark.parametrize("options", [{"volumes": [{"volume_id": LATE}]}, {}])
def test_a_name_that_does_not_last_is_not_returned(machine: Host, capsys: pytest.CaptureFixture[str], options: Dict[str, Any]) -> None:
    add_late(machine)
    result = run(capsys, **options)
    assert result["failed"]
    assert f"{LATE}: is nvme3n1, which has no name in /dev/disk/by-id that is the same after a reboot" in result["msg"]


def test_one_that_does_not_come_is_named_with_what_is_there(machine: Host, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, volumes=[{"volume_id": "vol-0cccccccccccccccc", "name": "volume3"}])
    assert result["msg"].startswith("vol-0cccccccccccccccc (volume3): no disk of this machine is this volume (there are nvme0n1 vol-0aaa")


@pytest.mark.parametrize(
    "volumes", [[{"volume_id": "sdf"}], [{"volume_id": FIRST}, {"volume_id": FIRST}], [{"volume_id": FIRST, "attached_as": "disk"}]]
)
@pytest.mark.parametrize("check", [False, True])
def test_bad_input_is_refused(machine: Host, capsys: pytest.CaptureFixture[str], volumes: List[Dict[str, str]], check: bool) -> None:
    assert run(capsys, volumes=volumes, _ansible_check_mode=check)["msg"].startswith("volumes: ")
