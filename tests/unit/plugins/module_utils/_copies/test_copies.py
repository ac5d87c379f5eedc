# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layouts, comparisons, verdicts and options of copy_check."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._copies.checks import check_folder, check_way, judge, worst
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.compare import find_difference
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.layouts import (
    BATCH,
    LAYOUTS,
    Recipe,
    expected,
    make_blocks,
    make_recipe,
    why_unproved,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.memory import is_affected, read_reports
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.observe import files
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.observe import observe as room
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.options import SPEC, fill, make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.show import returned
from ansible_collections.fleetlab.linux.plugins.module_utils._copies.state import (
    DELAYED,
    Copied,
    Difference,
    Extent,
    Finding,
    Guarded,
    Map,
    Program,
)
from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, InputError, ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures" / "valgrind"
BLOCK = 4096
CONTENTS = {
    layout: expected(recipe, make_blocks(recipe, b"seed")) for layout in LAYOUTS for recipe in [make_recipe(layout, BLOCK, 8 << 20)]
}


def extents_of(recipe: Recipe) -> tuple[Extent, ...]:
    """The extents of a file that was made in one place of the disk, and then punched and collapsed."""
    found: list[Extent] = []
    for place, number in enumerate(recipe.cells()):
        if number is None:
            continue
        logical, physical = place * BLOCK, number * BLOCK
        if found and found[-1].end == logical and found[-1].physical + found[-1].length == physical:
            found[-1] = replace(found[-1], length=found[-1].length + BLOCK)
        else:
            found.append(Extent(logical, physical, BLOCK))
    return tuple(found)


@pytest.mark.parametrize("layout", ["adjacent", "adjacent_odd"])
def test_the_files_for_the_bug_are_proved(layout: str) -> None:
    recipe = make_recipe(layout, BLOCK, 32 << 20)
    extents = extents_of(recipe)
    assert len(extents) >= 300
    assert why_unproved(recipe, Map(extents, None)) == ""
    merged = tuple(Extent(start, start, end - start) for start, end in recipe.data())
    assert "no extent among the first 72" in why_unproved(recipe, Map(merged, None))
    assert why_unproved(recipe, Map(extents[:BATCH], None)) == "the file has 72 extents, 73 are needed"
    assert why_unproved(recipe, Map(None, None)) == "no FIEMAP"


def test_only_one_of_the_two_ends_a_batch_inside_a_pair() -> None:
    even, odd = (extents_of(make_recipe(layout, BLOCK, 32 << 20)) for layout in ("adjacent", "adjacent_odd"))
    assert not even[BATCH - 1].is_continued_elsewhere(even[BATCH])
    assert odd[BATCH - 1].is_continued_elsewhere(odd[BATCH])
    assert "does not continue" in why_unproved(make_recipe("adjacent_odd", BLOCK, 32 << 20), Map(even, None))


def test_holes_and_unwritten_data_are_proved() -> None:
    holes, written = make_recipe("holes", BLOCK, 32 << 20), make_recipe("just_written", BLOCK, 32 << 20)
    assert why_unproved(holes, Map((), holes.data())) == ""
    assert why_unproved(holes, Map((), ((0, holes.count * BLOCK),))) == "the holes of the file are not where they were made"
    assert why_unproved(holes, Map((), None)) == "no SEEK_DATA"
    assert why_unproved(written, Map((Extent(0, 0, BLOCK, DELAYED),), None)) == ""
    assert "had been written to the disk" in why_unproved(written, Map((Extent(0, 0, BLOCK),), None))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_has_holes_only_where_it_is_meant_to(layout: str) -> None:
    recipe, content = make_recipe(layout, BLOCK, 8 << 20), CONTENTS[layout]
    data = b"".join(content[start:end] for start, end in recipe.data())
    assert 0 not in data
    assert len(data) + content.count(0) == len(content)
    assert recipe.files * len(content) * 2 <= 8 << 20
    assert len({data[start : start + BLOCK] for start in range(0, len(data), BLOCK)}) == len(data) // BLOCK


@given(st.data(), st.sampled_from(LAYOUTS))
@settings(max_examples=200, deadline=None)
def test_every_damage_is_found(data: st.DataObject, layout: str) -> None:
    content = CONTENTS[layout]
    start, end = data.draw(st.sampled_from(make_recipe(layout, BLOCK, 8 << 20).data()))
    first = data.draw(st.integers(start, end - 1))
    length = data.draw(st.integers(1, end - first))
    kind = data.draw(st.sampled_from(["zeros", "garbage", "missing", "surplus"]))
    if kind == "missing":
        copy, damage = content[:first], (first, len(content) - first)
    elif kind == "surplus":
        copy, damage = content + bytes(length), (len(content), length)
    else:
        wrong = bytes(length) if kind == "zeros" else bytes(byte ^ 0xFF or 1 for byte in content[first : first + length])
        copy, damage = content[:first] + wrong + content[first + length :], (first, length)
    found = find_difference(content, copy)
    assert found is not None
    assert (found.offset, found.what, found.total) == (damage[0], kind, damage[1] if kind != "garbage" else found.total)
    assert find_difference(content, content) is None


def test_a_hole_with_data_is_garbage() -> None:
    assert find_difference(bytes(9000), bytes(5000) + b"x" + bytes(3999)) == Difference(5000, 1, "garbage", 1)


def test_two_damaged_ranges_are_two() -> None:
    content = CONTENTS["holes"][:BLOCK]
    copy = bytes(10) + content[10:100] + bytes(20) + content[120:]
    assert find_difference(content, copy) == Difference(0, 10, "zeros", 30)


def finding(**changes: Any) -> Finding:
    """A finding of three equal copies."""
    usual = Finding(("cp", "{source}", "{target}"), "adjacent", "", (Copied("", None),) * 3, path="/srv", filesystem="ext4")
    return replace(usual, **{"program": Program("cp (GNU coreutils) 9.1"), **changes})


DAMAGE = Difference(4096, 4096, "zeros", 4096)


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, "not_seen", "3 copies are equal"),
        ({"copies": (Copied("", None), Copied("", DAMAGE))}, "corrupts", "1 of 2 copies differ"),
        ({"copies": (Copied("", DAMAGE),), "unproved": "no FIEMAP"}, "corrupts", "1 of 1 copies differ"),
        ({"copies": (Copied("exit code 1: No space left", DAMAGE),)}, "inconclusive", "1 of 1 calls failed: exit code 1: No space left"),
        ({"unproved": "no FIEMAP"}, "inconclusive", "no FIEMAP"),
        ({"guarded": Guarded("valgrind", ("InvalidRead",), True)}, "reads_freed_memory", "under valgrind"),
        ({"guarded": Guarded("valgrind", ("InvalidWrite",), False)}, "inconclusive", "valgrind reports InvalidWrite"),
        ({"program": Program("cp (GNU coreutils) 8.13")}, "inconclusive", "equal copies do not disprove"),
        ({"program": Program("cp (GNU coreutils) 8.13"), "guarded": Guarded("valgrind", (), False)}, "not_seen", "3 copies"),
    ],
)
def test_the_verdict(changes: dict[str, Any], verdict: str, reason: str) -> None:
    found = judge(finding(**changes))
    assert found[0] == verdict
    assert reason in found[1]


def test_no_verdict_says_that_a_copier_is_right() -> None:
    result = returned([finding(), finding(copies=(Copied("", DAMAGE),))])
    assert result["verdict"] == "corrupts"
    (problem,) = result["problems"]
    assert problem.startswith("cp '{source}' '{target}' on /srv (ext4), layout adjacent: 1 of 1 copies differ, and the copier reported no")
    assert problem.endswith("; the first difference is 4096 bytes of zeros at 4096")
    assert worst(["not_seen", "inconclusive"]) == "inconclusive"


@pytest.mark.parametrize(
    ("version", "patches", "affected"),
    [
        ("cp (GNU coreutils) 8.10", "", False),
        ("cp (GNU coreutils) 8.11", "", True),
        ("mv (GNU coreutils) 8.19", "", True),
        ("cp (GNU coreutils) 8.13", "fiemap.patch", "patched"),
        ("cp (GNU coreutils) 8.20", "", False),
        ("install (GNU coreutils) 9.1", "", False),
        ("rsync  version 3.2.7  protocol version 31", "", None),
        ("", "", None),
    ],
)
def test_the_versions_with_the_bug(version: str, patches: str, affected: Optional[Any]) -> None:
    assert is_affected(Program(version, patches)) == affected


@pytest.mark.parametrize("folder", sorted(FIXTURES.iterdir()), ids=lambda folder: folder.name)
def test_reports_of_valgrind_are_read(folder: Path) -> None:
    freed, clean = ((folder / name).read_text() for name in ("freed.xml", "clean.xml"))
    assert read_reports([clean, freed]) == Guarded("valgrind", ("InvalidRead",), True)
    assert read_reports([clean]) == Guarded("valgrind", (), False)
    cut = freed[: freed.index("</error>") + 20]
    assert read_reports([cut, ""]).freed


def wanted(**options: Any) -> Any:
    """The options as Ansible completes them."""
    return make_wanted({**{name: spec.get("default") for name, spec in SPEC.items()}, "paths": ["/srv"], **options})


def test_commands_are_filled() -> None:
    tar = ["sh", "-c", "tar -C {folder} -cSf - {name} | tar -C {target_folder} -xf -"]
    commands = wanted(commands=["cp --sparse=always", tar]).commands
    assert fill(commands[0], "/a/x", "/b/y/x") == ("cp", "--sparse=always", "/a/x", "/b/y/x")
    assert fill(commands[1], "/a/x", "/b/y/x")[2] == "tar -C /a -cSf - x | tar -C /b/y -xf -"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"commands": []}, "commands: is empty"),
        ({"commands": [""]}, "has an empty command"),
        ({"commands": [7]}, "is neither a command nor a list of words"),
        ({"commands": ["cp 'a"]}, "is neither a command nor a list of words"),
        ({"commands": ["cp {source}"]}, "needs a place for the file and one for its copy"),
        ({"rounds": 0}, "rounds: is 0"),
        ({"size_limit": 7}, "size_limit: is 7"),
        ({"paths": ["srv"]}, "is not absolute"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        wanted(**options)


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ((False, True, 1 << 40), "is no directory"),
        ((True, False, 1 << 40), "cannot be written"),
        ((True, True, 1 << 20), "has 1 MiB free, 64"),
    ],
)
def test_folders_without_room_are_refused(facts: tuple[bool, bool, int], problem: str) -> None:
    with pytest.raises(FleetlabError, match=f"/srv: {problem}"):
        check_folder("/srv", *facts, wanted())


def test_root_does_not_copy_where_others_may_put_links() -> None:
    check_way("/srv/a", [("/srv/a", 0, 0o40755), ("/srv", 0, 0o41777), ("/", 65534, 0o40755)])
    with pytest.raises(ObservationError, match="because of /home/alice: it belongs to the user with the number 1001"):
        check_way("/home/alice/a", [("/home/alice/a", 0, 0o40700), ("/home/alice", 1001, 0o40755), ("/home", 0, 0o40755)])
    with pytest.raises(ObservationError, match="because of /srv: anybody may rename"):
        check_way("/srv/a", [("/srv/a", 0, 0o40700), ("/srv", 0, 0o40777)])


def test_a_file_that_is_still_open_on_another_machine_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, remove = tmp_path / "copy", shutil.rmtree
    folder.mkdir()
    errors = [errno.ENOTEMPTY, errno.EBUSY, errno.ENOENT]

    def rmtree(path: str) -> None:
        if errors:
            raise OSError(errors.pop(), "hidden", path)
        remove(path)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    files.remove_folder(str(folder))
    assert not folder.exists()
    errors.append(errno.EACCES)
    folder.mkdir()
    with pytest.raises(PermissionError):
        files.remove_folder(str(folder))


def test_a_full_disk_is_an_error_with_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, _recipe: Recipe) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), path)

    monkeypatch.setattr(room, "make_file", full)
    with pytest.raises(ObservationError, match=r"Disk quota exceeded\. All files of the check were removed"):
        room.observe(wanted(paths=[str(tmp_path)], guard="never"), SystemRunner())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("program", "what"), [("mkdir", "a folder"), ("mkfifo", "a pipe or a device")])
def test_a_copier_that_makes_no_file_is_named(tmp_path: Path, program: str, what: str) -> None:
    """As a wrapper of rsync does that takes the target for a folder."""
    way = tmp_path / "copier"
    way.write_text(f'#!/bin/sh\n{program} "$2"\n', encoding="utf-8")
    way.chmod(0o755)
    asked = wanted(paths=[str(tmp_path)], commands=[str(way)], layouts=["holes"], rounds=1, guard="never")
    (finding,) = room.observe(asked, SystemRunner())
    assert {copied.failure for copied in finding.copies} == {f"it made {what} where a file belongs"}
    assert all(copied.difference for copied in finding.copies)


@pytest.mark.parametrize("command", ["cp -l", "ln", "ln --symbolic"])
def test_a_link_is_no_copy(tmp_path: Path, command: str) -> None:
    asked = wanted(paths=[str(tmp_path)], commands=[command], layouts=["holes"], rounds=1, guard="never")
    (finding,) = room.observe(asked, SystemRunner())
    assert [(copied.failure, copied.difference) for copied in finding.copies] == [
        ("it made a link to the file itself where a file belongs", None)
    ]
