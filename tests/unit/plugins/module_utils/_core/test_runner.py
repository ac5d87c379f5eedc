# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands are really run here: what matters is what happens to their processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core import runner as runner_module
from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner

runner = SystemRunner()


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def is_running(pid: int) -> bool:
    """Whether a process is there and not only waiting to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_until_gone(pid: int) -> bool:
    for _attempt in range(100):
        if not is_running(pid):
            return True
        time.sleep(0.05)
    return False


class TestResult:
    def test_output_and_exit_code(self) -> None:
        code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
        result = runner.run(python(code), accept=(0, 3))
        assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")
        assert result.argv == tuple(python(code))

    def test_stdin_is_fed_and_otherwise_empty(self) -> None:
        assert runner.run(["cat"], stdin="grüß\n").stdout == "grüß\n"
        assert runner.run(["cat"]).stdout == ""

    def test_bytes_that_are_no_text_are_replaced(self) -> None:
        assert runner.run(python(r"import sys; sys.stdout.buffer.write(b'a\xffb')")).stdout == "a\ufffdb"

    def test_arguments_reach_the_command_as_they_are(self) -> None:
        hostile = ["$(id)", "a b", ";", "", "*", "-n", "\n", "'\""]
        shown = runner.run(python("import sys; print(sys.argv[1:])", *hostile)).stdout
        assert shown == f"{hostile}\n"

    def test_locale_is_c_and_system_folders_are_on_the_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        monkeypatch.setenv("LANGUAGE", "de")
        monkeypatch.setenv("PATH", "/usr/bin:/own/folder")
        lines = runner.run(["env"]).stdout.splitlines()
        assert {"LC_ALL=C", "LANGUAGE=C"} <= set(lines)
        (path,) = (line[len("PATH=") :].split(":") for line in lines if line.startswith("PATH="))
        assert path[:2] == ["/usr/bin", "/own/folder"]
        assert {"/usr/sbin", "/sbin"} <= set(path)
        assert len(path) == len(set(path))


class TestFailure:
    def test_unexpected_exit_code_brings_the_last_lines_of_stderr(self) -> None:
        code = "import sys; [print('line', n, file=sys.stderr) for n in range(9)]; print('ignored'); sys.exit(4)"
        with pytest.raises(CommandError) as caught:
            runner.run(python(code))
        error = caught.value
        assert error.problem == "exit code 4: line 4 | line 5 | line 6 | line 7 | line 8"
        assert (error.brief, error.exit_code) == ("exit code 4", 4)
        assert error.stderr.startswith("line 0\n")

    @pytest.mark.parametrize(("code", "reason"), [("print('only here'); exit(1)", "only here"), ("exit(1)", "no output")])
    def test_a_silent_stderr(self, code: str, reason: str) -> None:
        with pytest.raises(CommandError, match=f"exit code 1: {reason}$"):
            runner.run(python(code))

    def test_zero_is_a_failure_when_it_is_not_accepted(self) -> None:
        with pytest.raises(CommandError, match="exit code 0: no output"):
            runner.run(["true"], accept=(1,))

    def test_missing_command_names_the_package(self) -> None:
        packages = {"no-such-tool": "tool-package (Debian) or toolpkg (RHEL)"}
        with pytest.raises(CommandError) as caught:
            SystemRunner(packages.__getitem__).run(["no-such-tool", "--all"])
        assert str(caught.value) == (
            "no-such-tool --all: command no-such-tool was not found on this host: "
            "install the package tool-package (Debian) or toolpkg (RHEL)"
        )
        assert caught.value.exit_code == 127

    def test_missing_command_of_an_unknown_package(self) -> None:
        with pytest.raises(CommandError, match="no-such-tool was not found on this host: install it or correct PATH"):
            runner.run(["no-such-tool"])

    def test_file_that_may_not_be_executed(self, tmp_path: Path) -> None:
        script = tmp_path / "script"
        script.write_text("#!/bin/sh\n")
        with pytest.raises(CommandError, match="may not be executed by this user") as caught:
            runner.run([str(script)])
        assert caught.value.exit_code == 126

    def test_file_that_is_no_program(self, tmp_path: Path) -> None:
        script = tmp_path / "script"
        script.write_bytes(b"\x00\x01")
        script.chmod(0o755)
        with pytest.raises(CommandError, match=f"command {script} could not be started: Exec format error"):
            runner.run([str(script)])


STUBBORN_FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
time.sleep(60)
"""
"""A command that does not follow SIGTERM, with a child that inherits the same."""

LEADER_DIES = """
import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1], "w").write(f"{os.getppid()} {os.getpid()}")
time.sleep(60)
"""
"""A command that follows SIGTERM and leaves a child that does not."""

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    open(sys.argv[1], "w").write(str(os.getpid()))
    time.sleep(60)
print("started", flush=True)
"""
"""A command that leaves a daemon behind, which keeps its output open."""


class TestTimeLimit:
    @pytest.fixture(autouse=True, params=["told at once", "looks every so often"])
    def _ways_to_wait(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner_module, "_GRACE", 0.3)
        if request.param == "looks every so often":
            monkeypatch.delattr(os, "pidfd_open", raising=False)

    @pytest.mark.parametrize("code", [STUBBORN_FAMILY, LEADER_DIES], ids=["stubborn-family", "leader-dies"])
    def test_the_whole_process_group_is_ended(self, code: str, tmp_path: Path) -> None:
        pids = tmp_path / "pids"
        start = time.monotonic()
        with pytest.raises(CommandError) as caught:
            runner.run(python(code, str(pids)), timeout=1.5)
        assert time.monotonic() - start < 10
        assert caught.value.problem == "took longer than 1.5 s and was ended"
        assert caught.value.brief == caught.value.problem
        assert [wait_until_gone(int(pid)) for pid in pids.read_text().split()] == [True, True]

    def test_a_daemon_that_keeps_the_output_open_is_not_waited_for(self, tmp_path: Path) -> None:
        pid_file = tmp_path / "pid"
        start = time.monotonic()
        result = runner.run(python(DAEMON, str(pid_file)), timeout=30)
        assert time.monotonic() - start < 20
        assert result.stdout == "started\n"
        for _attempt in range(100):
            if pid_file.exists() and pid_file.read_text():
                break
            time.sleep(0.05)
        daemon = int(pid_file.read_text())
        assert is_running(daemon)
        os.kill(daemon, signal.SIGKILL)

    def test_a_command_that_survives_even_sigkill_is_left_and_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # What a task in uninterruptible sleep does: a dead iSCSI disk makes plenty of them.
        signals = []
        monkeypatch.setattr(runner_module, "_signal_group", lambda group, number: signals.append((group, number)))
        with pytest.raises(CommandError, match=r"took longer than 0\.2 s and cannot be ended: it hangs in the kernel"):
            runner.run(["sleep", "60"], timeout=0.2)
        (group, *_more), (_same, last) = signals
        assert last == signal.SIGKILL
        os.killpg(group, signal.SIGKILL)

    def test_an_interrupted_module_leaves_no_command_behind(self, tmp_path: Path) -> None:
        pid_file = tmp_path / "pid"

        def interrupt(_number: int, _frame: object) -> None:
            if pid_file.exists() and pid_file.read_text():
                signal.setitimer(signal.ITIMER_REAL, 0)
                raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        try:
            with pytest.raises(KeyboardInterrupt):
                runner.run(["sh", "-c", 'echo $$ >"$0"; exec sleep 60', str(pid_file)])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert wait_until_gone(int(pid_file.read_text()))
