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

from ansible_collections.fleetlab.linux.plugins.module_utils._ebs import observe
from ansible_collections.fleetlab.linux.plugins.modules import ebs_device_info
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._ebs.trees import FIRST, ROOT, SECOND, add_disk, build


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> observe.Roots:
    """The module looks at this one."""
    roots = build(tmp_path, "nitro")
    monkeypatch.setattr(ebs_device_info, "observe", lambda: observe.observe(roots))
    return roots


def run(capsys: pytest.CaptureFixture[str], **options: Any) -> Dict[str, Any]:
    """The module's result."""
    with patch_module_args(options), pytest.raises(SystemExit):
        ebs_device_info.main()
    result: Dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_volumes_come_in_the_order_they_were_asked_for(machine: observe.Roots, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, volumes=[{"volume_id": SECOND, "name": "b"}, {"volume_id": FIRST.replace("-", ""), "attached_as": "/dev/sdf"}])
    assert [(item["volume_id"], item["name"], item["device"], item["found_by"]) for item in result["devices"]] == [
        (SECOND, "b", "/dev/nvme2n1", "serial"),
        (FIRST, None, "/dev/nvme1n1", "serial"),
    ]
    assert (result["changed"], result["system_devices"]) == (False, ["/dev/nvme0n1"])


def test_all_volumes_but_the_one_the_machine_runs_from(machine: observe.Roots, capsys: pytest.CaptureFixture[str]) -> None:
    assert [item["volume_id"] for item in run(capsys)["devices"]] == [FIRST, SECOND]


def test_the_root_volume_is_refused_by_its_id(machine: observe.Roots, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, volumes=[{"volume_id": ROOT}])
    assert result["failed"]
    assert "this machine runs from it: nvme0n1" in result["msg"]


def test_it_waits_for_a_volume_that_comes_late(
    machine: observe.Roots, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = "vol-0bbbbbbbbbbbbbbbb"
    naps: List[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            add_disk(
                machine,
                "nvme3n1",
                {"size": 8, "serial": late.replace("-", ""), "model": None, "partitions": [], "number": "259:9", "links": []},
            )

    monkeypatch.setattr("time.sleep", sleep)
    (device,) = run(capsys, volumes=[{"volume_id": late}], wait=60)["devices"]
    assert (device["device"], len(naps)) == ("/dev/nvme3n1", 3)


def test_one_that_does_not_come_is_named_with_what_is_there(machine: observe.Roots, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, volumes=[{"volume_id": "vol-0cccccccccccccccc", "name": "volume3"}])
    assert result["msg"].startswith("vol-0cccccccccccccccc (volume3): no disk of this machine is this volume (there are nvme0n1 vol-0aaa")


@pytest.mark.parametrize(
    "volumes", [[{"volume_id": "sdf"}], [{"volume_id": FIRST}, {"volume_id": FIRST}], [{"volume_id": FIRST, "attached_as": "disk"}]]
)
@pytest.mark.parametrize("check", [False, True])
def test_bad_input_is_refused(
    machine: observe.Roots, capsys: pytest.CaptureFixture[str], volumes: List[Dict[str, str]], check: bool
) -> None:
    assert run(capsys, volumes=volumes, _ansible_check_mode=check)["msg"].startswith("volumes: ")
