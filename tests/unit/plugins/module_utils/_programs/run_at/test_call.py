# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call does with the record of a job, on a clock that the test sets."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at import execute, watch
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.call import call, run_now
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import Job, UsageError
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.store import Store, _add, is_done

DAY = 86400
FIVE = 20_000 * DAY + 5 * 3600
LONG_AGO = 10**9

Clock = Callable[[int], int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture(autouse=True)
def booted_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "booted", lambda now: now - LONG_AGO)


def job_in(folder: Path, command: str = "", **changes: Any) -> Job:
    """A job wanted at 5 and 19, UTC, which adds a line to a file."""
    job = Job("test", "Etc/UTC", ["5", "19"], ["/bin/sh", "-c", f"echo ran >> {folder}/runs; {command}"], str(folder / "state"))
    for name, value in changes.items():
        assert hasattr(job, name)
        setattr(job, name, value)
    return job


def runs(folder: Path) -> int:
    file = folder / "runs"
    return len(file.read_text(encoding="utf-8").split()) if file.exists() else 0


def state(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "state").read_text(encoding="utf-8"))
    return found


def test_each_wanted_time_is_answered_once(folder: Path) -> None:
    job = job_in(folder)
    for now in (FIVE - 60, FIVE, FIVE, FIVE + 60, FIVE + 3600, FIVE + 14 * 3600, FIVE + 14 * 3600 + 5):
        assert call(job, now) == 0
    assert runs(folder) == 2
    assert state(folder)["runs"] == [[FIVE, FIVE + 14 * 3600]]
    assert state(folder)["next_wanted"] == FIVE + DAY


@pytest.mark.parametrize("back", [60, 3600, DAY, 400 * DAY])
def test_a_clock_set_back_runs_nothing_twice(folder: Path, back: int) -> None:
    job = job_in(folder, catch_up=True)
    times = range(FIVE - 400 * DAY, FIVE + 1, DAY)
    # As if it had run all these days.
    store = Store(job.state, print)
    assert store.lock()
    record = store.load(times[0])
    for wanted in times:
        store.mark_done(record, wanted, wanted - DAY)
    assert len(record["runs"]) == 1
    store.write(record)
    store.unlock()
    job.at = ["5"]
    for now in range(FIVE - back, FIVE + 60, max(60, back // 50)):
        call(job, now)
    assert runs(folder) == 0


def test_a_clock_that_was_ahead_for_years_does_not_stop_the_job(folder: Path) -> None:
    job = job_in(folder)
    for now in (FIVE, FIVE + 4000 * DAY, FIVE + DAY, FIVE + 4000 * DAY):
        call(job, now)
    assert runs(folder) == 3


def test_what_was_missed_is_caught_up_once_and_only_if_asked_for(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    late = FIVE + 3 * DAY + 7200
    call(job_in(folder), FIVE)
    for now in (late, late + 60):
        call(job_in(folder), now)
    assert runs(folder) == 1
    said = capfd.readouterr().err
    assert said.count("was not started") == 1
    assert "the run wanted at 2024-10-07T05:00:00Z was not started: no call came within an hour of it, and 5 before it" in said
    assert "--catch-up runs it later" in said
    assert state(folder)["missed"] == 6
    for now in (late + DAY, late + DAY + 60):
        call(job_in(folder, catch_up=True), now)
    assert runs(folder) == 2
    assert "no call came for the wanted times before 2024-10-08T05:00:00Z (1)" in capfd.readouterr().err


@pytest.mark.parametrize(("late", "ran"), [(11 * 60, 1), (3599, 1), (3601, 0)])
def test_a_call_that_comes_late_runs_what_was_due_within_the_hour_or_says_why_not(
    folder: Path, late: int, ran: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """A machine that was suspended, paused or busy."""
    job = job_in(folder, declared=True, since=FIVE - 3700)
    call(job, FIVE - 3600)
    call(job, FIVE + late)
    assert runs(folder) == ran
    assert ("catch_up: true runs it later" in capfd.readouterr().err) == (not ran)
    assert ("not started, no call came" in (folder / "state.log").read_text(encoding="utf-8")) == (not ran)


def test_a_time_before_the_declaration_is_not_run_late(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call(job_in(folder, declared=True, since=FIVE + 60), FIVE + 900)
    assert runs(folder) == 0
    # In the minute of the declaration, and on a clock that was set back since.
    call(job_in(folder, declared=True, since=FIVE + 20), FIVE + 900)
    call(job_in(folder, declared=True, since=FIVE + 9 * DAY), FIVE + DAY)
    assert runs(folder) == 2
    assert capfd.readouterr().err == ""


def test_a_host_that_is_to_be_late_is(folder: Path) -> None:
    job = job_in(folder, delay=7)
    assert [(call(job, FIVE + minute * 60), runs(folder)) for minute in (0, 6, 7, 8)] == [(0, 0), (0, 0), (0, 1), (0, 1)]
    assert state(folder)["last_wanted"] == FIVE


def test_a_late_host_runs_a_time_before_a_change_of_the_job_that_comes_while_it_waits(folder: Path) -> None:
    call(job_in(folder, declared=True, delay=40, since=FIVE + 20 * 60), FIVE + 40 * 60)
    assert runs(folder) == 1
    call(job_in(folder, declared=True, delay=40, since=FIVE + DAY + 41 * 60), FIVE + DAY + 42 * 60)
    assert runs(folder) == 1


def test_now_runs_at_any_time_and_answers_no_wanted_time(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = job_in(folder, "exit 3")
    assert run_now(job, FIVE - 60) == 3
    assert call(job, FIVE) == 3
    assert runs(folder) == 2
    assert state(folder)["consecutive_failures"] == 2
    holder = Store(job.state, print)
    assert holder.lock()
    assert run_now(job, FIVE + 60) == 1
    assert "it is not started now: a run goes on" in capfd.readouterr().err
    holder.unlock()


def test_nothing_is_caught_up_from_before_the_declaration(folder: Path) -> None:
    job = job_in(folder, catch_up=True, since=FIVE + 1000)
    call(job, FIVE + 2000)
    assert runs(folder) == 0
    call(job, FIVE + 15 * 3600)
    assert runs(folder) == 1


def test_the_exit_code_is_the_commands_and_failures_are_counted(folder: Path) -> None:
    job = job_in(folder, "exit 7")
    assert [call(job, FIVE + day * DAY) for day in range(3)] == [7, 7, 7]
    assert state(folder)["consecutive_failures"] == 3
    assert state(folder)["exit_code"] == 7
    assert state(folder).get("last_success") is None
    assert call(job_in(folder), FIVE + 3 * DAY) == 0
    assert state(folder)["consecutive_failures"] == 0


def test_a_missing_command_and_one_that_may_not_run(folder: Path) -> None:
    job = job_in(folder)
    job.command = ["/nowhere/command"]
    assert call(job, FIVE) == 127
    job.command = ["/etc/passwd"]
    assert call(job, FIVE + DAY) == 126


@pytest.mark.parametrize(
    ("changes", "exit_code", "says"),
    [
        ({"user": "nobody-known"}, 126, "run-at: test: there is no user 'nobody-known' on this host\n"),
        ({"private_tmp": True}, 127, "run-at: test: 'private-tmp', which the job needs, is not on this host\n"),
    ],
)
def test_a_job_that_can_not_be_started_is_a_failure_on_record(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], changes: dict[str, Any], exit_code: int, says: str
) -> None:
    monkeypatch.setattr(execute, "_FOLDERS", (str(folder),))
    job = job_in(folder, declared=True, **changes)
    assert [call(job, FIVE), call(job, FIVE + 60)] == [exit_code, 0]
    assert capfd.readouterr().out == says
    assert runs(folder) == 0
    assert (state(folder)["exit_code"], state(folder)["consecutive_failures"]) == (exit_code, 1)
    assert f"wanted=2024-10-04T05:00:00Z exit_code={exit_code}" in (folder / "state.log").read_text(encoding="utf-8")


def test_where_there_can_be_no_process_that_is_on_record(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def too_many() -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", too_many)
    assert [call(job_in(folder), FIVE), call(job_in(folder), FIVE + 60)] == [126, 0]
    assert capfd.readouterr().err == "run-at: test: no process can be made for the command: Resource temporarily unavailable\n"
    assert state(folder)["consecutive_failures"] == 1


def test_a_damaged_state_is_set_aside_and_stops_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = '{"first_call": 1, "runs": [], "consecutive_failures": 0, "overlaps": 0, %s}'
    damaged = [
        "{",
        "[]",
        "null",
        whole.replace("[]", "[1]") % '"host": ""',
        "\0\xff",
        "[" * 100_000,
        whole % '"running": {"pid": 1, "identity": "x", "wanted": "x"}',
        whole % '"running": {"pid": "self", "identity": "x", "wanted": 1}',
        whole % '"last_success": NaN',
        whole % '"last_success": 1e300',
    ]
    for number, text in enumerate(damaged):
        (folder / "state").write_text(text, encoding="latin-1")
        assert call(job_in(folder), FIVE + number * DAY) == 0
        assert "set aside" in capfd.readouterr().err
        assert (folder / "state.unreadable").read_text(encoding="latin-1") == text
        assert state(folder)["exit_code"] == 0
    assert runs(folder) == len(damaged)


def test_a_folder_in_the_place_of_a_declared_jobs_state_stops_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "state").mkdir()
    assert call(job_in(folder, declared=True), FIVE) == 0
    assert "Is a directory" in capfd.readouterr().err
    assert (folder / "state.unreadable").is_dir()
    assert runs(folder) == 1


@pytest.mark.parametrize("make", [lambda file: file.write_text("#!/bin/sh\n"), lambda file: file.symlink_to("/bin/true"), Path.mkdir])
def test_what_was_never_a_state_is_refused_where_words_may_have_been_swapped(folder: Path, make: Callable[[Path], object]) -> None:
    make(folder / "state")
    with pytest.raises(UsageError, match=r"STATE_FILE: .*/state exists and is not the state of a job"):
        call(job_in(folder), FIVE)
    assert [path.name for path in folder.iterdir()] == ["state"]


def test_a_lock_that_can_not_be_had_stops_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def without_locks(*_args: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without_locks)
    assert [call(job_in(folder), now) for now in (FIVE, FIVE + 60)] == [0, 0]
    assert runs(folder) == 1
    assert "No locks available; the job runs without it" in capfd.readouterr().err


def test_a_folder_that_is_gone_is_made_for_a_declared_job(folder: Path) -> None:
    job = job_in(folder, declared=True)
    job.state = str(folder / "lib" / "jobs" / "state.json")
    assert call(job, FIVE) == 0
    assert oct((folder / "lib" / "jobs").stat().st_mode & 0o777) == "0o700"
    by_hand = job_in(folder)
    by_hand.state = str(folder / "run" / "jobs" / "state.json")
    with pytest.raises(UsageError, match="the folder of the state file: No such file"):
        call(by_hand, FIVE)


def test_an_end_that_could_not_be_written_is_no_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    written = []

    def full_at_the_end(new: str, path: str) -> None:
        written.append(path)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.rename(new, path)

    monkeypatch.setattr(os, "replace", full_at_the_end)
    assert call(job_in(folder), FIVE) == 0
    assert state(folder)["running"]["wanted"] == FIVE
    capfd.readouterr()
    assert call(job_in(folder, "exit 1", at=["5"]), FIVE + DAY) == 1
    assert capfd.readouterr().err == ""
    assert state(folder)["consecutive_failures"] == 1
    # Without a line in the log, the same is a failure.
    written[:] = [""]
    (folder / "state.log").unlink()
    call(job_in(folder), FIVE + 2 * DAY)
    monkeypatch.undo()
    (folder / "state.log").unlink()
    call(job_in(folder, "exit 1"), FIVE + 3 * DAY)
    assert "2024-10-06T05:00:00Z has no end on record" in capfd.readouterr().err
    assert state(folder)["consecutive_failures"] == 3


def test_the_name_of_a_new_state_is_on_disk_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    assert Store(f"{folder}/state", print).write({})
    assert synced == [f"{folder}/state.new", str(folder)]


def test_a_state_that_is_lost_does_not_repeat_the_run(folder: Path) -> None:
    call(job_in(folder), FIVE)
    (folder / "state").unlink()
    call(job_in(folder), FIVE + 60)
    assert runs(folder) == 1


def test_an_empty_file_made_beforehand_is_a_state(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "state").touch()
    assert call(job_in(folder), FIVE) == 0
    assert capfd.readouterr().err == ""


def test_a_full_disk_stops_nothing_and_repeats_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    job = job_in(folder, catch_up=True)
    assert [call(job, now) for now in (FIVE, FIVE + 60, FIVE + 3600)] == [0, 0, 0]
    assert runs(folder) == 1
    assert "No space left on device" in capfd.readouterr().err
    assert not (folder / "state.new").exists()


@pytest.mark.parametrize("name", ["state", "state.new", "state.lock", "state.log", "state.warned"])
def test_a_link_in_the_place_of_a_file_is_not_followed(folder: Path, name: str) -> None:
    victim = folder / "victim"
    victim.write_text("{}", encoding="utf-8")
    os.utime(victim, (1, 1))
    (folder / name).symlink_to(victim)
    # Where there is none, what is in the place of the state was never one.
    if name == "state":
        (folder / "state.lock").touch()
    job = job_in(folder, "exit 1", warn_after=1)
    assert [call(job, FIVE), call(job, FIVE + DAY)] == [1, 1]
    assert victim.read_text(encoding="utf-8") == "{}"
    assert victim.stat().st_mtime == 1
    assert runs(folder) == 2


def test_a_folder_that_others_can_write_is_refused(folder: Path) -> None:
    folder.chmod(0o777)
    with pytest.raises(UsageError, match="can be written by others"):
        call(job_in(folder), FIVE)
    folder.chmod(0o1777)
    with pytest.raises(UsageError, match="can be written by others"):
        call(job_in(folder), FIVE)
    assert runs(folder) == 0


def test_the_files_are_their_owners_only(folder: Path) -> None:
    for now in (FIVE, FIVE + DAY):
        call(job_in(folder, "exit 1", warn_after=1, declared=True), now)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.glob("state*")} == dict.fromkeys(
        ["state", "state.lock", "state.log", "state.warned", "state.output"], "0o600"
    )


def test_a_run_that_goes_on_is_not_started_again(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = job_in(folder)
    call(job, FIVE)
    holder = Store(job.state, print)
    assert holder.lock()
    assert call(job, FIVE + 14 * 3600) == 0
    assert runs(folder) == 1
    assert "has not ended" in capfd.readouterr().err
    # One that is caught up is called for it again and again.
    assert call(job_in(folder, catch_up=True), FIVE + 15 * 3600) == 0
    assert capfd.readouterr().err == ""
    holder.unlock()
    # At its end the run that went on takes that over; here, the next one.
    assert call(job, FIVE + DAY) == 0
    assert state(folder)["overlaps"] == 1
    assert is_done(state(folder), FIVE + 14 * 3600)
    assert "not started" in (folder / "state.log").read_text(encoding="utf-8")


def test_a_command_that_outlived_its_runner_is_not_started_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_in(folder)
    call(job, FIVE)
    record = state(folder)
    record["running"] = {"pid": os.getpid(), "identity": execute.identity(os.getpid()), "wanted": FIVE}
    (folder / "state").write_text(json.dumps(record), encoding="utf-8")
    assert call(job, FIVE + DAY) == 0
    assert runs(folder) == 1
    assert state(folder)["overlaps"] == 1
    # Another process has the number now.
    record["running"]["identity"] = "another:1"
    (folder / "state").write_text(json.dumps(record), encoding="utf-8")
    assert call(job, FIVE + 2 * DAY) == 0
    assert runs(folder) == 2


def test_the_command_line_warns_first_and_at_each_call(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As the program's first version did."""
    job = job_in(folder, "echo runs >&2", warn_after=60)
    call(job, FIVE)
    assert capfd.readouterr().err == "runs\n"
    warning = "WARNING: No successful run in the last 60 minutes (test)\n"
    for hour in (2, 3):
        call(job, FIVE + hour * 3600)
        assert capfd.readouterr().err == warning
    call(job, FIVE + 14 * 3600)
    assert capfd.readouterr().err == f"{warning}runs\n"
    assert not (folder / "state.warned").exists()


def test_staleness_is_said_once_and_again_each_day(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = job_in(folder, "exit 1", warn_after=15 * 60, declared=True)
    said = []
    call(job_in(folder), FIVE)
    for hour in range(1, 100):
        capfd.readouterr()
        call(job, FIVE + hour * 3600)
        if "WARNING: No successful run in the last 900 minutes" in capfd.readouterr().err:
            said.append(hour)
    # Of calls that come each hour the first that is nearly a day later, so that none which comes a second early is a day late.
    assert said == [16, 39, 62, 85]
    call(job_in(folder, warn_after=15 * 60, declared=True), FIVE + 5 * DAY)
    assert not (folder / "state.warned").exists()


@pytest.mark.parametrize("early", [2, 3600 + 2])
def test_staleness_is_said_each_day_where_a_call_comes_early(folder: Path, early: int, capfd: pytest.CaptureFixture[str]) -> None:
    """By a second or two; and by an hour where the clock of the host goes forward."""
    job = job_in(folder, "exit 1", warn_after=60, declared=True)
    call(job_in(folder), FIVE)
    for now in (FIVE + DAY, FIVE + 2 * DAY - early):
        call(job, now)
        assert "No successful run" in capfd.readouterr().err
    call(job, FIVE + 2 * DAY)
    assert "No successful run" not in capfd.readouterr().err


def test_a_success_of_a_clock_that_was_ahead_silences_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job = job_in(folder, warn_after=60)
    call(job, FIVE + 4000 * DAY)
    call(job_in(folder, "exit 1", warn_after=60), FIVE + DAY)
    assert "No successful run" in capfd.readouterr().err
    code, text = watch.judge(job, state(folder), FIVE + DAY, 0)
    assert code == watch.CRITICAL
    assert text.startswith("test: the only success on record is later than now, 2035-")


def test_a_job_that_was_never_called_becomes_stale(folder: Path) -> None:
    job = job_in(folder, warn_after=60, since=FIVE)
    assert watch.judge(job, None, FIVE + 3600, 0) == (watch.WARNING, "test has not been called yet")
    assert watch.judge(job, None, FIVE + 3601, 0) == (watch.CRITICAL, "test has not been called yet; 60 minutes are allowed")
    assert watch.judge(job, None, FIVE + 3601, FIVE + 60)[0] == watch.WARNING


def test_staleness_counts_from_the_first_call_and_from_the_start_of_the_host(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    job = job_in(folder, warn_after=60)
    call(job, FIVE + 3600)
    call(job, FIVE + 3600 + 3600)
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(watch, "booted", lambda now: now - 600)
    call(job, FIVE + 9 * 3600)
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(watch, "booted", lambda now: now - 4000)
    call(job, FIVE + 9 * 3600)
    assert "No successful run" in capfd.readouterr().err


def test_the_answer_to_a_monitoring_system(folder: Path) -> None:
    job = job_in(folder, warn_after=60)
    assert watch.judge(job, None, FIVE, 0)[0] == watch.WARNING
    call(job, FIVE)
    record = state(folder)
    record["last_success"] = FIVE
    assert watch.judge(job, record, FIVE + 60, 0) == (watch.OK, "test: last success 2024-10-04T05:00:00Z, 1 minutes ago")
    assert watch.judge(job, {**record, "consecutive_failures": 1, "exit_code": 9}, FIVE + 60, 0)[0] == watch.WARNING
    assert watch.judge(job, record, FIVE + 7200, 0)[0] == watch.CRITICAL


def test_metrics(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call(job_in(folder, "exit 3", textfile=str(folder)), FIVE)
    text = (folder / "tz_cron_test.prom").read_text(encoding="utf-8")
    assert 'tz_cron_last_exit_code{name="test",timezone="Etc/UTC"} 3\n' in text
    assert "last_success" not in text
    assert oct((folder / "tz_cron_test.prom").stat().st_mode & 0o777) == "0o644"
    assert call(job_in(folder, textfile=f"{folder}/missing"), FIVE + DAY) == 0
    assert "metrics could not be written" in capfd.readouterr().err


def test_what_others_put_into_the_folder_of_metrics_is_not_written_to(folder: Path, tmp_path: Path) -> None:
    """A folder of node_exporter may belong to a group that several programs write as."""
    precious = tmp_path / "precious"
    precious.write_text("kept", encoding="utf-8")
    os.link(precious, folder / "tz_cron_test.prom.new")
    call(job_in(folder, textfile=str(folder)), FIVE)
    assert precious.read_text(encoding="utf-8") == "kept"
    assert (folder / "tz_cron_test.prom").stat().st_nlink == 1


def test_ranges_stay_few_and_never_forget(folder: Path) -> None:
    ranges: list[list[int]] = []
    for number in range(200):
        _add(ranges, number * 10, None)
    assert len(ranges) == 50
    assert all(is_done({"runs": ranges}, number * 10) for number in range(200))


def test_the_log_is_bounded(folder: Path) -> None:
    store = Store(str(folder / "state"), print)
    for number in range(3000):
        store.log(f"{number:0100d}")
    assert sum(path.stat().st_size for path in folder.glob("state.log*")) < 140_000
    assert (folder / "state.log").read_text(encoding="utf-8").splitlines()[-1].endswith("2999")


def test_a_job_of_another_user_is_for_root(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid or 4242)
    monkeypatch.setattr(Store, "prepare", lambda self, declared: None)
    assert call(job_in(folder, user="bin", declared=True), FIVE) == 126
    assert "only root can run the job, whose user is 'bin'" in capfd.readouterr().out
    assert runs(folder) == 0
