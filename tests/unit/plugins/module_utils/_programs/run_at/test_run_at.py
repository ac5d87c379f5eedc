# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command run-at, started as cron starts it, in processes that are killed, limited and looked at."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at import execute, watch
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.call import call
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.execute import identity
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.job import Job
from ansible_collections.fleetlab.linux.plugins.module_utils._programs.run_at.store import Store
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._programs.run_at.installation import Installation

# Wanted at every minute of the day, so that the time at which the test runs does not matter.
EVERY_MINUTE = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(1440)]


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path)
    installation.install()
    installation.declare()
    return installation


@pytest.fixture
def minute() -> Iterator[None]:
    """Not in the last seconds of a minute: a second call would have something to do in the next."""
    if time.time() % 60 > 50:
        time.sleep(60 - time.time() % 60)
    return iter(())


def test_help_and_usage(installed: Installation) -> None:
    shown = installed.run("--help")
    assert shown.returncode == 0
    assert "/usr/local/bin/run-at 5,19 Europe/Sofia $(( 15*60 )) /var/lib/run-at-test.state /path/to/test.sh" in shown.stdout
    for words in ([], ["5"], ["--job"], ["--unknown"], ["--job", "test", "5"], ["5", "Etc/UTC", "10", "/x/state"]):
        wrong = installed.run(*words)
        assert wrong.returncode == 1, words
        assert wrong.stderr.startswith("ERROR: ")


def test_a_person_can_look_ahead_and_try_a_job(installed: Installation) -> None:
    version = yaml.safe_load((Path(__file__).resolve().parents[6] / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    assert installed.run("--version").stdout == f"run-at {version}\n"
    assert installed.run("--list").stdout.splitlines()[1].split()[:2] == ["test", "Etc/UTC"]
    ahead = installed.run("--next", "3", "--job", "test").stdout.splitlines()
    assert ahead[0].split() == ["in", "Etc/UTC", "on", "this", "host", "in", "UTC"]
    assert [line.split()[2] for line in ahead[1:]] in (["05:00", "19:00", "05:00"], ["19:00", "05:00", "19:00"])
    assert len(installed.run("--next=2", "5,19", "Europe/Sofia").stdout.splitlines()) == 3
    assert installed.run("--now", "--job", "test").returncode == 0
    assert "last success" in installed.run("--list").stdout
    shutil.rmtree(installed.root / "etc")
    assert installed.run("--list").stdout == "no job is declared on this host\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["24", "Etc/UTC", "10", "STATE", "true"], "'24' is neither an hour"),
        (["-1", "Etc/UTC", "10", "STATE", "true"], "unknown option -1"),
        (["5,05", "Etc/UTC", "10", "STATE", "true"], "05:00 is given twice, as '5' and as '05'"),
        (["5", "Europe/Sophia", "10", "STATE", "true"], "the nearest are Europe/Sofia"),
        (["5", "../../etc/passwd", "10", "STATE", "true"], "is not a name of the tz database"),
        (["5", "", "10", "STATE", "true"], "is not a name of the tz database"),
        (["5", "right/Europe/Sofia", "10", "STATE", "true"], "is not a name of the tz database"),
        (["5", "Etc/UTC", "0", "STATE", "true"], "WARN_TIME"),
        (["5", "Etc/UTC", "10", "/tmp/state", "true"], "can be written by others"),
        (["5", "Etc/UTC", "10", "STATE", ""], "COMMAND is empty"),
        (["--dst", "never", "5", "Etc/UTC", "10", "STATE", "true"], "not one of once, skip, twice"),
        (["--job", "../x"], "cannot be the name of a job"),
        (["--job", "unknown"], "unknown.json: No such file or directory. As root, run-at --list shows the jobs"),
        (["--next", "0", "5", "Etc/UTC"], "--next: '0' is not a whole number above 0"),
        (["--now", "--next=1", "--job", "test"], "only one of --check, --now and --next"),
        (["5", "UTC+3", "10", "STATE", "true"], "always 3 hours ahead of UTC are Etc/GMT-3"),
    ],
)
def test_wrong_input_runs_nothing_and_says_why(installed: Installation, words: list[str], says: str) -> None:
    state = installed.root / "state"
    installed.root.chmod(0o700)
    found = installed.run(*[str(state) if word == "STATE" else word for word in words])
    assert found.returncode == 1
    assert says in found.stderr
    assert not state.exists()


def test_by_hand_with_five_arguments(installed: Installation) -> None:
    installed.root.chmod(0o700)
    state = installed.root / "by-hand.state"
    hours = ",".join(str(hour) for hour in range(24))
    command = ["sh", "-c", 'echo "$0 $1 $(pwd)"; exit 5', "100%", "--x"]
    first = installed.run(hours, "Europe/Sofia", "900", str(state), *command, cwd="/usr")
    assert (first.returncode, first.stdout) == (5, "100% --x /usr\n")
    assert state.exists()
    check = installed.run("--check", hours, "Europe/Sofia", "900", str(state), *command)
    assert check.returncode == 1
    assert check.stdout.startswith("WARNING - by-hand.state: the last run ended with exit code 5")


def test_what_cron_gives(installed: Installation, minute: None) -> None:
    command = 'printf "%s\\n" "$HOME" "$LOGNAME" "$USER" "$SHELL" "$PATH" "$(umask)" "$(pwd)"; cat; exit 3 % 4'
    installed.declare(at=EVERY_MINUTE, command=command)
    found = installed.run("--job", "test", input="not for the command", preexec_fn=lambda: os.umask(0o077))
    assert found.stdout.splitlines() == [str(Path.home()), "root", "root", "/bin/sh", "/usr/bin:/bin", "0022", str(Path.home())]
    again = installed.run("--job", "test")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_by_hand_the_environment_is_that_of_the_call(installed: Installation) -> None:
    hours = ", ".join(str(hour) for hour in range(24))
    (installed.root / "own-command").write_text("#!/bin/sh\nenv\n", encoding="utf-8")
    (installed.root / "own-command").chmod(0o755)
    environment = {"PATH": f"{installed.root}:/usr/bin:/bin", "HOME": "/srv", "X": "1"}
    found = installed.run(hours, "Etc/UTC", "900", str(installed.root / "states" / "state"), "own-command", env=environment)
    assert {**environment, "PWD": found.stdout.partition("PWD=")[2].partition("\n")[0]} == dict(
        line.split("=", 1) for line in found.stdout.splitlines() if not line.startswith("_=")
    )


def test_nothing_of_roots_session_goes_to_another_user(installed: Installation, minute: None) -> None:
    installed.declare(at=EVERY_MINUTE, command="exec env", user="games")
    own = {"XDG_RUNTIME_DIR": "/run/user/0", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/0/bus", "HOME": "/root"}
    found = installed.run("--job", "test", env={**own, "TZ": "Etc/UTC", "LC_TIME": "C.UTF-8", "PATH": "/sbin:/usr/bin:/bin"})
    if os.geteuid() != 0:
        assert "only root can run the job" in found.stderr
        return
    assert sorted(line for line in found.stdout.splitlines() if not line.startswith(("PWD=", "_="))) == [
        "HOME=/usr/games",
        "LC_TIME=C.UTF-8",
        "LOGNAME=games",
        "PATH=/usr/bin:/bin",
        "SHELL=/bin/sh",
        "TZ=Etc/UTC",
        "USER=games",
    ]


def test_the_user_of_a_job(installed: Installation, minute: None) -> None:
    installed.declare(at=EVERY_MINUTE, command="id -un; id -gn; id -G; echo $LOGNAME $HOME", user="games")
    found = installed.run("--job", "test")
    if os.geteuid() == 0:
        assert found.stdout.splitlines() == ["games", "games", "60", "games /usr/games"]
    else:
        assert "only root can run the job" in found.stderr


def test_a_timeout_ends_the_whole_group(installed: Installation, minute: None) -> None:
    mark = installed.root / "pids"
    installed.declare(at=EVERY_MINUTE, command=f"sleep 600 & echo $! > {mark}; echo $$ >> {mark}; wait", timeout=1)
    begin = time.monotonic()
    found = installed.run("--job", "test")
    assert found.returncode == 124
    assert "took longer than 1 s" in found.stderr
    assert time.monotonic() - begin < 9
    assert installed.read()["exit_code"] == 124
    for pid in mark.read_text(encoding="utf-8").split():
        status = Path(f"/proc/{pid}/status")
        assert not status.exists() or "State:\tZ" in status.read_text(encoding="utf-8")


@pytest.mark.parametrize("by_timeout", [True, False])
def test_what_a_shell_started_has_its_time_to_end(installed: Installation, minute: None, by_timeout: bool) -> None:
    """The shell is gone at once; what it runs cleans up first."""
    work = installed.root / "work"
    work.write_text('trap "sleep 1; echo cleaned; exit" TERM\necho started >&2\nwhile :; do sleep 0.1; done\n', encoding="utf-8")
    installed.declare(at=EVERY_MINUTE, command=f"sh {work} & wait", timeout=3 if by_timeout else None)
    with subprocess.Popen([str(installed.command), "--job", "test"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        # All output of a declared job comes on one descriptor, in its order.
        assert process.stdout.readline() == "started\n"
        if not by_timeout:
            process.send_signal(signal.SIGTERM)
        # The shell itself says that it was ended.
        assert process.stdout.read().splitlines()[-1] == "cleaned"
        assert process.wait(20) == (124 if by_timeout else 128 + signal.SIGTERM)


def test_what_does_not_end_in_its_time_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "_GRACE", 0.5)
    tmp_path.chmod(0o700)
    stubborn = 'trap "" TERM; echo $$ > pid; while :; do sleep 0.1; done'
    job = Job("test", "Etc/UTC", EVERY_MINUTE, ["sh", "-c", f"cd {tmp_path}; sh -c '{stubborn}' & wait"], str(tmp_path / "state"))
    job.timeout = 3
    assert call(job, int(time.time())) == 124
    pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    assert identity(pid) is None


def test_one_that_ends_the_runner_ends_the_command(installed: Installation, minute: None) -> None:
    installed.declare(at=EVERY_MINUTE, command="exec sleep 600")
    process = subprocess.Popen([str(installed.command), "--job", "test"])
    pid = wait_for_command(installed)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    assert not Path(f"/proc/{pid}").exists()
    assert installed.read()["exit_code"] == 128 + signal.SIGTERM


def wait_for_command(installed: Installation) -> int:
    for _attempt in range(500):
        if installed.state.exists() and installed.read().get("running"):
            pid = int(installed.read()["running"]["pid"])
            if "sleep" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"):
                return pid
        time.sleep(0.01)
    raise AssertionError("the command was not started")


def test_a_run_that_goes_on_is_left_alone(installed: Installation, minute: None) -> None:
    installed.declare(at=EVERY_MINUTE, command="exec sleep 600")
    first = subprocess.Popen([str(installed.command), "--job", "test"])
    pid = wait_for_command(installed)
    again = installed.run("--job", "test")
    assert again.returncode == 0
    assert Path(f"/proc/{pid}").exists()
    first.kill()
    first.wait()
    # The runner is gone, and its command is not.
    assert installed.run("--job", "test").returncode == 0
    os.kill(pid, signal.SIGKILL)


def test_on_a_disk_that_is_full(installed: Installation, minute: None) -> None:
    """A tmpfs of 64 KiB in a mount namespace of its own, filled to the last byte."""
    out = installed.root / "out"
    installed.declare(at=EVERY_MINUTE, command=f"echo ran >> {out}")
    states = installed.state.parent
    fill = f'mount -t tmpfs -o size=64k,mode=700 none {states}; cat /dev/zero > {states}/filler; "$0" --job test; "$0" --job test'
    own_user = [] if os.geteuid() == 0 else ["--map-root-user"]
    argv = ["unshare", "--mount", *own_user, "sh", "-c", fill, str(installed.command)]
    found = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0
    assert "the state could not be written" in found.stderr
    assert "No space left on device" in found.stderr
    # The second call knows of the first by the time of the lock, which needs no space.
    assert out.read_text(encoding="utf-8") == "ran\n"


def test_killed_at_random_moments_200_times(installed: Installation) -> None:
    """The record stays readable, the lock free, no wanted time is answered twice, and the job runs when it is wanted next."""
    chance = random.Random(20261123)
    out = installed.root / "out"
    command = ["sh", "-c", f"echo ran >> {out}"]
    hours = [str(number) for number in range(24)]
    states = installed.root / "states"
    states.mkdir(mode=0o700)
    begin = time.monotonic()
    assert installed.run(",".join(hours), "Etc/UTC", "10", str(states / "whole"), "true").returncode == 0
    whole = time.monotonic() - begin
    killed_before_the_end = 0
    for number in range(200):
        # Each one is used for four kills: the first finds nothing, the others what was left.
        state = states / str(number // 4)
        argv = [str(installed.command), ",".join(hours), "Etc/UTC", "10", str(state), *command]
        process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, 1.3 * whole))
        process.kill()
        killed_before_the_end += process.wait() == -signal.SIGKILL
        job = Job("kill", "Etc/UTC", hours, command, str(state))
        store = Store(job.state, print)
        left = store.read()
        assert watch.judge(job, left, int(time.time()), 0)[0] in (watch.OK, watch.WARNING)
        wait_for_end(left, store)
        before = lines_of(out)
        now = int(time.time()) + (number + 1) * 3600
        assert [call(job, now), call(job, now)] == [0, 0]
        assert lines_of(out) == before + 1
        assert not Path(f"{state}.unreadable").exists()
    # How many it is depends on how busy the machine is.
    assert killed_before_the_end > 10
    # At most one by each killed call, in four of them for one hour or two, and one by each that was not.
    assert 200 <= lines_of(out) <= 400


def wait_for_end(state: dict[str, Any] | None, store: Store) -> None:
    """What a killed runner had started ends by itself; until then it is not started again, which other tests see to."""
    running = (state or {}).get("running")
    for _attempt in range(500):
        # A child that was just made has the lock until it gets to run for the first time.
        if (not running or identity(running["pid"]) != running["identity"]) and store.lock():
            store.unlock()
            return
        time.sleep(0.01)
    raise AssertionError("the command has not ended")


def lines_of(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").split()) if file.exists() else 0


NEEDED_FOR_A_RUN_ONLY = ["pwd", "signal", "run_at.execute", "run_at.textfile"]
DEAR = ["argparse", "dataclasses", "datetime", "difflib", "inspect", "logging", "pathlib", "random", "shutil", "socket", "subprocess"]
DEARER = ["tempfile", "threading", "typing", "zoneinfo", "ansible", "site"]


def test_a_call_that_has_nothing_to_do_imports_only_what_it_needs(installed: Installation, minute: None) -> None:
    installed.declare(at=EVERY_MINUTE, warn_after=900)
    assert installed.run("--job", "test").returncode == 0
    program = installed.command.read_text(encoding="utf-8").replace("sys.exit(main())", "main()\nprint(*sys.modules)")
    installed.command.write_text(program, encoding="utf-8")
    imported = set(installed.run("--job", "test").stdout.split())
    assert {"run_at.call", "run_at.store", "json"} <= imported
    assert imported.isdisjoint([*NEEDED_FOR_A_RUN_ONLY, *DEAR, *DEARER])


@pytest.mark.parametrize(
    "words", [["--check", "--job", "unknown"], ["--job", "unknown", "--check"], ["--dst=never", "--check", "--job", "x"]]
)
def test_a_check_answers_as_a_plugin_does(installed: Installation, words: list[str]) -> None:
    found = installed.run(*words)
    assert found.returncode == watch.UNKNOWN
    assert found.stdout.startswith("UNKNOWN - ")
    assert found.stderr == ""


def test_a_check_of_an_unreadable_state_names_it(installed: Installation) -> None:
    installed.state.write_text("[", encoding="utf-8")
    found = installed.run("--job", "test", "--check")
    assert found.returncode == watch.UNKNOWN
    assert found.stdout.startswith(f"UNKNOWN - test: the state {installed.state} cannot be read (Expecting value")
    assert "the next call sets it aside" in found.stdout


def test_the_folder_of_a_declared_job_is_made_for_all_to_look_through(installed: Installation, minute: None) -> None:
    installed.declare(at=EVERY_MINUTE)
    shutil.rmtree(installed.root / "var")
    assert installed.run("--job", "test", preexec_fn=lambda: os.umask(0)).returncode == 0
    modes = [oct(folder.stat().st_mode & 0o777) for folder in (installed.state.parent, installed.state.parent.parent)]
    assert modes == ["0o700", "0o755"]
