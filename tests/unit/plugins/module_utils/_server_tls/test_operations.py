# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done when the running server is gone or differs after a reload: the old file is put back, and the server is started."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, FleetlabError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._host.files import Host
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.apply import operations as room
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.options import Wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.profiles import Settings
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.servers import APACHE, Server
from ansible_collections.fleetlab.linux.plugins.module_utils._server_tls.state import Config, Report
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._server_tls.scans import END, report

SETTINGS = Settings("intermediate", ("X25519", "prime256v1"))


class Played:
    """A server that does what the test says. C(after) are its reports after a reload, C(None) if it is gone."""

    def __init__(self, folder: Path, after: Optional[Sequence[Report]]) -> None:
        self.server: Server = replace(APACHE, owned=f"{folder}/owned.conf", name="played")
        self.journal = folder / "journal.json"
        self.after, self.runs = after, True
        self.commands: List[str] = []

    def run(self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = 60, accept: Sequence[int] = (0,)) -> CommandResult:
        words = " ".join(argv)
        self.commands.append(words)
        if words == "apache2ctl graceful" and self.after is None:
            self.runs = False
        if words == "apache2ctl start":
            self.runs = True
        if argv[0] == "rm":
            Path(argv[-1]).unlink(missing_ok=True)
        return CommandResult(tuple(argv), 0, "", "")


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tuple[Played, Any]]:
    """Plays a server, and returns it with its operations."""

    class Box:
        def __getattr__(self, _name: str) -> Callable[..., Any]:
            return lambda *arguments, **_options: arguments[0]() if arguments and callable(arguments[0]) else None

    @contextlib.contextmanager
    def box(_host: Host, _runner: Any, _logs: Sequence[str]) -> Iterator[Box]:
        yield Box()

    def make(
        after: Optional[Sequence[Report]], tried: Sequence[Report] = (report(SETTINGS),), kept: Optional[str] = None
    ) -> Tuple[Played, Any]:
        played = Played(tmp_path, after)
        monkeypatch.setattr(Server, "journal", property(lambda _server: str(played.journal)))
        played.journal.write_text(json.dumps({"files": {played.server.owned: kept, f"{tmp_path}/foreign": "as it was"}}))
        Path(played.server.owned).write_text("new")
        answers = iter([tuple(tried)])
        monkeypatch.setattr(room, "scan_all", lambda _ends, _wanted: next(answers, tuple(played.after or ())))
        monkeypatch.setattr(room, "main_process", lambda _host, _server: 1 if played.runs else None)
        monkeypatch.setattr(room, "read_config", lambda _host, _server: Config(True, True, (END,)))
        monkeypatch.setattr(room, "answers", lambda _end: played.runs)
        monkeypatch.setattr(room, "sandbox", box)
        for name in ("_SETTLE", "_GONE", "_POLL"):
            monkeypatch.setattr(room, name, 0.05 if name == "_SETTLE" else 0.0)
        return played, room.operations(Wanted(), played.server, played, Host())

    return make


def try_and_prove(operations: Any) -> None:
    operations["trial"](profile="intermediate", groups=["X25519", "prime256v1"], tickets=None)
    operations["prove"]()


def test_a_server_that_does_the_same_is_proved(play: Callable[..., Tuple[Played, Any]]) -> None:
    played, operations = play([report(SETTINGS)])
    try_and_prove(operations)
    assert played.commands == ["apache2ctl graceful"]


def test_a_scan_that_takes_long_is_repeated_when_all_has_settled(
    play: Callable[..., Tuple[Played, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _played, operations = play([report(SETTINGS)])
    answers = iter([(report(SETTINGS),), (report(None),)])

    def scan(_ends: Any, _wanted: Wanted) -> Tuple[Report, ...]:
        found = next(answers, (report(SETTINGS),))
        # The first scan of the running server is also asked by processes with the old settings.
        time.sleep(0.06)
        return found

    monkeypatch.setattr(room, "scan_all", scan)
    try_and_prove(operations)


def test_a_server_that_is_gone_gets_its_old_file_and_is_started(play: Callable[..., Tuple[Played, Any]]) -> None:
    played, operations = play(None, kept="old")
    with pytest.raises(FleetlabError, match=r"after the reload the server was gone. The old settings are back, and the server answers"):
        try_and_prove(operations)
    assert Path(played.server.owned).read_text() == "old"
    assert "apache2ctl start" in played.commands
    assert not played.journal.exists()


def test_a_server_that_differs_loses_a_file_that_it_did_not_have(play: Callable[..., Tuple[Played, Any]]) -> None:
    played, operations = play([report(None)])
    message = (
        "127.0.0.1:443 for a.test has TLSv1.2, TLSv1.3 with 6 suites, 2 of them not forward secret, not TLSv1.2, TLSv1.3 with 9 suites"
    )
    with pytest.raises(FleetlabError, match=message):
        try_and_prove(operations)
    assert not Path(played.server.owned).exists()
    assert Path(played.server.owned).with_name("foreign").read_text() == "as it was"
    assert "a2disconf --quiet zz-fleetlab-tls" in played.commands


def test_a_failure_to_switch_the_file_off_does_not_end_the_way_back(
    play: Callable[..., Tuple[Played, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    played, operations = play(None)
    run = played.run

    def refuse(argv: Sequence[str], **options: Any) -> CommandResult:
        if argv[0] == "a2disconf":
            raise CommandError(argv, "does not run")
        return run(argv, **options)

    monkeypatch.setattr(played, "run", refuse)
    with pytest.raises(FleetlabError, match=r"The old settings are back, and the server answers"):
        try_and_prove(operations)
    assert f"rm --force {played.server.enabled} {played.server.owned}" in played.commands
    assert "apache2ctl start" in played.commands


def test_a_server_that_stays_away_is_not_said_to_answer(play: Callable[..., Tuple[Played, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    played, operations = play(None, kept="old")

    def refuse(argv: Sequence[str], **_options: Any) -> CommandResult:
        played.runs = False
        raise CommandError(argv, "does not start")

    monkeypatch.setattr(played, "run", refuse)
    with pytest.raises(FleetlabError, match=r"the server does not answer .apache2ctl start: does not start.: look at /var/log/apache2"):
        try_and_prove(operations)
    assert played.journal.exists()


def test_a_trial_that_is_not_as_the_profile_says_touches_nothing(play: Callable[..., Tuple[Played, Any]]) -> None:
    played, operations = play([report(SETTINGS)], tried=[report(None)])
    with pytest.raises(
        FleetlabError, match=r"for a.test: 2 suites without forward secrecy.* and 1 more. The running server was not touched"
    ):
        operations["trial"](profile="intermediate", groups=["X25519", "prime256v1"])
    assert played.commands == []
