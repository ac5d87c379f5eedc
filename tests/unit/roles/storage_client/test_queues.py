# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look for disks that are not as the queue rule says, run by the shell over a sysfs of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.tests.unit.roles.role_files import load, play_role, render, run_shell

TEMPLATE = load("storage_client", "vars/main.yml")["storage_client_queue_differs"]


def disk(sysfs: Path, name: str, scheduler: str, state: str = "running") -> None:
    """A disk of a session as sysfs shows it."""
    folder = sysfs / "iscsi_session/session1/device/target1:0:0/1:0:0:0/block" / name
    (folder / "device").mkdir(parents=True)
    (folder / "queue").mkdir()
    (folder / "device/state").write_text(f"{state}\n")
    (folder / "queue/scheduler").write_text(f"{scheduler}\n")
    (folder / "queue/nr_requests").write_text("256\n")


def differs(sysfs: Path, wanted: dict[str, Any]) -> list[str]:
    """What the shell says of them."""
    return run_shell(render(TEMPLATE, storage_client_queue=wanted).replace("/sys/class", str(sysfs)))


@pytest.mark.parametrize("shown", ["[none] mq-deadline", "mq-deadline [none]", "[none]", "none"])
def test_a_disk_that_is_as_the_rule_says_is_left_alone(tmp_path: Path, shown: str) -> None:
    disk(tmp_path, "sda", shown)
    assert differs(tmp_path, {"scheduler": "none", "nr_requests": 256}) == []


def test_disks_that_differ_are_named_with_what_they_have(tmp_path: Path) -> None:
    disk(tmp_path, "sda", "none [mq-deadline]")
    disk(tmp_path, "sdb", "[none] mq-deadline")
    assert differs(tmp_path, {"scheduler": "none", "nr_requests": 128, "no_such": 1}) == [
        "sda: storage_client_queue.no_such is not there, not 1",
        "sda: storage_client_queue.nr_requests is 256, not 128",
        "sda: storage_client_queue.scheduler is mq-deadline, not none",
        "sdb: storage_client_queue.no_such is not there, not 1",
        "sdb: storage_client_queue.nr_requests is 256, not 128",
    ]


def test_nothing_is_said_of_disks_that_do_not_answer_or_are_not_there(tmp_path: Path) -> None:
    assert differs(tmp_path, {"scheduler": "none"}) == []
    disk(tmp_path, "sda", "[mq-deadline]", state="transport-offline")
    assert differs(tmp_path, {"scheduler": "none"}) == []


def test_they_are_looked_at_when_the_logins_have_brought_them_and_before_arrays_use_them() -> None:
    """Before the first login there is no disk that could say that it does not take a value."""
    included = [
        task["ansible.builtin.include_tasks"]
        for task in load("storage_client", "tasks/main.yml")
        if "ansible.builtin.include_tasks" in task
    ]
    assert included.index("sessions.yml") < included.index("queues.yml") < included.index("arrays.yml")


LATE = "[ $(grep -c '/sys/class/block/sdb$' {folder}/triggers 2>/dev/null || true) -ge {enough} ] 2>/dev/null || echo '{found}'"
FOUND = "sdb: storage_client_queue.scheduler is mq-deadline, not none"


@pytest.fixture(name="udev")
def fixture_udev(tmp_path: Path) -> str:
    """A folder with a udevadm that settles before udev has done anything, and writes down what it is to trigger."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "udevadm").write_text(f'#!/bin/sh\n[ $1 != trigger ] || echo "$@" >> {tmp_path}/triggers\n')
    (folder / "udevadm").chmod(0o755)
    return str(folder)


def play(folder: Path, path: str, enough: int) -> str:
    """What the queue step of the role ends with, where a disk follows after so many triggers that name it."""
    variables = {
        "storage_client_queue": {"scheduler": "none"},
        "storage_client_queue_file": str(folder / "queue.rules"),
        "storage_client_queue_looks": 4,
        "storage_client_queue_differs": LATE.format(folder=folder, enough=enough, found=FOUND),
    }
    role = {"name": "fleetlab.linux.storage_client", "tasks_from": "queues"}
    return play_role(folder, {"client1": {}}, "-e", json.dumps(variables), path=path, **role).get("client1", "")


def triggers(folder: Path) -> list[str]:
    return (folder / "triggers").read_text().splitlines()


@pytest.mark.parametrize("enough", [1, 3])
def test_a_disk_that_udev_did_not_set_is_triggered_by_name_until_it_follows(tmp_path: Path, udev: str, enough: int) -> None:
    assert play(tmp_path, udev, enough) == ""
    assert triggers(tmp_path) == ["trigger --action=change /sys/class/block/sdb"] * enough
    assert "mq-deadline" not in (tmp_path / "queue.rules").read_text()


def test_what_never_comes_is_said_with_what_was_expected(tmp_path: Path, udev: str) -> None:
    message = play(tmp_path, udev, 99)
    assert f"client1: udev was asked 4 times to set what storage_client_queue says, and there are disks without it: {FOUND}" in message
    assert len(triggers(tmp_path)) == 4


def test_a_second_run_has_nothing_to_trigger_and_does_not_fail(tmp_path: Path, udev: str) -> None:
    """The loop is skipped then, and what it ends by is asked of what was skipped too."""
    assert play(tmp_path, udev, 1) == ""
    assert play(tmp_path, udev, 1) == ""
    assert len(triggers(tmp_path)) == 1
