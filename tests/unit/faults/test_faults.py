# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of faults have to be able to fail: what they add up, and what they take for lost."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
try:
    agent, oracle, scene, table, traffic = (
        importlib.import_module(f"tests.faults.{name}") for name in ("guest.agent", "oracle", "scene", "table", "traffic")
    )
finally:
    del sys.path[0]

START = {"op": "start", "first": 1000}


def account(*entries: dict[str, Any]) -> Any:
    return traffic.account([json.dumps(entry) for entry in entries])


def write(number: int, slot: int, ms: float = 1.0) -> dict[str, Any]:
    return {"op": "write", "t": 0.0, "ms": ms, "slot": slot, "number": number}


def test_the_longest_operation_is_the_stall_and_a_pass_of_fio_is_not() -> None:
    seen = account(START, write(0, 0, 12_500), {"op": "read", "ms": 700}, {"op": "fio", "ms": 90_000}, {"op": "end"})
    assert seen.longest == 12.5
    assert (seen.passes, seen.ended, seen.errors) == (1, True, ())


def test_only_what_was_acknowledged_is_expected_to_be_there() -> None:
    seen = account(START, write(0, 0), write(1, 1), write(256, 0), {"op": "write", "ms": 1, "error": "Input/output error"})
    assert seen.acknowledged == {0: 1256, 1: 1001}
    assert seen.errors == ("write: Input/output error",)
    assert not seen.ended


def test_a_line_that_a_power_cut_left_unfinished_is_passed_over() -> None:
    assert traffic.account([json.dumps(START), json.dumps(write(3, 3)), '{"op": "write", "t": 12']).acknowledged == {3: 1003}


def test_a_slot_tells_which_write_filled_it_and_whether_all_of_it_did() -> None:
    old, new = agent.pack(7, 1), agent.pack(7, 2)
    assert agent.unpack(7, new) == 2
    assert agent.unpack(8, new) == -1
    assert agent.unpack(7, new[:2048] + old[2048:]) == -1
    assert agent.unpack(7, bytes([new[0] ^ 1]) + new[1:]) == -1


def test_older_content_and_broken_slots_are_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle.traffic, "slots", lambda lab: [1005, 1001, -1, 0])
    assert oracle.lost_writes(None, {0: 1004, 1: 1001}) == ["slot 2 is broken"]
    assert oracle.lost_writes(None, {0: 1006, 3: 1}) == [
        "slot 0 holds 1005, acknowledged was 1006",
        "slot 3 holds 0, acknowledged was 1",
        "slot 2 is broken",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "EXT4-fs error (device md99): ext4_journal_check_start:83",
        "INFO: task jbd2/md99-8 blocked for more than 120 seconds.",
        "Buffer I/O error on dev md99, logical block 0, lost sync page write",
        "Call Trace:",
    ],
)
def test_kernels_that_complain_after_the_mark_are_heard(line: str) -> None:
    def lab(log: str) -> Any:
        return SimpleNamespace(guests=["client1"], run=lambda guest, command: log)

    assert oracle.complaints(lab(f"boot\nmark\n{line}\n"), "mark") == [f"client1: {line}"]
    assert oracle.complaints(lab(f"{line}\nmark\nsd 0:0:0:0: [sda] Synchronizing SCSI cache failed\n"), "mark") == []


def test_a_run_that_changed_something_names_its_task() -> None:
    output = "TASK [role : One] ***\nok: [a]\n\nTASK [role : Two] ***\nok: [a]\nchanged: [b]\n"
    run = SimpleNamespace(exit_code=0, changed=1, output=output, end=output)
    with pytest.raises(AssertionError, match="role : Two"):
        oracle.changes_nothing(run)


def test_rows_are_kept_as_they_come_and_ordered_by_number(tmp_path: Path) -> None:
    rows = table.Table(tmp_path)
    rows.add(table.Row("10", "late", "no error", 1.25, 60.4, 0, "equal", goal=20.0))
    rows.add(table.Row("2b", "middle", "", result="FAILED: lost"))
    rows.add(table.Row("2", "early", ""))
    text = (tmp_path / "faults.md").read_text()
    assert [line.split("|")[1].strip() for line in text.splitlines()[2:]] == ["2", "2b", "10"]
    assert "| 1.2 s (20 s) " in text
    assert len({len(line) for line in text.splitlines()}) == 1
    results = json.loads((tmp_path / "faults.json").read_text())["results"]
    assert [row["result"] for row in results] == ["ok", "FAILED: lost", "ok"]


class Faults:
    """A scene of two faults without a lab, with what the client saw of each."""

    def __init__(self, folder: Path, first: Any, second: Any) -> None:
        self.table = table.Table(folder)
        self.scene = scene.Scene(None, self.table, None, "1", "one", stall=20.0, errors=False, quiet=True)
        self.scene.then("2", "two", quiet=True)
        assert len(self.scene._stages) == 2
        for stage, seen in zip(self.scene._stages, (first, second)):
            stage.accounts.append(seen)

    def results(self) -> list[str]:
        return [row.result for row in self.table.rows]


def test_only_a_fault_with_a_goal_is_held_against_it(tmp_path: Path) -> None:
    slow = account(START, write(0, 0, 21_000), {"op": "end"})
    faults = Faults(tmp_path, slow, slow)
    with pytest.raises(AssertionError, match=r"row 1: FAILED: a read or write took 21\.0 s"):
        faults.scene._hold_against_goals()
    assert [bool(stage.problem) for stage in faults.scene._stages] == [True, False]


def test_an_error_that_the_client_saw_fails_its_fault(tmp_path: Path) -> None:
    quick, failed = account(START, write(0, 0), {"op": "end"}), account(START, {"op": "read", "ms": 1, "error": "gone"}, {"op": "end"})
    with pytest.raises(AssertionError, match="row 2: FAILED: the client saw 1 errors"):
        Faults(tmp_path, quick, failed).scene._hold_against_goals()


@pytest.mark.parametrize(("renewed", "sums", "said"), [(False, {"a": "1"}, "equal"), (True, {"a": "2"}, "new data")])
def test_the_table_tells_data_that_outlived_the_fault_from_data_written_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renewed: bool, sums: dict[str, str], said: str
) -> None:
    for module, name, result in (
        (scene.traffic, "seed", {"a": "2"}),
        (scene.traffic, "checksums", sums),
        (scene.oracle, "mismatches", {"md1": 0}),
        (scene.oracle, "lost_writes", []),
        (scene.oracle, "complaints", []),
    ):
        monkeypatch.setattr(module, name, lambda *arguments, result=result: result)
    rows = table.Table(tmp_path)
    one = scene.Scene(None, rows, scene.Data({"a": "1"}), "11", "one", stall=None, errors=False, quiet=True)
    one._settled, one._outcome = True, table.Row("11", "one", "", heal=1.0)
    if renewed:
        one.new_data()
    one.__exit__(None, None, None)
    assert [(row.checksum, row.result) for row in rows.rows] == [(said, "ok")]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(False, ["not judged: row 2 failed", "FAILED: no answer"]), (True, ["FAILED: no answer", "FAILED: no answer"])],
)
def test_what_fails_the_oracle_fails_all_faults_that_share_it(tmp_path: Path, asked: bool, expected: list[str]) -> None:
    quick = account(START, write(0, 0), {"op": "end"})
    faults = Faults(tmp_path, quick, quick)
    faults.scene._asked = asked
    faults.scene.__exit__(AssertionError, AssertionError("no answer\nand more"), None)
    assert faults.results() == expected
