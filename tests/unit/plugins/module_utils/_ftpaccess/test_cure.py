# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of sections, its plan, and the way back of a server that does not survive the reload."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import FleetlabError, ObservationError, RefusedError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.plan import RemoveFile, WriteFile
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.apply import operations as rooms
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.conf import parse, read_lines
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.observe.configuration import running
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.options import Wanted, WantedCure
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.plan import plan
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.sections import MARK, content
from ansible_collections.fleetlab.linux.plugins.module_utils._ftpaccess.state import Account, Configuration, CureState, Verdict
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host

FILE = "/etc/proftpd/conf.d/ours.conf"
ALICE = Account("alice", "/etc/passwd", 1001, 1001, "/home/alice")
RULES = "Umask 022\nDenyAl\n<Limit STOR>\nDenyAll\n</Limit>\n"


def configuration(text: str = "") -> Configuration:
    lines = read_lines(text, "/etc/p.conf")
    return Configuration("/etc/p.conf", lines, parse(lines), "1.3.8")


def verdict(cover: Sequence[tuple[str, str]] = (), keep: Sequence[tuple[str, str]] = ()) -> Verdict:
    return Verdict(ALICE, "main", 21, "/", "/home/alice", to_cover=tuple(cover), to_keep=tuple(keep))


def wanted(**options: Any) -> WantedCure:
    return WantedCure(Wanted("/etc/p.conf"), FILE, **options)


def test_rules_become_sections_without_the_lines_that_are_skipped() -> None:
    text = content(configuration(), [verdict([("/home/my alice", RULES)], [("/home", RULES)])], wanted())
    assert text.splitlines() == [
        MARK,
        "<Global>",
        '  <Directory "/home/my alice">',
        "    Umask 022",
        "    <Limit STOR>",
        "      DenyAll",
        "    </Limit>",
        "  </Directory>",
        "</Global>",
    ]


@pytest.mark.parametrize("name", ["a\nAuthUserFile x", "a\r", "a\x0bb", "a\u2028b", "*", "[ab]", "%u", "a\udcff"])
def test_a_folder_whose_name_is_more_than_a_path_gets_no_section(name: str) -> None:
    with pytest.raises(RefusedError, match="cannot have a section") as caught:
        content(configuration(), [verdict([(f"/home/alice/{name}", RULES)])], wanted())
    assert "\n" not in str(caught.value)


def test_files_that_are_off_keep_all_rules() -> None:
    text = content(configuration(), [verdict([("/a", RULES)], [("/b", RULES)])], wanted(is_off=True))
    assert [line.strip() for line in text.splitlines() if "Off" in line or "off" in line or "<D" in line or "Path" in line] == [
        "AllowOverride off",
        r'PathDenyFilter "(^|/)\.ftpaccess$"',
        "<Directory /a>",
        "<Directory /b>",
    ]


def test_nothing_to_do_needs_no_file() -> None:
    assert content(configuration(), [verdict(keep=[("/b", RULES)])], wanted()) == ""
    assert content(configuration(), [verdict([("/a", RULES)])], wanted(is_present=False)) == ""
    assert content(configuration(), [verdict([("/a", "DenyAl\n")])], wanted()) == ""


@pytest.mark.parametrize(
    ("text", "is_off", "words"),
    [
        ("<Directory /a/>\n</Directory>", False, "ProFTPD takes no second one"),
        ("<Global>\nPathDenyFilter x\n</Global>", True, "counts before"),
    ],
)
def test_a_stronger_configuration_is_refused(text: str, is_off: bool, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        content(configuration(text), [verdict([("/a", RULES)])], wanted(is_off=is_off))


@given(
    st.lists(st.tuples(st.sampled_from(["/a", "/b", '/c "d"', "/e#f"]), st.text(alphabet='<>/DenyAl limt\n"\\', max_size=40))),
    st.booleans(),
)
def test_planning_again_after_the_plan_has_nothing_to_do(rules: Sequence[tuple[str, str]], is_off: bool) -> None:
    made = content(configuration(), [verdict(rules, rules)], wanted(is_off=is_off))
    parse(read_lines(made, FILE))
    first = plan(CureState(configuration(), None, made, (), ()), wanted(is_off=is_off))
    written = [step for step in first.steps if isinstance(step, WriteFile) and step.path == FILE]
    assert written == ([WriteFile(FILE, made)] if made else [])
    assert plan(CureState(configuration(), made or None, made, (), ()), wanted(is_off=is_off)).steps == ()


def test_a_file_that_is_no_longer_needed_is_removed() -> None:
    made = plan(CureState(configuration(), MARK, "", (), (), is_running=True), wanted())
    assert made.steps[2] == RemoveFile(FILE)
    assert made.commands()[3] == ["reload", "config=/etc/p.conf", "running=True"]


def test_a_run_that_was_killed_before_the_reload_is_completed_by_the_next() -> None:
    names = [step.rendered()[0] for step in plan(CureState(configuration(), None, MARK, (), (), is_running=True), wanted()).steps]
    assert names == ["mkdir", "write-file", "write-file", "reload", "rm"]
    killed = CureState(configuration(), MARK, MARK, (), (), is_running=True, is_unread=True)
    assert [step.rendered()[0] for step in plan(killed, wanted()).steps] == ["reload", "rm"]


def test_a_foreign_file_and_one_that_is_not_included_are_refused() -> None:
    with pytest.raises(RefusedError, match="not written by this module"):
        plan(CureState(configuration(), "Umask 022", "", (), ()), wanted())
    with pytest.raises(RefusedError, match="does not include it"):
        plan(CureState(configuration(), None, MARK, (), (), is_included=False), wanted())


class Commands:
    """A runner that notes commands."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def run(self, argv: Sequence[str], *_arguments: Any, **_options: Any) -> CommandResult:
        self.seen.append(tuple(argv))
        return CommandResult(tuple(argv), 0, "", "")


@pytest.mark.parametrize("survives", [True, False])
def test_a_server_that_does_not_survive_gets_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survives: bool) -> None:
    file = tmp_path / "ours.conf"
    file.write_text("old", encoding="utf-8")
    alive, told = [7], []

    def kill(pid: int, number: int) -> None:
        told.append((pid, number))
        if not survives:
            alive.clear()

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(rooms, "running", lambda _host: list(alive))
    monkeypatch.setattr(rooms, "_SETTLES", 0.1)
    commands = Commands()
    reload = rooms.operations(str(file), commands, Host())["reload"]
    file.write_text("new", encoding="utf-8")
    if survives:
        reload(config="/etc/p.conf", running=True)
    else:
        with pytest.raises(FleetlabError, match="did not survive the reload"):
            reload(config="/etc/p.conf", running=True)
    assert told == [(7, signal.SIGHUP)]
    assert file.read_text(encoding="utf-8") == ("new" if survives else "old")


def test_only_servers_of_this_host_are_told(tmp_path: Path) -> None:
    inside = "pid:[4026531836]"
    processes = [
        ("self", "0 0 0 0", inside, 1),
        ("7", "0 104 0 104", inside, 1),
        ("8", "0 1001 0 1001", inside, 7),
        ("9", "1001 1001 1001 1001", inside, 1),
        ("10", "0 0 0 0", "pid:[5]", 1),
    ]
    for pid, numbers, space, parent in processes:
        folder = tmp_path / "proc" / pid
        (folder / "ns").mkdir(parents=True)
        (folder / "comm").write_text("proftpd\n", encoding="utf-8")
        (folder / "cmdline").write_text("proftpd\0", encoding="utf-8")
        (folder / "status").write_text(f"Name:\tproftpd\nPPid:\t{parent}\nUid:\t{numbers}\n", encoding="utf-8")
        (folder / "ns" / "pid").symlink_to(space)
    assert running(Host(str(tmp_path))) == [7]


def test_a_file_that_proftpd_refuses_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_runner: object, _config: str) -> None:
        raise ObservationError("proftpd refuses it")

    monkeypatch.setattr(rooms, "require_parsing", refuse)
    file = tmp_path / "ours.conf"
    reload = rooms.operations(str(file), Commands(), Host())["reload"]
    file.write_text("new", encoding="utf-8")
    with pytest.raises(ObservationError, match="refuses"):
        reload(config="/etc/p.conf", running=False)
    assert not file.exists()
