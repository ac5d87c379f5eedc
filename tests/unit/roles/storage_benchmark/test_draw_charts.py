# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts: what is drawn of which results, and that the files are the same for the same figures."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[4]


def load() -> ModuleType:
    """The program, which is no part of any package."""
    spec = importlib.util.spec_from_file_location("draw_charts", ROOT / "roles" / "storage_benchmark" / "files" / "draw_charts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


charts = load()


def result(name: str, pattern: str, mean: float, **changes: Any) -> dict[str, Any]:
    """A result in the parts that are drawn."""
    base = {"name": name, "pattern": pattern, "mean": mean, "spread": 0.1, "ideal": 20.0, "volumes": 3, "rotational": False, "lost": 0}
    return {**base, **changes}


RESULTS = [
    *(result(f"scale_{count}", "seq", 4.9 * count, volumes=count, ideal=5.0 * count) for count in (15, 1, 3)),
    *(result(f"scale_{count}", "rand", 149.0 * count, volumes=count, ideal=150.0 * count) for count in (1, 3, 15)),
    *(
        result(f"layout_{layout}", pattern, 9.0, rotational=rotational, lost=lost)
        for layout in ("raid1", "n3", "f3", "o3")
        for pattern in ("seq", "seq4", "rand")
        for rotational in (False, True)
        for lost in (0, 1, 2)
    ),
]


def test_points_are_in_the_order_of_the_volumes() -> None:
    assert [point[:3] for point in charts.scaling_points(RESULTS, "seq")] == [
        (1, 4.9, 5.0),
        (3, pytest.approx(14.7), 15.0),
        (15, 73.5, 75.0),
    ]
    assert charts.scaling_points(RESULTS, "seq4") == []


def test_bars_are_those_of_one_state() -> None:
    assert set(charts.layout_values(RESULTS, "seq", rotational=True, lost=1)) == {"layout_raid1", "layout_n3", "layout_f3", "layout_o3"}
    assert charts.layout_values([result("layout_n3", "seq", 9.0)], "seq", rotational=True) == {}
    assert charts.layout_values([result("layout_n3", "seq", 10.0)], "seq", rotational=False) == {"layout_n3": (10.0, 0.5)}


def draw(tmp_path: Path, results: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> int:
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "report.json").write_text(json.dumps({"results": results}), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["draw_charts.py", str(tmp_path / "report.json"), str(tmp_path)])
    status: int = charts.main()
    return status


def test_the_same_figures_give_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert draw(tmp_path / "a", RESULTS, monkeypatch) == 0
    assert draw(tmp_path / "b", RESULTS, monkeypatch) == 0
    assert capsys.readouterr().out.split() == ["scaling.svg", "layouts.svg"] * 2
    for name in ("scaling.svg", "layouts.svg"):
        text = (tmp_path / "a" / name).read_text(encoding="utf-8")
        assert text == (tmp_path / "b" / name).read_text(encoding="utf-8")
        assert "SPDX-License-Identifier" in text
        words = " ".join(ElementTree.fromstring(text).itertext())
        assert "MB/s" in words
        assert "IOPS" in words


def test_what_was_not_measured_is_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert draw(tmp_path, [result("md1", "seq", 15.0)], monkeypatch) == 0
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(sys, "argv", ["draw_charts.py"])
    assert charts.main() == 2
