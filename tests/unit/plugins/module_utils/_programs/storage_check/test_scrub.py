# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""storage-scrub on a tree in which a kernel of dictionaries moves the check on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check import scrub
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.storage_check.tree import Tree
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._programs.storage_check.trees import put

TOTAL = 1000


class Kernel:
    """md: each wait moves a running check on by a tenth, from sync_min."""

    def __init__(self, tree: Tree, window: scrub.Window, pauses: int = 10**6) -> None:
        self.tree, self.window, self.pauses = tree, window, pauses
        self.checked: dict[str, list[int]] = {}
        self.speeds: set[tuple[str, str]] = set()

    def add(self, name: str, **files: str) -> None:
        defaults = {"array_state": "clean", "level": "raid10", "degraded": "0", "sync_action": "idle", "sync_completed": "none"}
        more = {"uuid": name[2:].zfill(32), "mismatch_cnt": "0", "sync_min": "0", "sync_speed_max": "system", "sync_speed_min": "system"}
        for file, value in {**defaults, **more, **files}.items():
            put(self.tree, f"/sys/block/{name}/md/{file}", value)

    def value(self, name: str, file: str) -> str:
        return self.tree.text(f"/sys/block/{name}/md/{file}") or ""

    def wait(self, _seconds: float) -> None:
        self.pauses -= 1
        if self.pauses < 0:
            self.window.close()
        for name in self.tree.names("/sys/block"):
            if self.value(name, "sync_action") == "check":
                self._move(name)

    def _move(self, name: str) -> None:
        folder = f"/sys/block/{name}/md"
        self.speeds.add((self.value(name, "sync_speed_min"), self.value(name, "sync_speed_max")))
        completed = self.value(name, "sync_completed")
        done = int(completed.partition(" / ")[0]) if "/" in completed else int(self.value(name, "sync_min"))
        self.checked.setdefault(name, []).append(done)
        ended = done + 100 >= TOTAL
        put(self.tree, f"{folder}/sync_completed", "none" if ended else f"{done + 100} / {TOTAL}")
        if ended:
            put(self.tree, f"{folder}/sync_action", "idle")
            put(self.tree, f"{folder}/sync_min", "0")


def run(kernel: Kernel, *names: str) -> int:
    return scrub.scrub(kernel.tree, kernel.window, 5000, list(names), kernel.wait)


@pytest.fixture
def kernel(tree: Tree) -> Kernel:
    return Kernel(tree, scrub.Window(3600))


def test_all_arrays_are_compared_one_after_the_other_below_the_speed(kernel: Kernel) -> None:
    kernel.add("md1")
    kernel.add("md2")
    kernel.add("md99", level="raid0")
    kernel.add("md3", degraded="1")
    kernel.add("md4", sync_action="recover")
    assert run(kernel) == 0
    assert kernel.checked == {name: list(range(0, TOTAL, 100)) for name in ("md1", "md2")}
    # md goes at least as fast as its other limit.
    assert kernel.speeds == {("1000", "5000")}
    for name in ("md1", "md2"):
        assert [kernel.value(name, file) for file in ("sync_min", "sync_speed_max", "sync_speed_min")] == ["0", "system", "system"]
        assert kernel.tree.load(scrub.POSITIONS)[name[2:].zfill(32)]["finished"] > 0


def test_the_next_window_goes_on_where_the_last_one_ended(kernel: Kernel) -> None:
    kernel.add("md1")
    kernel.add("md2")
    kernel.pauses = 14
    assert run(kernel) == 0
    assert kernel.value("md2", "sync_action") == "idle"
    reached = kernel.checked.pop("md2")[-1]
    kernel.checked.clear()
    again = Kernel(kernel.tree, scrub.Window(3600))
    assert run(again) == 0
    assert next(iter(again.checked)) == "md2"
    assert reached <= again.checked["md2"][0] <= reached + 100
    assert again.checked["md1"][0] == 0


def test_a_closed_window_begins_nothing(kernel: Kernel) -> None:
    kernel.add("md1")
    kernel.window.close()
    assert run(kernel) == 0
    assert kernel.checked == {}


def test_differing_copies_are_said_and_fail(kernel: Kernel, capsys: pytest.CaptureFixture[str]) -> None:
    kernel.add("md1", mismatch_cnt="256")
    kernel.add("md2", mismatch_cnt="8")
    assert run(kernel, "md1") == 1
    assert capsys.readouterr().out == "WARNING: md1: 256 sectors differ between copies\n"
    assert list(kernel.checked) == ["md1"]


def test_an_array_that_is_stopped_during_its_check_ends_it(kernel: Kernel) -> None:
    kernel.add("md1")

    def stop(_seconds: float) -> None:
        for file in Path(f"{kernel.tree.root}/sys/block/md1/md").iterdir():
            file.unlink()

    assert scrub.scrub(kernel.tree, kernel.window, 5000, [], stop) == 0
    assert kernel.tree.load(scrub.POSITIONS) == {}


def test_a_check_that_somebody_else_ended_is_not_finished(kernel: Kernel) -> None:
    kernel.add("md1")

    def end(seconds: float) -> None:
        kernel.wait(seconds)
        put(kernel.tree, "/sys/block/md1/md/sync_action", "idle")
        put(kernel.tree, "/sys/block/md1/md/sync_min", "100")

    assert scrub.scrub(kernel.tree, kernel.window, 5000, [], end) == 0
    assert list(kernel.tree.load(scrub.POSITIONS).values()) == [{"position": 100}]


@pytest.mark.parametrize("words", [[], ["5"], ["0", "100"], ["x", "100"], ["5", "-1"]])
def test_wrong_usage(words: list[str]) -> None:
    assert scrub.main(words) == 2
