# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that measures: parsers on recorded text, runs with a fio of the test's own."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[4]
FOLDERS = sorted((ROOT / "tests" / "fixtures" / "fio").iterdir())


def load(name: str) -> ModuleType:
    """A program of the role, which is no part of any package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "roles" / "storage_benchmark" / "files" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


measure = load("measure")


class Machine:
    """Counters that grow by the same with each look. A file in a folder says to a fio of the test how many looks there were."""

    def __init__(self, folder: Path | None = None) -> None:
        self.looks = 0
        self.folder = folder

    def cpu(self) -> tuple[int, int]:
        self.looks += 1
        if self.folder:
            (self.folder / str(self.looks)).touch()
        return 10 * self.looks, 100 * self.looks

    def disk(self, name: str) -> tuple[int, int]:
        return self.looks * len(name) * 512, self.looks * 512

    def now(self) -> float:
        return 1000.0 + self.looks


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """The reports of one version of fio."""
    found: Path = request.param
    return found


def recorded(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def command(script: str, **changes: Any) -> dict[str, Any]:
    """A run whose fio is a line of shell."""
    return {"id": "7: md1 seq", "argv": ["sh", "-c", script], "disks": ["sda", "sdbc"], "warm_up": 0.1, "seconds": 1.0, **changes}


def after_look(number: int, script: str) -> str:
    """A script that goes on when the counters have been read so often, however slow this machine is."""
    return f"until [ -e {number} ]; do sleep 0.05; done; {script}"


def test_time_that_others_had_is_neither_work_nor_leisure() -> None:
    assert measure.parse_cpu("cpu  10 1 20 100 30 2 3 50 7 0\ncpu0 1 1 1 1\n") == (36, 166)
    assert measure.parse_cpu("cpu 10 0 5 85\n") == (15, 100)


def test_sectors_are_of_512_bytes() -> None:
    assert measure.parse_disk(" 10 0 8 1 20 0 16 2 0 3 3 0 0 0 0 0 0\n") == (4096, 8192)


@pytest.mark.parametrize("name", ["md99_rand.json", "scale_3_seq.json", "layout_o3_write.json"])
def test_what_fio_printed_is_reduced_to_its_figures(folder: Path, name: str) -> None:
    whole = json.loads(recorded(folder, name))
    figures = measure.reduce_fio("fio: a warning\n" + recorded(folder, name))
    direction = "write" if "write" in name else "read"
    idle = "read" if direction == "write" else "write"
    assert figures["version"] == f"fio-{folder.name}"
    assert figures[direction]["bytes_per_s"] == whole["jobs"][0][direction]["bw_bytes"] > 0
    assert figures[direction]["p50_ms"] <= figures[direction]["p99_ms"]
    assert figures[idle] == {"bytes_per_s": 0, "iops": 0, "mean_ms": 0, "p50_ms": 0, "p99_ms": 0}


@pytest.mark.parametrize("text", ["", "fio: no such file", "{}", '{"jobs": []}', "{", '{"jobs": [{}, {}], "fio version": "x"}'])
def test_what_is_no_report_is_an_error(text: str) -> None:
    with pytest.raises(measure.MeasureError, match="no usable report"):
        measure.reduce_fio(text)


def test_a_job_that_failed_is_an_error(folder: Path) -> None:
    report = json.loads(recorded(folder, "md99_rand.json"))
    report["jobs"][0]["error"] = 5
    with pytest.raises(measure.MeasureError, match="error 5"):
        measure.reduce_fio(json.dumps(report))


def test_counters_are_read_in_the_middle_of_a_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    machine, output = Machine(tmp_path), io.StringIO()
    measure.run_all([command(after_look(2, f"cat '{folder}/md99_rand.json'"))], machine, output)
    (line,) = [json.loads(text) for text in output.getvalue().splitlines()]
    assert (line["id"], line["cpu"], line["end"] - line["start"]) == ("7: md1 seq", [10, 100], 1.0)
    assert line["read"] == {"sda": 3 * 512, "sdbc": 4 * 512}
    assert line["written"] == {"sda": 512, "sdbc": 512}
    assert line["fio"]["read"]["iops"] > 0


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (command("echo gone >&2; exit 3"), "7: md1 seq: fio ended early with 3: gone"),
        (command(after_look(1, "exit 1"), seconds=60.0), "7: md1 seq: fio ended early with 1"),
        (command(after_look(2, "echo late >&2; exit 4")), "7: md1 seq: fio ended with 4: late"),
        (command(after_look(2, "echo nothing")), "7: md1 seq: fio printed no usable report"),
        (command("", argv=["/nowhere/fio"]), "7: md1 seq: /nowhere/fio: No such file"),
    ],
)
def test_a_run_without_figures_is_named_and_ends_the_others(
    run: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = io.StringIO()
    with pytest.raises(measure.MeasureError, match=words):
        measure.run_all([run, command("true")], Machine(tmp_path), output)
    assert output.getvalue() == ""


def test_a_fio_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "GRACE_SECONDS", 0.0)
    with pytest.raises(measure.MeasureError, match="did not end"):
        measure.run_one(command("exec sleep 60"), Machine())


def test_a_sample_is_one_line() -> None:
    output = io.StringIO()
    measure.sample(Machine(), output)
    assert output.getvalue() == "1001.000 10 100\n"


def test_a_failure_is_told_on_standard_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["measure.py", "run"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"runs": [command("exit 3", disks=[])]})))
    assert measure.main() == 1
    assert "md1 seq" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["measure.py"])
    assert measure.main() == 2
