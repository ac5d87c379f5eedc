# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members taken back, waits that end, and erasure that touches nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._md import apply
from ansible_collections.fleetlab.linux.plugins.module_utils._md.apply import MdOperations
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.block_device import shown_uuid
from ansible_collections.fleetlab.linux.plugins.module_utils._md.model.wanted import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._md.observe.superblock import parse
from ansible_collections.fleetlab.linux.plugins.module_utils._md.recovery.completion import newer
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.machine import want
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._md.recorded_host import (
    RecordedHost,
    RecordedRunner,
)

ZERO = ["mdadm", "--zero-superblock", "/dev/ubdb"]


class Runner(RecordedRunner):
    """Fails and acts as a test tells it to, by the beginning of the command."""

    def __init__(self, effects: Dict[str, Callable[[], None]]) -> None:
        super().__init__({})
        self.effects = effects

    def run(self, argv: Any, stdin: Any = None, timeout: float = 60.0, accept: Any = (0,)) -> CommandResult:
        result = super().run(argv, stdin, timeout, accept)
        for start, effect in self.effects.items():
            if " ".join(argv).startswith(start):
                effect()
        return result


class Clock:
    """Time that passes by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def bound(host: RecordedHost, runner: Runner, clock: Clock) -> MdOperations:
    return MdOperations(host, runner, clock.sleep)


def recorded(folder: Path, scenario: str) -> RecordedHost:
    host = RecordedHost.load(folder / f"{scenario}.json")
    host.answers["device_number /dev/ubdb"] = ["98:16", ""]
    host.answers["target /sys/dev/block/98:16"] = "/sys/devices/virtual/block/ubdb"
    return host


def uuid_on(host: RecordedHost, node: str) -> str:
    superblock = parse("1.2", 4096, host.read(node, 4096, 4096) or b"")
    assert superblock
    return shown_uuid(superblock.uuid)


def test_a_member_that_md_does_not_take_back_is_rebuilt(folder: Path) -> None:
    host = recorded(folder, "degraded")
    host.answers["device_number /dev/md1"] = ["9:1", ""]
    host.answers["target /sys/dev/block/9:1"] = "/sys/devices/virtual/block/md1"
    host.answers["text /sys/block/md1/md/dev-ubdb/slot"] = "none"

    def refuse() -> None:
        raise CommandError(["mdadm"], "not possible", 1)

    def take() -> None:
        host.answers["text /sys/block/md1/md/dev-ubdb/slot"] = "0"

    runner = Runner({"mdadm --manage /dev/md1 --re-add": refuse, "mdadm --manage /dev/md1 --add-spare": take})
    operations = bound(host, runner, Clock())
    operations.re_add("/dev/md1", "/dev/ubdb")
    assert [argv[3] for argv in runner.argvs] == ["--re-add", "--add-spare"]
    assert operations.rebuilt == {"/dev/ubdb"}


@pytest.mark.parametrize(("state", "fails"), [("clean", False), ("active", False), ("read-auto", True), ("readonly", True), (None, True)])
def test_an_array_that_stays_at_rest_is_an_error_and_one_that_somebody_woke_is_not(folder: Path, state: Optional[str], fails: bool) -> None:
    host = recorded(folder, "degraded")
    host.answers["device_number /dev/md1"] = ["9:1", ""]
    host.answers["target /sys/dev/block/9:1"] = "/sys/devices/virtual/block/md1"
    host.answers["text /sys/block/md1/md/array_state"] = state

    def refuse() -> None:
        raise CommandError(["mdadm"], "failed to set writable for /dev/md1", 1)

    runner = Runner({"mdadm --readwrite /dev/md1": refuse})
    with pytest.raises(CommandError) if fails else nullcontext():
        bound(host, runner, Clock()).make_writable("/dev/md1")
    assert runner.argvs == [["mdadm", "--readwrite", "/dev/md1"]]


@pytest.mark.parametrize("by", ["this run", "the mdadm that watched the reshape", "nobody"])
def test_a_stripe_is_turned_back_by_whoever_comes_first(folder: Path, by: str) -> None:
    host, clock = recorded(folder, "degraded"), Clock()
    host.answers["device_number /dev/md1"] = ["9:1", ""]
    host.answers["target /sys/dev/block/9:1"] = "/sys/devices/virtual/block/md1"
    host.answers["text /sys/block/md1/md/level"] = "raid4"

    def turn() -> None:
        host.answers["text /sys/block/md1/md/level"] = "raid4" if by == "nobody" else "raid0"
        if by != "this run":
            raise CommandError(["mdadm"], "is busy", 1)

    runner = Runner({"mdadm --grow /dev/md1 --level=0": turn})
    with pytest.raises(CommandError) if by == "nobody" else nullcontext():
        bound(host, runner, clock).turn_back("/dev/md1")
    assert (len(runner.argvs) > 5) == (by == "nobody")
    # A stripe that is one again needs no command.
    host.answers["text /sys/block/md1/md/level"] = "raid0"
    before = len(runner.argvs)
    bound(host, runner, clock).turn_back("/dev/md1")
    assert len(runner.argvs) == before


def test_a_slot_is_waited_for_only_where_one_is_free(folder: Path) -> None:
    host, clock = recorded(folder, "degraded"), Clock()
    host.answers["device_number /dev/md1"] = ["9:1", ""]
    host.answers["target /sys/dev/block/9:1"] = "/sys/devices/virtual/block/md1"
    host.answers["text /sys/block/md1/md/dev-ubdb/slot"] = "none"
    host.answers["text /sys/block/md1/md/degraded"] = "1"
    bound(host, Runner({}), clock).await_slot("/dev/md1", "/dev/ubdb")
    assert 5 < clock.now < 20
    host.answers["text /sys/block/md1/md/degraded"] = "0"
    before = clock.now
    bound(host, Runner({}), clock).await_slot("/dev/md1", "/dev/ubdb")
    assert clock.now == before


def test_only_the_superblock_of_the_named_array_is_erased(folder: Path) -> None:
    host = recorded(folder, "killed-between-members")
    runner = Runner({"mdadm --zero-superblock": lambda: host.answers.pop("read /dev/ubdb 4096") and None})
    bound(host, runner, Clock()).zero_superblock("/dev/ubdb", "1" * 32)
    assert runner.argvs == []
    bound(host, runner, Clock()).zero_superblock("/dev/ubdb", uuid_on(host, "/dev/ubdb"))
    assert runner.argvs == [ZERO]
    bound(host, runner, Clock()).zero_superblock("/dev/ubdb", "1" * 32)
    assert runner.argvs == [ZERO]


def test_an_array_that_udev_assembled_again_is_stopped_again(folder: Path) -> None:
    host = recorded(folder, "syncing")
    host.answers["names /sys/class/block/ubdb/holders"] = ["md1"]
    attempts: List[int] = []

    def zero() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise CommandError(ZERO, "Couldn't open /dev/ubdb for write - not zeroing", 2)
        del host.answers["read /dev/ubdb 4096"]

    runner = Runner({"mdadm --zero-superblock": zero})
    bound(host, runner, Clock()).zero_superblock("/dev/ubdb", uuid_on(host, "/dev/ubdb"))
    assert [argv[:3] for argv in runner.argvs if argv[0] == "mdadm"] == [ZERO, ["mdadm", "--stop", "/dev/md1"], ZERO]


def test_an_array_of_another_name_is_never_stopped_for_it(folder: Path) -> None:
    host = recorded(folder, "stripe")
    uuid = uuid_on(host, "/dev/ubdb")
    host.answers["names /sys/class/block/ubdb/holders"] = ["md99"]

    def zero() -> None:
        raise CommandError(ZERO, "busy", 2)

    runner = Runner({"mdadm --zero-superblock": zero})
    with pytest.raises(CommandError):
        bound(host, runner, Clock()).zero_superblock("/dev/ubdb", uuid)
    assert not any("--stop" in argv for argv in runner.argvs)


def test_erasure_that_does_not_take_is_an_error(folder: Path) -> None:
    host = recorded(folder, "stripe")
    with pytest.raises(FleetlabError, match="still carries the superblock"):
        bound(host, Runner({}), Clock()).zero_superblock("/dev/ubdb", uuid_on(host, "/dev/ubdb"))


def test_old_content_that_udev_has_fallen_for_is_erased(folder: Path) -> None:
    host = recorded(folder, "stripe")
    for number in (1, 2):
        host.answers[f"device_number /dev/md{number}"] = [f"9:{number}", ""]
        host.answers[f"target /sys/dev/block/9:{number}"] = f"/sys/devices/virtual/block/md{number}"
    host.answers["names /sys/class/block/md2/holders"] = []
    runner = Runner({})
    bound(host, runner, Clock()).erase_stale_content(["/dev/md1", "/dev/md2"])
    words = [" ".join(argv) for argv in runner.argvs if argv[0] != "udevadm"]
    assert words == ["mdadm --stop /dev/md99", "wipefs --all /dev/md1 /dev/md2"]


def test_a_device_that_is_gone_is_named(folder: Path) -> None:
    with pytest.raises(FleetlabError, match="/dev/ubdz no longer exists"):
        bound(recorded(folder, "blank"), Runner({}), Clock()).zero_superblock("/dev/ubdz", "1" * 32)


def test_planning_again_is_for_the_named_arrays_and_carries_the_plan_out(folder: Path) -> None:
    wanted = Wanted((want("md1", state="absent"), want("md98", state="stopped"), want("md99", state="stopped")))
    runner = Runner({})
    MdOperations(recorded(folder, "stripe"), runner).all(wanted)["plan_again"](arrays=("md98", "md99"))
    assert [argv for argv in runner.argvs if argv[0] == "mdadm"] == [["mdadm", "--stop", "/dev/md99"]]


class Disks(RecordedHost):
    """Two members in files, and an array that udev may have begun to put together from the second."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            {
                f"device_number {folder}/a": ["8:0", ""],
                f"device_number {folder}/b": ["8:16", ""],
                "target /sys/dev/block/8:0": "/sys/devices/sda",
                "target /sys/dev/block/8:16": "/sys/devices/sdb",
            }
        )
        self.folder = folder

    def read(self, node: str, offset: int, length: int) -> Optional[bytes]:
        with open(node, "rb") as stream:
            stream.seek(offset)
            return stream.read(length)


@pytest.fixture
def members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disks:
    (tmp_path / "a").write_bytes(b"".join(bytes([number]) * 512 for number in range(16)))
    (tmp_path / "b").write_bytes(b"\xff" * 512 * 16)
    monkeypatch.setattr(apply, "STATE_FOLDER", str(tmp_path))
    return Disks(tmp_path)


def complete_b(host: Disks, runner: Runner, first: int, size: int, start: int, slot: int = 1) -> bytes:
    a, b = (str(host.folder / name) for name in "ab")
    bound(host, runner, Clock()).complete_member(b, "0" * 32, slot, [(first, size, [(a, start)])])
    return (host.folder / "b").read_bytes()[::512]


def test_blocks_that_differ_are_taken_from_another_member(members: Disks) -> None:
    runner = Runner({})
    assert complete_b(members, runner, 5, 2, 2) == bytes([255] * 5 + [2, 3] + [255] * 9)
    assert [argv[0] for argv in runner.argvs] == ["udevadm"] * 3


def test_of_several_the_first_that_differs_counts() -> None:
    old, new, other = b"o" * 512, b"n" * 512, b"x" * 512
    assert newer(old + old + old, [old + new + new, new + old + other]) == new + new + new


def test_a_killed_run_is_completed_with_what_it_had_found(members: Disks) -> None:
    complete_b(members, Runner({}), 5, 2, 2)
    # The run was killed while it wrote. By now it cannot be seen any more which of the blocks are new.
    (members.folder / "a").write_bytes(b"\x77" * 512 * 16)
    (members.folder / "b").write_bytes(b"\xff" * 512 * 16)
    redo = members.folder / ("fleetlab-md_array-" + "0" * 32 + ".redo")
    assert redo.stat().st_mode & 0o777 == 0o600
    members.answers[f"text {redo}"] = redo.read_text(encoding="utf-8")
    assert complete_b(members, Runner({}), 5, 2, 2) == bytes([255] * 5 + [2, 3] + [255] * 9)


def test_what_was_found_for_another_member_is_not_written_to_this_one(members: Disks) -> None:
    members.answers[f"text {members.folder / ('fleetlab-md_array-' + '0' * 32 + '.redo')}"] = '{"slot": 2, "blocks": [[9, "AAAA"]]}'
    assert complete_b(members, Runner({}), 5, 2, 2, slot=1) == bytes([255] * 5 + [2, 3] + [255] * 9)


def test_an_array_that_udev_begins_of_the_member_meanwhile_is_stopped(members: Disks) -> None:
    def appear() -> None:
        members.answers.update(
            {
                "names /sys/class/block/sdb/holders": ["md127"],
                "text /sys/block/md127/md/array_state": "inactive",
                "text /sys/block/md127/md/uuid": "00000000-0000-0000-0000-000000000000",
            }
        )

    def go() -> None:
        members.answers.pop("names /sys/class/block/sdb/holders")

    runner = Runner({"udevadm": appear, "mdadm --stop": go})
    complete_b(members, runner, 5, 2, 2)
    assert ["mdadm", "--stop", "/dev/md127"] in runner.argvs


def test_where_another_member_cannot_be_read_nothing_is_written(members: Disks) -> None:
    with pytest.raises(FleetlabError, match="4 sectors from 14 cannot be read; nothing was written"):
        complete_b(members, Runner({}), 5, 4, 14)
    assert set((members.folder / "b").read_bytes()) == {255}
    assert list(members.folder.glob("*.redo")) == []


REMOVE = ["mdadm", "--manage", "/dev/md1", "--remove", "ubdc"]


def removing(folder: Path, clock: Clock, succeeds_after: int, gone: bool = False) -> Runner:
    host = recorded(folder, "stripe")
    host.answers["device_number /dev/md1"] = ["9:1", ""]
    host.answers["target /sys/dev/block/9:1"] = "/sys/devices/virtual/block/md1"
    if gone:
        del host.answers["text /sys/block/md1/md/dev-ubdc/state"]
    attempts: List[int] = []

    def remove() -> None:
        attempts.append(1)
        if len(attempts) <= succeeds_after:
            raise CommandError(REMOVE, "hot remove failed for ubdc: Device or resource busy", 1)

    runner = Runner({"mdadm --manage": remove})
    bound(host, runner, clock).remove_member("/dev/md1", "ubdc")
    return runner


def test_a_member_is_removed_when_the_last_write_to_it_has_ended(folder: Path) -> None:
    clock = Clock()
    assert removing(folder, clock, 0).argvs == [REMOVE]
    assert clock.now == 0
    assert removing(folder, clock, 3).argvs == [REMOVE] * 4
    assert clock.now == 1.5


def test_a_member_that_somebody_else_has_removed_meanwhile_is_done(folder: Path) -> None:
    assert removing(folder, Clock(), 1, gone=True).argvs == [REMOVE]


def test_a_member_that_md_does_not_let_go_is_an_error(folder: Path) -> None:
    clock = Clock()
    with pytest.raises(CommandError, match="resource busy"):
        removing(folder, clock, 1000)
    assert 25 < clock.now < 35
