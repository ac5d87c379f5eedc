# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark does to disks, volumes and units of a machine, on a tree of files and with recorded commands."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import ROOT, load
from ansible_collections.fleetlab.linux.tests.unit.roles.storage_benchmark.test_measure import load as load_program

prepare = load_program("prepare")


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run, on a machine with two disks and the volume of a former run."""
    commands: list[list[str]] = []

    def run(argv: Any, **_options: Any) -> None:
        commands.append([word.replace(str(tmp_path), "") for word in argv])

    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    for name, number in (("sdb", "8:16"), ("sdc", "8:32")):
        for folder in ("queue", "device"):
            (tmp_path / "sys/block" / name / folder).mkdir(parents=True)
        (tmp_path / "sys/class/block" / name).mkdir(parents=True)
        (tmp_path / "sys/class/block" / name / "dev").write_text(f"{number}\n")
    (tmp_path / "dev/vg1/benchmark").mkdir(parents=True)
    return commands


def play(*words: str) -> None:
    assert prepare.main(list(words)) == 0


def test_each_disk_is_limited_in_both_ways(ran: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "sdb").symlink_to("/dev/sdb")
    group = tmp_path / "run/storage-benchmark"
    play("throttle", "5000000", "150", str(tmp_path / "sdb"), "/dev/sdc")
    assert ran == [["mount", "-t", "cgroup", "-o", "blkio", "none", "/run/storage-benchmark"]]
    files = {file.name: file.read_text() for file in group.iterdir()}
    # A file of the kernel takes a line for each disk, a file of this test only the last.
    assert files == {f"blkio.throttle.{way}_{unit}_device": f"8:32 {limit}\n" for way in ("read", "write") for unit, limit in LIMITS}


LIMITS = [("bps", "5000000"), ("iops", "150")]


def test_without_limits_the_group_is_removed(ran: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(Path, "write_text", lambda self, text, **_options: written.append(f"{self.name} {text}"))
    play("throttle", "0", "0", "/dev/sdb")
    assert [line.strip() for line in written] == [
        f"blkio.throttle.{way}_{unit}_device 8:16 0" for way in ("read", "write") for unit in ("bps", "iops")
    ]
    assert ran[-1] == ["umount", "/run/storage-benchmark"]
    assert not (tmp_path / "run/storage-benchmark").exists()


def test_settings_of_queues(ran: list[list[str]], tmp_path: Path) -> None:
    play("queue", json.dumps({"scheduler": "none", "nr_requests": 64}), "sdb", "sdc")
    for name in ("sdb", "sdc"):
        queue = tmp_path / "sys/block" / name / "queue"
        assert {file.name: file.read_text() for file in queue.iterdir()} == {"scheduler": "none\n", "nr_requests": "64\n"}
    assert ran == []


def test_disks_are_read_again(ran: list[list[str]], tmp_path: Path) -> None:
    play("rescan", "sdb", "sdc")
    assert [(tmp_path / "sys/block" / name / "device/rescan").read_text() for name in ("sdb", "sdc")] == ["1\n", "1\n"]
    assert ran == [["udevadm", "settle"]]


def test_only_volumes_that_exist_are_removed(ran: list[list[str]]) -> None:
    play("remove", "benchmark", "vg1", "vg2")
    play("create", "96", "benchmark", "vg2")
    assert ran == [
        ["lvremove", "--quiet", "--yes", "vg1/benchmark"],
        ["lvcreate", "--quiet", "--yes", "--wipesignatures", "y", "--size", "96m", "--name", "benchmark", "vg2"],
    ]


def test_a_run_leaves_nothing(ran: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/program").touch()
    (tmp_path / "sys/kernel/config/target/iscsi/iqn.one-benchmark").mkdir(parents=True)
    play("clean", "unit", "-benchmark", "benchmark", "/run/program", "/run/samples")
    assert ran == [["systemctl", "stop", "unit"]]
    assert list((tmp_path / "run").iterdir()) == []
    assert capsys.readouterr().out.split() == [
        f"{tmp_path}/sys/kernel/config/target/iscsi/iqn.one-benchmark",
        f"{tmp_path}/dev/vg1/benchmark",
    ]


def test_a_former_unit_is_ended_first(ran: list[list[str]]) -> None:
    play("start", "unit", "python3", "/run/program", "sample")
    assert ran[0] == ["systemctl", "stop", "unit"]
    assert ran[1] == [
        "systemd-run",
        "--quiet",
        "--collect",
        "--unit=unit",
        "--property=RuntimeMaxSec=4h",
        "python3",
        "/run/program",
        "sample",
    ]


def test_this_machine_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    play("describe", "lo")
    found = json.loads(capsys.readouterr().out)
    assert (found["kernel"], found["mtu"]) == (os.uname().release, 65536)
    assert set(found) == set(load("storage_benchmark", "vars/main.yml")["storage_benchmark_unknown"])


@pytest.mark.parametrize(("words", "code", "said"), [([], 2, "prepare.py throttle"), (["rescan", "sdz"], 1, "prepare.py rescan: ")])
def test_failures_are_told(words: list[str], code: int, said: str, ran: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main(words) == code
    assert said in capsys.readouterr().err
    assert ran == []


def test_no_task_of_the_role_is_a_program_of_the_shell() -> None:
    """Only the search for the programs on a host that may have no Python is one."""
    texts = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "roles/storage_benchmark/tasks").glob("*.yml")}
    found = {name for name, text in texts.items() if "ansible.builtin.raw:" in text or "ansible.builtin.shell:" in text}
    assert found == {"preflight.yml"}
