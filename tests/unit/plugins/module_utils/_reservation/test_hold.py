# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host writes: whatever hosts do, and in whatever order, no two keys may write to a disk that is held."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.hold_disk import main as main_module
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.hold_disk.hold import hold, read_status, release, take_over
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.hold_disk.main import (
    disk_of,
    main,
    names,
    outcome,
    read_configuration,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.hold_disk.scsi import (
    WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
    Disk,
    Failed,
    Registration,
    parse_full_status,
    sense_key,
)
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._reservation.played_disk import Port, Target

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures" / "scsi"
A, B = 0xA, 0xB
UUID = "9a13cdde:d60e77ad:e843d30f:7a138702"


def test_the_second_host_reads_and_cannot_write() -> None:
    target = Target()
    one, two = Port(target, "a 1"), Port(target, "b 1")
    assert hold(one, A)
    assert not hold(two, B)
    assert (one.may_write(), two.may_write()) == (True, False)
    assert two.sent == []
    assert read_status(one).held(A)
    assert not read_status(two).held(B)
    sent = list(one.sent)
    assert hold(one, A)
    assert one.sent == sent


@pytest.mark.parametrize("moment", ["register", "reserve"])
def test_of_two_hosts_at_the_same_moment_one_wins(moment: str) -> None:
    target = Target()
    other = Port(target, "b 1")

    def faster(action: str) -> None:
        if action == moment:
            assert hold(other, B)

    one = Port(target, "a 1", faster)
    assert not hold(one, A)
    assert target.keys == {"b 1": B}


def test_a_new_login_of_the_same_host_writes_again() -> None:
    target = Target()
    assert hold(Port(target, "a 1"), A)
    again = Port(target, "a 2")
    assert not again.may_write()
    assert hold(again, A)
    assert read_status(again).held(A)
    assert again.sent == ["register"]


def test_a_lost_host_is_taken_over_and_never_writes_again() -> None:
    target = Target()
    lost, new = Port(target, "a 1"), Port(target, "b 1")
    hold(lost, A)
    hold(Port(target, "a 2"), A)
    take_over(new, B)
    assert (lost.may_write(), new.may_write()) == (False, True)
    assert not hold(lost, A)
    assert target.keys == {"b 1": B}


def test_a_host_that_gets_another_key_keeps_its_disk() -> None:
    target = Target()
    port = Port(target, "a 1")
    hold(port, A)
    take_over(port, B)
    assert read_status(port).held(B)
    assert target.keys == {"a 1": B}


def test_a_released_disk_is_free_and_that_of_another_stays() -> None:
    target = Target()
    one, two = Port(target, "a 1"), Port(target, "b 1")
    hold(one, A)
    hold(Port(target, "a 2"), A)
    target.keys["b 1"] = B
    release(two, B)
    assert read_status(one).held(A)
    release(one, A)
    assert (target.keys, target.holder) == ({}, None)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 2), st.sampled_from(["hold", "take", "release", "restart"])), max_size=12))
def test_no_two_keys_may_write_to_a_held_disk(steps: List[Tuple[str, int, str]]) -> None:
    target = Target()
    keys = {"a": A, "b": B}
    for host, login, action in steps:
        port = Port(target, f"{host} {login}")
        if action == "hold":
            hold(port, keys[host])
        elif action == "take":
            take_over(port, keys[host])
            assert read_status(port).held(keys[host])
        elif action == "release":
            release(port, keys[host])
        else:
            target.restart()
        assert len(set(target.keys.values())) <= 1 or target.holder is None


def test_udev_is_told_whether_a_disk_may_be_used() -> None:
    target = Target()
    member = {"ID_FS_TYPE": "linux_raid_member", "ID_FS_UUID": "9a13cdde-d60e-77ad-e843-d30f7a138702"}
    named = f"ARRAY /dev/md1 metadata=1.2\n  UUID={UUID}\n".replace("\n  ", " ")
    assert outcome(Port(target, "a 1"), A, {}, "") == "held"
    assert outcome(Port(target, "a 1"), A, member, named) == "held"
    assert outcome(Port(target, "a 1"), A, member, "# ARRAY UUID=" + UUID) == "unnamed"
    assert outcome(Port(target, "b 1"), B, member, named) == "taken"


class Old(Port):
    """A disk that knows no persistent reservations."""

    def may_write(self) -> bool:
        raise Failed("/dev/sda does not support persistent reservations")


def test_a_disk_without_reservations_is_not_hidden() -> None:
    assert outcome(Old(Target(), "a 1"), A, {}, "") == "failed"
    member = {"ID_FS_TYPE": "linux_raid_member", "ID_FS_UUID": UUID}
    assert outcome(Old(Target(), "a 1"), A, member, f"ARRAY /dev/md1 UUID={UUID}") == "failed"


def test_an_unnamed_member_is_hidden_also_where_the_disk_cannot_be_held() -> None:
    member = {"ID_FS_TYPE": "linux_raid_member", "ID_FS_UUID": UUID}
    assert outcome(Old(Target(), "a 1"), A, member, "") == "unnamed"


@pytest.mark.parametrize(("kind", "metadata"), [("ddf_raid_member", "ddf"), ("isw_raid_member", "imsm")])
def test_disks_of_a_container_are_hidden_unless_the_configuration_has_one(kind: str, metadata: str) -> None:
    event = {"ID_FS_TYPE": kind, "ID_FS_UUID": "4c534920202020208086c8290000000044e9ffc0d5d3a6b2"}
    port = Port(Target(), "a 1")
    assert outcome(port, A, event, f"ARRAY /dev/md1 metadata=1.2 UUID={UUID}") == "unnamed"
    assert outcome(port, A, event, f"# ARRAY metadata={metadata}") == "unnamed"
    assert outcome(port, A, event, f"ARRAY metadata={metadata} UUID={UUID}") == "held"


def test_the_reservation_of_a_partition_is_that_of_its_disk() -> None:
    path = "/devices/platform/host2/session1/target2:0:0/2:0:0:0/block/sdb"
    assert disk_of("/dev/sdb1", {"DEVTYPE": "partition", "DEVPATH": f"{path}/sdb1"}) == "/dev/sdb"
    assert disk_of("/dev/sdb", {"DEVTYPE": "disk", "DEVPATH": path}) == "/dev/sdb"
    assert disk_of("/dev/sdb", {}) == "/dev/sdb"


def test_names() -> None:
    assert names(f"ARRAY <ignore> uuid={UUID}", UUID.upper())
    assert not names("ARRAY /dev/md1 name=x", "")
    assert not names("ARRAY /dev/md1 UUID=", "")
    assert names(f"arr /dev/md1 UUID={UUID} # of the client", UUID)
    assert not names(f"ARRAY /dev/md1 # UUID={UUID}", UUID)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("ARRAY /dev/md1 name=client1:data", True),
        ("ARRAY /dev/md1 name='data'", True),
        ("ARRAY /dev/md1 name=other", False),
        # With a UUID the name says nothing.
        ("ARRAY /dev/md1 name=client1:data UUID=00000000:00000000:00000000:00000001", False),
    ],
)
def test_a_line_without_a_uuid_names_an_array_by_its_name(line: str, named: bool) -> None:
    assert names(line, UUID, "client1:data") == named


def test_the_configuration_is_that_of_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mdadm.conf").write_text("# mine\nARRAY /dev/md1 metadata=1.2\n\tUUID=1:2:3:4\n", encoding="utf-8")
    (tmp_path / "mdadm.conf.d").mkdir()
    (tmp_path / "mdadm.conf.d/more.conf").write_text("ARRAY /dev/md2 UUID=5:6:7:8\n", encoding="utf-8")
    (tmp_path / "mdadm.conf.d/more.conf.old").write_text("ARRAY /dev/md3 UUID=9:9:9:9\n", encoding="utf-8")
    monkeypatch.setattr(main_module, "CONFIGURATIONS", (str(tmp_path / "mdadm.conf"), str(tmp_path / "missing.conf")))
    assert [names(read_configuration(), uuid) for uuid in ("1:2:3:4", "5:6:7:8", "9:9:9:9")] == [True, True, False]


class Answers(Disk):
    """A disk whose commands end with the given status and sense key, one after the other."""

    def __init__(self, node: str, *ends: Tuple[int, int]) -> None:
        super().__init__(node)
        self.ends = list(ends)

    def _send_once(self, descriptor: int, command: bytes, direction: int, data: bytes) -> Tuple[int, int, bytes]:
        return (*self.ends.pop(0), b"")


def test_a_command_is_repeated_after_a_unit_attention_and_after_nothing_else(tmp_path: Path) -> None:
    node = str(tmp_path / "sda")
    Path(node).touch()
    assert Answers(node, (2, 6), (2, 6), (0, 0)).may_write()
    assert not Answers(node, (2, 6), (0x18, 0)).may_write()
    for ends in ([(2, 5)], [(2, 6)] * 5):
        with pytest.raises(Failed, match="does not support persistent reservations") as caught:
            Answers(node, *ends).may_write()
        assert not caught.value.is_away


def test_a_disk_that_does_not_answer_is_away_and_not_without_reservations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_descriptor: int, _number: int, request: Any) -> None:
        request.status, request.host_status = 0, 14

    monkeypatch.setattr(fcntl, "ioctl", answer)
    (tmp_path / "sda").touch()
    for node, said in (("sda", "host status 14"), ("gone", "cannot be opened")):
        with pytest.raises(Failed, match=said) as caught:
            Disk(str(tmp_path / node)).may_write()
        assert caught.value.is_away


def test_wrong_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nokey", "/dev/sda"]) == 2
    assert "usage: hold-disk" in capsys.readouterr().err


def test_the_recorded_answer_of_lio() -> None:
    files = sorted(FIXTURES.glob("*/read_full_status.hex"))
    assert files
    for file in files:
        answer = bytes.fromhex(file.read_text(encoding="ascii"))
        assert parse_full_status(answer) == [
            Registration(0xFEE56E6A8B895E5D, "iqn.2026-01.com.example.storage:client1", WRITE_EXCLUSIVE_REGISTRANTS_ONLY)
        ]
        # An answer that was cut, or has no registration, is no error.
        assert [parse_full_status(answer[:length]) for length in (0, 8, 31)] == [[], [], []]


def test_sense_keys_of_both_formats() -> None:
    assert sense_key(bytes([0x70, 0, 6, 0])) == 6
    assert sense_key(bytes([0x72, 5, 0, 0])) == 5
