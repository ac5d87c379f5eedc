# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the output of a declared job goes, and hooks after its runs: commands, and URLs of a server on loopback."""

from __future__ import annotations

import http.server
import os
import syslog
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at import hooks, output
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.call import call
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import Job
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.output import Keeper, say
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.store import SUFFIXES, Store

FIVE = 20_000 * 86400 + 5 * 3600


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(output, "sends_mail", lambda: True)
    return tmp_path


def job_in(folder: Path, command: str, **changes: Any) -> Job:
    job = Job("test", "Etc/UTC", ["5"], ["/bin/sh", "-c", command], str(folder / "state"))
    job.declared = True
    for name, value in changes.items():
        assert hasattr(job, name)
        setattr(job, name, value)
    return job


def kept(folder: Path) -> list[str]:
    return (folder / "state.output").read_text(encoding="utf-8").splitlines()


def test_output_is_passed_on_and_kept_in_its_order(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call(job_in(folder, "echo one; echo two >&2; printf three"), FIVE)
    assert capfd.readouterr().out == "one\ntwo\nthree"
    assert kept(folder)[0].startswith("--- 20")
    assert kept(folder)[1:] == ["one", "two", "three"]


def test_a_job_without_output_leaves_no_file(folder: Path) -> None:
    call(job_in(folder, "true"), FIVE)
    assert not (folder / "state.output").exists()


def test_the_kept_output_is_bounded_however_much_is_printed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call(job_in(folder, "yes 0123456789 | head -c 3000000"), FIVE)
    assert len(capfd.readouterr().out) == 3_000_000
    assert sum(path.stat().st_size for path in folder.glob("state.output*")) < 700_000
    assert {path.name for path in folder.iterdir()} <= {f"state{suffix}" for suffix in SUFFIXES}


def test_a_background_process_holds_up_nothing(folder: Path) -> None:
    begin = time.monotonic()
    call(job_in(folder, f"(sleep 5; echo late) & echo $! > {folder}/pid"), FIVE)
    assert time.monotonic() - begin < 4
    os.kill(int((folder / "pid").read_text(encoding="ascii")), 15)


@pytest.mark.parametrize(("mail", "given"), [(True, {}), (False, {"JOURNAL_STREAM": "8:1"}), (False, {})])
def test_what_cron_would_discard_goes_to_the_journal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, mail: bool, given: dict[str, str]
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(output, "sends_mail", lambda: mail)
    monkeypatch.setattr(os, "environ", given)
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)
    monkeypatch.setattr(syslog, "openlog", lambda *words: None)
    monkeypatch.setattr(syslog, "syslog", lambda level, text: lines.append(text))
    job = job_in(folder, "")
    keeper = Keeper(job)
    keeper.keep(b"first\nsec")
    keeper.keep(b"ond\n" + b"x\n" * 2000)
    keeper.end()
    say(job, "something")
    heard = not mail and not given
    assert lines[:2] == (["test: first", "test: second"] if heard else [])
    assert lines[-1:] == (["run-at: test: something"] if heard else [])
    # A run that prints without end does not fill the journal.
    assert len(lines) == (1002 if heard else 0)


def test_the_warnings_of_the_command_line_are_heard_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(output, "sends_mail", lambda: False)
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)
    monkeypatch.setattr(syslog, "syslog", lambda level, text: lines.append(text))
    say(job_in(folder, "", declared=False), "something")
    assert lines == ["run-at: test: something"]
    assert not (folder / "state.output").exists()


def test_a_state_that_is_forgotten_at_boot_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """c12: /var/run is a link to /run."""
    (folder / "run").symlink_to("/run")
    job = job_in(folder, "true", declared=False, state=str(folder / "run" / "test.state"))
    store = Store(job.state, lambda text: say(job, text))
    monkeypatch.setattr(store, "write", lambda state: True)
    store.load(FIVE)
    assert "test.state is forgotten at each boot, so a run may be repeated: take a folder below /var/lib" in capfd.readouterr().err


@pytest.fixture
def service() -> Iterator[tuple[str, list[str]]]:
    """A monitoring service, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == "/slow":
                time.sleep(20)
            self.send_response(404 if self.path == "/gone" else 200)
            self.end_headers()

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_url_hears_of_success_or_failure(folder: Path, service: tuple[str, list[str]], capfd: pytest.CaptureFixture[str]) -> None:
    url, asked = service
    for number, command in enumerate(("true", "exit 3")):
        call(job_in(folder, command, on_success=f"{url}/ok", on_failure=f"{url}/fail"), FIVE + number * 86400)
    assert asked == ["/ok", "/fail"]
    call(job_in(folder, "true", on_success=f"{url}/gone"), FIVE + 2 * 86400)
    assert "run-at: test: on_success: the request failed: HTTP Error 404" in capfd.readouterr().err


def test_a_service_that_does_not_answer_holds_up_nothing(
    folder: Path, service: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hooks, "_OF_REQUEST", 0.5)
    free = []
    real = hooks.tell

    def tell(job: Job, *rest: Any) -> None:
        store = Store(job.state, print)
        free.append(store.lock())
        store.unlock()
        real(job, *rest)

    monkeypatch.setattr(hooks, "tell", tell)
    begin = time.monotonic()
    assert call(job_in(folder, "true", on_success=f"{service[0]}/slow"), FIVE) == 0
    assert time.monotonic() - begin < 5
    assert free == [True]
    assert "on_success: the request failed: timed out" in capfd.readouterr().err


def test_a_command_hears_of_a_failure_and_of_a_time_that_was_not_run(folder: Path) -> None:
    told = f'echo "$RUN_AT_JOB $RUN_AT_EXIT_CODE $RUN_AT_WANTED $X $TZ" >> {folder}/told'
    job = job_in(folder, "exit 3", on_failure=told, env={"X": "y"}, command_timezone=True, since=FIVE - 60)
    call(job, FIVE)
    call(job, FIVE + 86400 + 7200)
    assert (folder / "told").read_text(encoding="utf-8").splitlines() == [
        "test 3 2024-10-04T05:00:00Z y ",
        "test 1 2024-10-05T05:00:00Z y ",
    ]


def test_a_hook_that_fails_is_said(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(job_in(folder, "true", on_success="exit 4"), FIVE) == 0
    assert "run-at: test: on_success: the command ended with exit code 4" in capfd.readouterr().err


def test_what_the_command_is_given(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = job_in(folder, 'echo "$A $PATH $TZ $SHELL"', env={"A": "b"}, path="/opt/bin:/bin", command_timezone=True)
    job.shell = "/bin/dash"
    call(job, FIVE)
    assert capfd.readouterr().out == "b /opt/bin:/bin Etc/UTC /bin/dash\n"
