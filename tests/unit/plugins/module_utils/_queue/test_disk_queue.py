# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module disk_queue on trees of files, with a udev that follows the rule as soon, or as late, as a test wants."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, NoReturn, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core import lock as lock_module
from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.lock import Lock
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._queue.options import ARGUMENT_SPEC, make_wanted
from ansible_collections.fleetlab.linux.plugins.modules import disk_queue

SETTLE = ("udevadm", "settle", "--timeout=30")
RELOAD = ("udevadm", "control", "--reload")


def trigger(disk: str) -> tuple[str, ...]:
    return ("udevadm", "trigger", "--action=change", f"/sys/class/block/{disk}")


class Ended(Exception):
    """Thrown where a real module would exit."""


class Machine:
    """A host below a folder, its udev, and a module that runs on it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.path = folder / "queue.rules"
        self.late: dict[str, int] = {}
        """How many events of a disk udev handles by the old rules."""
        self.refused: set[str] = set()
        """Settings that the kernel does not take."""
        self.ran: list[tuple[str, ...]] = []
        # The rule is written where it is, and read below the root: both are one file.
        below = Path(f"{folder}{folder}")
        below.parent.mkdir(parents=True)
        below.symlink_to(folder)

    def disk(self, name: str, scheduler: str = "none [mq-deadline]", state: str = "running") -> None:
        """A disk of a session."""
        folder = self.root / "sys/class/iscsi_session/session1/device/target1:0:0/1:0:0:0/block" / name
        (folder / "device").mkdir(parents=True)
        (folder / "queue").mkdir()
        (folder / "device/state").write_text(f"{state}\n", encoding="utf-8")
        (folder / "queue/scheduler").write_text(f"{scheduler}\n", encoding="utf-8")
        (folder / "queue/nr_requests").write_text("256\n", encoding="utf-8")

    def run(self, argv: Sequence[str], *_arguments: Any, **_options: Any) -> CommandResult:
        """What the module runs; a trigger is an event for udev."""
        self.ran.append(tuple(argv))
        if argv[1] == "trigger":
            self._handle(argv[3].rpartition("/")[2])
        return CommandResult(tuple(argv), 0, "", "")

    def _handle(self, disk: str) -> None:
        self.late[disk] = self.late.get(disk, 0) - 1
        if self.late[disk] >= 0:
            return
        (queue,) = self.root.glob(f"sys/class/iscsi_session/*/device/*/*/block/{disk}/queue")
        for name, value in re.findall(r'ATTR\{queue/(\w+)\}="([^"]*)"', self.path.read_text(encoding="utf-8")):
            if name not in self.refused and (queue / name).exists():
                (queue / name).write_text(f"{value}\n", encoding="utf-8")

    def play(self, monkeypatch: pytest.MonkeyPatch, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        """The result of the module."""
        defaults = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}
        given = {**defaults, "path": str(self.path), "settings": {"scheduler": "none"}, **params}
        ended: list[dict[str, Any]] = []

        class FakeModule:
            """The part of AnsibleModule that is used."""

            def __init__(self, **_spec: Any) -> None:
                self.params, self.check_mode, self._diff = given, check_mode, True

            def exit_json(self, **result: Any) -> NoReturn:
                ended.append(result)
                raise Ended

            def fail_json(self, **result: Any) -> NoReturn:
                ended.append({"failed": True, **result})
                raise Ended

        monkeypatch.setattr(disk_queue, "AnsibleModule", FakeModule)
        monkeypatch.setattr(disk_queue, "Host", lambda: Host(str(self.root)))
        monkeypatch.setattr(disk_queue, "host_runner", lambda: self)
        monkeypatch.setattr(time, "sleep", lambda _seconds: None)
        monkeypatch.setattr(lock_module, "_FOLDER", str(self.root / "run"))
        self.ran = []
        with pytest.raises(Ended):
            disk_queue.main()
        return ended[0]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def said(result: dict[str, Any]) -> list[str]:
    return [f"{one['disk']}: {one['setting']} is {one['value']}, not {one['wanted']}" for one in result["differing"]]


@pytest.mark.parametrize("shown", ["[none] mq-deadline", "mq-deadline [none]", "[none]", "none"])
def test_a_disk_that_is_as_the_rule_says_is_left_alone(machine: Machine, monkeypatch: pytest.MonkeyPatch, shown: str) -> None:
    machine.disk("sda", shown)
    settings = {"scheduler": "none", "nr_requests": 256}
    assert machine.play(monkeypatch, settings=settings)["changed"]
    assert machine.ran == [RELOAD, SETTLE, SETTLE]
    second = machine.play(monkeypatch, settings=settings)
    assert (second["changed"], second["commands"], second["disks"], machine.ran) == (False, [], ["sda"], [])


def test_check_mode_names_the_disks_that_differ_with_what_they_have(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.disk("sdb", "[none] mq-deadline")
    machine.disk("sda")
    result = machine.play(monkeypatch, True, settings={"scheduler": "none", "nr_requests": 128, "no_such": 1})
    assert said(result) == [
        "sda: scheduler is mq-deadline, not none",
        "sda: no_such is not there, not 1",
        "sda: nr_requests is 256, not 128",
        "sdb: no_such is not there, not 1",
        "sdb: nr_requests is 256, not 128",
    ]
    assert (result["changed"], machine.ran, machine.path.exists()) == (True, [], False)
    assert result["commands"][-1] == ["follow-rule", "disks=sda sdb"]


def test_the_diff_shows_the_rule_and_the_values(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.disk("sda")
    diff = machine.play(monkeypatch, True)["diff"]
    assert (diff["before"], diff["after"]["queues"]) == (
        {"rule": "", "queues": {"sda": {"scheduler": "mq-deadline"}}},
        {"sda": {"scheduler": "none"}},
    )
    assert diff["after"]["rule"][1] == (
        'ACTION=="add|change", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", ENV{ID_PATH}=="*-iscsi-*", ATTR{queue/scheduler}="none"'
    )


def test_the_scheduler_comes_first_as_a_new_one_sets_other_values_back(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = machine.play(monkeypatch, settings={"nr_requests": 128, "scheduler": "none", "add_random": 0})["diff"]["after"]["rule"]
    assert re.findall(r"queue/(\w+)", "\n".join(rule)) == ["scheduler", "add_random", "nr_requests"]


def test_disks_that_do_not_answer_are_skipped_by_name(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.play(monkeypatch)["disks"] == []
    machine.disk("sda", state="transport-offline")
    result = machine.play(monkeypatch)
    assert (result["changed"], result["disks"], result["skipped"], result["differing"]) == (False, [], ["sda"], [])


@pytest.mark.parametrize("late", [0, 2])
def test_a_disk_that_udev_did_not_set_is_triggered_by_name_until_it_follows(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, late: int
) -> None:
    machine.disk("sda", "none")
    machine.disk("sdb")
    machine.late["sdb"] = late
    result = machine.play(monkeypatch)
    assert (result["changed"], result["differing"]) == (True, [])
    assert machine.ran == [RELOAD, *[SETTLE, trigger("sdb"), SETTLE] * (late + 1)]
    assert not machine.play(monkeypatch)["changed"]


def test_a_disk_that_an_event_of_before_sets_back_is_triggered_too(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.disk("sda", "none")
    (scheduler,) = machine.root.glob("sys/class/iscsi_session/*/device/*/*/block/sda/queue/scheduler")
    run = machine.run

    def set_back(argv: Sequence[str], **options: Any) -> CommandResult:
        if tuple(argv) == RELOAD:
            scheduler.write_text("none [mq-deadline]\n", encoding="utf-8")
        return run(argv, **options)

    monkeypatch.setattr(machine, "run", set_back)
    assert machine.play(monkeypatch)["differing"] == []
    assert trigger("sda") in machine.ran


def test_a_run_that_ended_after_the_rule_is_completed_by_the_next(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.play(monkeypatch)
    machine.disk("sda")
    result = machine.play(monkeypatch)
    assert [command[0] for command in result["commands"]] == ["udevadm", "follow-rule"]
    assert not machine.play(monkeypatch)["changed"]


def test_what_the_kernel_does_not_take_is_said_with_the_disk_and_what_was_expected(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.disk("sdb")
    machine.refused = {"scheduler"}
    result = machine.play(monkeypatch, timeout=2)
    expected = "udev was asked 4 times to set the values of the rule, and disks still differ: sdb: scheduler is mq-deadline, not none."
    assert expected in result["msg"]
    assert "see cat /sys/block/DISK/queue/NAME and journalctl --unit=systemd-udevd" in result["msg"]
    assert machine.ran.count(trigger("sdb")) == 4
    assert result["changed"]


def test_absent_removes_the_rule_and_leaves_the_disks(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.disk("sda")
    machine.play(monkeypatch)
    for changed in (True, False):
        result = machine.play(monkeypatch, settings=None, state="absent")
        assert (result["changed"], result["disks"], machine.path.exists()) == (changed, ["sda"], False)
        assert machine.ran == ([RELOAD] if changed else [])


def test_two_runs_wait_for_each_other(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "_FOLDER", str(machine.root / "run"))
    monkeypatch.setattr(disk_queue, "LOCK", Lock(disk_queue.LOCK.name, disk_queue.LOCK.objects, timeout=0.2))
    with disk_queue.LOCK.held():
        result = machine.play(monkeypatch)
    assert "the queues of disks: another run works on this host" in result["msg"]
    assert not machine.path.exists()
    assert machine.play(monkeypatch)["changed"]


@pytest.mark.parametrize(
    ("changed", "option"),
    [
        ({"path": "/etc/udev/rules.d/queue"}, "path"),
        ({"path": "queue.rules"}, "path"),
        ({"timeout": 0}, "timeout"),
        ({"settings": {}}, "settings"),
        ({"settings": {"../scheduler": "none"}}, "settings"),
        ({"settings": {"scheduler": 'none", RUN+="/bin/sh'}}, "settings.scheduler"),
        ({"settings": {"scheduler": "$env{X}"}}, "settings.scheduler"),
        ({"settings": {"scheduler": None}}, "settings.scheduler"),
        ({"settings": {"scheduler": ""}}, "settings.scheduler"),
    ],
)
def test_what_no_rule_can_carry_is_refused(changed: dict[str, Any], option: str) -> None:
    given = {
        "path": "/etc/udev/rules.d/q.rules",
        "transport": "iscsi",
        "settings": {"scheduler": "none"},
        "state": "present",
        "timeout": 10,
    }
    make_wanted(given)
    with pytest.raises(InputError) as caught:
        make_wanted({**given, **changed})
    assert caught.value.option == option


def test_a_rule_that_is_no_text_is_not_overwritten(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.path.write_bytes(b"\xff\xfe")
    assert "cannot be read as a udev rule" in machine.play(monkeypatch)["msg"]
    assert machine.path.read_bytes() == b"\xff\xfe"
