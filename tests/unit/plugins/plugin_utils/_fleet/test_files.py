# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report: written where they differ, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import InputError, ObservationError, StepError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import WriteFile, apply
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.plugin_utils._fleet.files import (
    MAKE_FOLDER,
    Found,
    diffs,
    make_folder,
    observe,
    parse_mode,
    plan,
)

CONTENTS = st.dictionaries(st.sampled_from(["/r/a", "/r/b", "/c"]), st.text(max_size=20))


@given(CONTENTS, CONTENTS, st.sampled_from([0o644, 0o600]))
def test_planning_again_gives_an_empty_plan(old: dict[str, str], wanted: dict[str, str], mode: int) -> None:
    found = {path: Found(old[path], 0o644) if path in old else Found() for path in wanted}
    made = plan(found, wanted, mode, "/r", False)
    after = dict(found)
    for step in made.steps[1:]:
        assert isinstance(step, WriteFile)
        after[step.path] = Found(step.content, step.mode)
    assert not plan(after, wanted, mode, "/r", True).changed
    assert [entry["before_header"] for entry in diffs(made)] == [step.path for step in made.steps if isinstance(step, WriteFile)]


def test_files_are_written_with_their_folder_and_found_again(tmp_path: Path) -> None:
    folder, path = tmp_path / "a" / "b", str(tmp_path / "a" / "b" / "memory.csv")
    wanted = {path: "a,b\r\nü\n"}
    made = plan(observe([path]), wanted, 0o640, str(folder), False)
    apply(made, SystemRunner(), {MAKE_FOLDER: make_folder})
    assert observe([path]) == {path: Found(wanted[path], 0o640)}
    assert not plan(observe([path]), wanted, 0o640, str(folder), True).changed


def test_only_the_mode_differs() -> None:
    made = plan({"/a": Found("x", 0o600)}, {"/a": "x"}, 0o644, None, False)
    assert diffs(made) == [{"before_header": "/a", "after_header": "/a", "before": "mode 0600\nx", "after": "mode 0644\nx"}]


def test_a_diff_of_a_long_file_is_short_and_still_tells_that_it_differs() -> None:
    made = plan({"/a": Found("x" * 200_000, 0o644)}, {"/a": "y" * 200_000}, 0o644, None, False)
    [entry] = diffs(made)
    assert entry["before"] != entry["after"]
    assert len(entry["before"]) < 200


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=f"{tmp_path}: exists and is not a file"):
        observe([str(tmp_path)])
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ObservationError, match="file/x: cannot be read"):
        observe([str(tmp_path / "file" / "x")])


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "none" / "fleet.prom")
    with pytest.raises(StepError, match=r"write-file .*none/fleet\.prom"):
        apply(plan(observe([path]), {path: "x"}, 0o644, None, False), SystemRunner())


@pytest.mark.parametrize("text", ["", "rw", "0888", "1777", "-1", "0044"])
def test_permissions_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="mode: "):
        parse_mode(text)
    assert parse_mode("0644") == parse_mode("644") == parse_mode(0o644) == 0o644
