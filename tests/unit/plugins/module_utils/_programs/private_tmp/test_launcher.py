# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher, run for real where mounts are allowed, and what it refuses everywhere."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._programs.private_tmp import launcher
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.observe.launcher import program_text
from ansible_collections.fleetlab.linux.plugins.module_utils._tmp.render import is_ours

# Not by a name below /tmp, which a launcher in another one would not find.
PROGRAM = os.path.realpath(launcher.__file__)
USER = "nobody"
BACKINGS = ("tmpfs", "disk")
LIMIT = 20.0


def can_mount() -> bool:
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0


# Without root there is nothing that could be tried: what is left is said by the tests of the options.
needs_mounts = pytest.mark.skipif(not can_mount(), reason="mounts need root")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="private-tmp-test-", dir="/var/lib" if os.access("/var/lib", os.W_OK) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that only root can write to, on a disk and not below pytest's own."""
    with _folder() as folder:
        yield folder


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that commands see as the tests do; pytest's own may be below the /tmp that they do not see."""
    with _folder() as folder:
        yield folder


def words(base: Path, backing: str = "disk", *options: str) -> list[str]:
    return [sys.executable, "-I", PROGRAM, "--backing", backing, "--folder", str(base), *options, "--"]


def shell(base: Path, script: str, backing: str = "disk", *options: str) -> subprocess.CompletedProcess[str]:
    command = [*words(base, backing, *options), "sh", "-c", script]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT)


def start(base: Path, script: str, backing: str = "disk", *options: str, **how: bool) -> subprocess.Popen[str]:
    command = [*words(base, backing, *options), "sh", "-c", script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)  # type: ignore[call-overload,no-any-return]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@needs_mounts
@pytest.mark.parametrize("backing", BACKINGS)
@pytest.mark.parametrize("place", ["/tmp", "/var/tmp"])
class TestMount:
    """What the command sees."""

    def test_options_are_in_force(self, base: Path, backing: str, place: str) -> None:
        found = shell(base, f"findmnt --noheadings --output OPTIONS,PROPAGATION --mountpoint {place}", backing)
        options, propagation = found.stdout.split()
        assert {"nosuid", "nodev", "noexec"} <= set(options.split(","))
        assert propagation == "private"

    def test_nothing_is_executed(self, base: Path, backing: str, place: str) -> None:
        script = f"cp /bin/true {place}/program && chmod 755 {place}/program && {place}/program"
        found = shell(base, script, backing, "--user", USER)
        assert found.returncode == 126, found.stderr
        assert "Permission denied" in found.stderr

    def test_nothing_is_executed_by_children_or_the_loader(self, base: Path, backing: str, place: str) -> None:
        script = (
            f"cp /bin/true {place}/program; chmod 755 {place}/program;"
            f" (setsid sh -c 'sh -c {place}/program || echo refused'); /lib64/ld-linux-x86-64.so.2 {place}/program || echo refused"
        )
        assert shell(base, script, backing, "--user", USER).stdout.split() == ["refused", "refused"]

    def test_without_noexec_it_is_executed(self, base: Path, backing: str, place: str) -> None:
        # So that the refusals are the option's doing.
        found = shell(base, f"cp /bin/true {place}/program && {place}/program", backing, "--options", "nosuid,nodev")
        assert found.returncode == 0, found.stderr

    def test_no_privilege_and_no_device_comes_from_it(self, base: Path, backing: str, place: str) -> None:
        script = (
            f"cd {place}; cp /usr/bin/id id; chown root id; chmod 4755 id; mknod null c 1 3; chmod 666 null;"
            f" setpriv --reuid {USER} --clear-groups -- ./id -u; cat null || echo closed"
        )
        assert shell(base, script, backing, "--options", "nosuid,nodev").stdout.split() == [str(pwd.getpwnam(USER).pw_uid), "closed"]

    def test_neither_side_sees_the_other(self, base: Path, backing: str, place: str) -> None:
        with tempfile.NamedTemporaryFile(dir=place, prefix="fleetlab-outside-") as outside:
            process = start(base, f"ls -A {place}; touch {place}/fleetlab-inside; echo made; exec sleep 60", backing, "--user", USER)
            try:
                assert line_of(process) == "made", "the host's files are seen"
                assert not os.path.exists(f"{place}/fleetlab-inside")
                assert os.path.exists(outside.name)
            finally:
                process.terminate()
                process.communicate()

    def test_the_host_has_no_mount_of_it(self, base: Path, backing: str, place: str) -> None:
        before = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        process = start(base, "echo here; exec sleep 60", backing)
        try:
            assert line_of(process) == "here"
            assert Path("/proc/self/mountinfo").read_text(encoding="utf-8") == before
        finally:
            process.terminate()
            process.communicate()


@needs_mounts
class TestOptions:
    """What can be chosen."""

    def test_a_tmpfs_is_limited(self, base: Path) -> None:
        found = shell(
            base, "head -c 2M /dev/zero > /tmp/much; stat -c %s /tmp/much; df --output=size /tmp | tail -1", "tmpfs", "--size", "1M"
        )
        assert found.stdout.split() == ["1048576", "1024"]

    @pytest.mark.parametrize("backing", BACKINGS)
    def test_mode_and_group(self, base: Path, backing: str) -> None:
        found = shell(base, "stat -c '%a %U %g' /tmp /var/tmp; touch /tmp/mine", backing, "--user", USER, "--mode", "0770")
        line = f"770 root {pwd.getpwnam(USER).pw_gid}"
        assert (found.returncode, found.stdout.splitlines()) == (0, [line, line])

    def test_a_python_that_only_root_may_read_loads_nothing_as_the_user(self, base: Path) -> None:
        refusing = (
            "import sys; sys.path.insert(0, sys.argv[1]); import launcher; become = launcher.become\n"
            "class Finder:\n    def find_spec(self, name, *more): raise PermissionError(13, 'may not be read', name)\n"
            "def become_and_refuse(user, keep):\n"
            "    env = become(user, keep); sys.modules.pop('warnings', None); sys.meta_path.insert(0, Finder()); return env\n"
            "launcher.become = become_and_refuse; launcher.main(sys.argv[2:])"
        )
        own = ["--user", USER, "--folder", str(base), "--", "id", "-un"]
        command = [sys.executable, "-I", "-c", refusing, os.path.dirname(PROGRAM), *own]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{USER}\n", "")

    def test_privileges_are_dropped_for_good(self, base: Path) -> None:
        script = "id -u; id -G; echo $HOME $USER $LOGNAME; grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status; umount /tmp || echo refused"
        account = pwd.getpwnam(USER)
        found = shell(base, script, "disk", "--user", USER).stdout.splitlines()
        assert found[0] == str(account.pw_uid)
        assert str(0) not in found[1].split()
        assert found[2] == f"{account.pw_dir} {USER} {USER}"
        assert [line.split()[1] for line in found[3:6]] == ["0" * 16] * 3
        assert found[6] == "refused"

    @pytest.mark.parametrize("variable", ["TMPDIR", "TMP", "TEMP", "TEMPDIR"])
    def test_a_temporary_folder_of_the_caller_is_forgotten(self, base: Path, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(variable, "/tmp/user/0")
        assert shell(base, "echo -$TMPDIR$TMP$TEMP$TEMPDIR-; mktemp").stdout.startswith("--\n/tmp/tmp.")

    def test_another_user_gets_what_a_login_gives_and_what_is_named(self, base: Path) -> None:
        """t12: secrets and the session of root stay with root."""
        own = {
            "SECRET_KEY": "abc",
            "XDG_RUNTIME_DIR": "/run/user/0",
            "SSH_AUTH_SOCK": "/tmp/agent",
            "PATH": os.environ["PATH"],
            "TERM": "vt100",
        }
        account = pwd.getpwnam(USER)
        login = {"HOME": account.pw_dir, "USER": USER, "LOGNAME": USER, "SHELL": account.pw_shell, "PATH": "/usr/local/bin:/usr/bin:/bin"}

        def env_of(*options: str, **more: str) -> dict[str, str]:
            argv = [*words(base, "tmpfs", *options), "env"]
            found = subprocess.run(argv, check=True, capture_output=True, text=True, env={**own, **more})
            return dict(line.split("=", 1) for line in found.stdout.splitlines())

        assert env_of("--user", USER) == {**login, "TERM": "vt100"}
        kept = env_of("--user", USER, "--keep", "LANG,PATH,MISSING", LANG="C.UTF-8")
        assert kept == {**login, "TERM": "vt100", "LANG": "C.UTF-8", "PATH": own["PATH"]}
        # Root's own command has root's environment, without the variable that Python adds.
        assert env_of() == own

    def test_a_value_does_not_belong_on_the_command_line(self, base: Path) -> None:
        found = shell(base, "true", "tmpfs", "--user", USER, "--keep", "SECRET=x")
        assert (found.returncode, found.stdout) == (125, "")
        assert "give only the names of variables" in found.stderr

    def test_the_current_folder_stays_and_is_no_way_out(self, base: Path) -> None:
        with tempfile.TemporaryDirectory(dir="/tmp", prefix="fleetlab-cwd-") as folder:
            for here, expected in ((folder, "/"), ("/tmp", "/tmp"), ("/usr", "/usr")):
                found = subprocess.run(
                    [*words(base), "sh", "-c", "pwd -P; ls -A . | grep -c fleetlab"], cwd=here, check=False, capture_output=True, text=True
                )
                assert found.stdout.split() == [expected, "0"]

    def test_a_current_folder_that_was_removed(self, base: Path) -> None:
        gone = tempfile.mkdtemp(dir="/tmp", prefix="fleetlab-cwd-")
        script = f'cd {gone} && rmdir {gone} && exec "$@"'
        found = subprocess.run(["sh", "-c", script, "sh", *words(base), "pwd", "-P"], check=False, capture_output=True, text=True)
        assert (found.returncode, found.stdout) == (0, "/\n")

    def test_the_current_folder_is_not_looked_up_again(self, base: Path) -> None:
        # By its name there is now another one, as its owner could have arranged too.
        (base / "here" / "seen").mkdir(parents=True)
        script = f'cd {base}/here && mount -t tmpfs tmpfs {base}/here && exec "$@"'
        inside = ["unshare", "--mount", "sh", "-c", script, "sh", *words(base, "tmpfs"), "ls"]
        assert subprocess.run(inside, check=True, capture_output=True, text=True).stdout == "seen\n"

    @pytest.mark.parametrize("outer", BACKINGS)
    @pytest.mark.parametrize("inner", BACKINGS)
    def test_one_in_another(self, base: Path, outer: str, inner: str) -> None:
        script = "ls -A /tmp; touch /tmp/mine; ls -A /tmp; exit 5"
        nested = " ".join([*words(base, inner, "--user", USER), "sh", "-c", f"'{script}'"])
        found = shell(base, f"touch /tmp/theirs; {nested}; echo $?; ls -A /tmp", outer)
        assert (found.stdout.split(), found.stderr) == (["mine", "5", "theirs"], "")
        assert list(base.iterdir()) == []


@needs_mounts
@pytest.mark.parametrize("backing", BACKINGS)
class TestEnd:
    """Exit codes and signals go through, and nothing is left."""

    @pytest.mark.parametrize("code", [0, 1, 42, 125, 255])
    def test_exit_code(self, base: Path, backing: str, code: int) -> None:
        assert shell(base, f"touch /tmp/a; exit {code}", backing).returncode == code
        assert list(base.iterdir()) == []

    def test_commands_that_can_not_be_run(self, base: Path, backing: str) -> None:
        for command, code in (("/nowhere/at/all", 127), ("no-such-command", 127), ("/etc/passwd", 126), ("/usr", 126)):
            found = subprocess.run([*words(base, backing), command], check=False, capture_output=True, text=True, timeout=LIMIT)
            assert (found.returncode, found.stderr.count("\n"), command in found.stderr) == (code, 1, True)
        assert list(base.iterdir()) == []

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGALRM", "SIGRTMIN"])
    def test_a_signal_is_passed_on(self, base: Path, backing: str, name: str) -> None:
        number = getattr(signal, name)
        process = start(base, f"trap 'echo caught; exit 9' {int(number)}; echo ready; while :; do sleep 0.05; done", backing)
        assert line_of(process) == "ready"
        process.send_signal(number)
        assert process.communicate(timeout=LIMIT)[0].strip() == "caught"
        assert process.returncode == 9
        assert list(base.iterdir()) == []

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGSEGV", "SIGPIPE", "SIGRTMIN"])
    def test_the_death_by_a_signal_is_its_own(self, base: Path, backing: str, name: str) -> None:
        number = getattr(signal, name)
        assert shell(base, f"ulimit -c 0; kill -{int(number)} $$", backing).returncode == -number
        assert list(base.iterdir()) == []

    def test_a_signal_of_the_terminal_comes_once(self, base: Path, backing: str) -> None:
        script = "trap 'echo caught' INT; echo ready; sleep 0.3; sleep 0.3; sleep 0.3; exit 3"
        command = [*words(base, backing), "sh", "-c", script]
        reader, writer = os.openpty()
        process = subprocess.Popen(["setsid", "--ctty", "--wait", *command], stdin=writer, stdout=subprocess.PIPE, text=True)
        assert line_of(process) == "ready"
        os.write(reader, b"\x03")
        out = process.communicate(timeout=LIMIT)[0]
        os.close(reader)
        os.close(writer)
        assert (out.split(), process.returncode) == (["caught"], 3)

    def test_a_timer_that_the_caller_set_ends_the_command(self, base: Path, backing: str) -> None:
        # As the alarm of perl -e 'alarm 10; exec @ARGV' does.
        program = "import os, signal, sys; signal.setitimer(signal.ITIMER_REAL, 0.5); os.execv(sys.argv[1], sys.argv[1:])"
        command = [sys.executable, "-c", program, *words(base, backing), "sleep", "60"]
        found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT)
        assert (found.returncode, found.stderr) == (-signal.SIGALRM, "")
        assert list(base.iterdir()) == []

    def test_a_terminal_that_hangs_up(self, base: Path, backing: str) -> None:
        reader, writer = os.openpty()
        command = ["setsid", "--ctty", *words(base, backing), "sh", "-c", "echo ready; exec sleep 60"]
        process = subprocess.Popen(command, stdin=writer, stdout=subprocess.PIPE, text=True)
        os.close(writer)
        try:
            assert line_of(process) == "ready"
            os.close(reader)
            assert process.wait(LIMIT) == -signal.SIGHUP
        finally:
            process.kill()
            process.communicate()
        wait_for(lambda: list(base.iterdir()) == [], "the folder was left behind")

    def test_descriptors_that_the_caller_closed(self, base: Path, backing: str, outside: Path) -> None:
        answer = outside / "answer"
        script = f"for n in 0 1 2; do [ -e /proc/$$/fd/$n ] && touch {answer}-$n; done; touch {answer}; exec sleep 60"
        closing = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words(base, backing), "sh", "-c", script]
        process = subprocess.Popen(closing)
        wait_for(answer.exists, "the command does not run")
        process.kill()
        process.wait()
        # The guard must not have lost what it works with to one of these numbers.
        wait_for(lambda: list(base.iterdir()) == [], "the folder was left behind")
        assert list(outside.iterdir()) == [answer]

    def test_standard_input_and_output_are_the_commands_own(self, base: Path, backing: str) -> None:
        command = [*words(base, backing), "tr", "a-z", "A-Z"]
        found = subprocess.run(command, input="through\n" * 5000, check=False, capture_output=True, text=True, timeout=LIMIT)
        assert found.stdout == "THROUGH\n" * 5000

    def test_a_descriptor_that_the_command_closes_is_closed(self, base: Path, backing: str) -> None:
        reader, writer = os.pipe()
        command = [*words(base, backing), "bash", "-c", f"echo ready >&{writer}; exec {writer}>&-; exec sleep 60"]
        process = subprocess.Popen(command, pass_fds=[writer])
        os.close(writer)
        try:
            with os.fdopen(reader) as stream:
                # To its end: nobody else may hold it open.
                assert stream.read() == "ready\n"
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait()

    def test_kill_9_takes_the_command_along(self, base: Path, backing: str) -> None:
        process = start(base, "touch /tmp/a /var/tmp/b; echo $$; exec sleep 60", backing, "--user", USER)
        command = int(line_of(process))
        process.kill()
        process.wait()
        wait_for(lambda: not _runs(command), "the command runs on")
        wait_for(lambda: list(base.iterdir()) == [], "the folder was left behind")

    def test_kill_9_of_the_whole_group(self, base: Path, backing: str) -> None:
        process = start(base, "mkdir /tmp/a; echo $$; sleep 60; true", backing, start_new_session=True)
        command = int(line_of(process))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_for(lambda: not _runs(command), "the command runs on")
        wait_for(lambda: list(base.iterdir()) == [], "the folder was left behind")


def _status_of(child: Callable[[int], object]) -> int:
    """How a fork of this process ended in which C(child) was called with the number of its parent."""
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            child(parent)
        finally:
            os._exit(99)
    return os.waitpid(pid, 0)[1]


@needs_mounts
class TestStart:
    """Moments between the launcher's start and the command's."""

    def test_the_launcher_was_killed_before_the_command_ran(self, outside: Path) -> None:
        options, command = launcher.parse(["--", "touch", str(outside / "made")])
        status = _status_of(lambda parent: launcher.run_command(options, command, None, [], os.getpid()))
        assert (os.WEXITSTATUS(status), list(outside.iterdir())) == (launcher.FAILED, [])
        status = _status_of(lambda parent: launcher.run_command(options, command, None, [], parent))
        assert (status, [path.name for path in outside.iterdir()]) == (0, ["made"])

    def test_an_interrupt_before_the_command_runs(self) -> None:
        options, command = launcher.parse(["--", "sleep", "60"])

        def interrupted(parent: int) -> None:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.kill(os.getpid(), signal.SIGINT)
            launcher.run_command(options, command, None, [], parent)

        assert _status_of(interrupted) == signal.SIGINT

    @pytest.mark.parametrize("backing", BACKINGS)
    def test_no_proc(self, base: Path, backing: str) -> None:
        inside = ["unshare", "--mount", "sh", "-c", 'umount --lazy /proc && exec "$@"', "sh", *words(base, backing), "echo", "never"]
        found = subprocess.run(inside, check=False, capture_output=True, text=True, timeout=LIMIT)
        assert (found.returncode, found.stdout, found.stderr) == (
            launcher.FAILED,
            "",
            "private-tmp: needs /proc, which is not mounted here\n",
        )
        assert list(base.iterdir()) == []


def _runs(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]


@needs_mounts
class TestFolder:
    """The folder behind a /tmp on disk, and those who would like to be in it."""

    def test_the_next_start_removes_what_a_kill_of_everything_left(self, base: Path) -> None:
        process = start(base, "touch /tmp/secret; echo $$; exec sleep 60")
        line_of(process)
        for pid in [*_children(process.pid), process.pid]:
            os.kill(pid, signal.SIGKILL)
        process.wait()
        assert len(list(base.iterdir())) == 1
        assert shell(base, "true").returncode == 0
        assert list(base.iterdir()) == []

    def test_the_next_start_leaves_those_in_use_alone(self, base: Path) -> None:
        process = start(base, "touch /tmp/mine; echo here; read word; ls /tmp", stdin=subprocess.PIPE)  # type: ignore[arg-type]
        assert line_of(process) == "here"
        (used,) = base.iterdir()
        assert shell(base, "true").returncode == 0
        assert list(base.iterdir()) == [used]
        assert process.communicate("go\n", timeout=LIMIT)[0].strip() == "mine"

    def test_names_can_not_be_guessed(self, base: Path) -> None:
        running = [start(base, "echo here; exec sleep 60") for _count in range(4)]
        try:
            assert [line_of(process) for process in running] == ["here"] * 4
            names = [folder.name for folder in base.iterdir()]
            assert len({name[len(launcher.PREFIX) :][:8] for name in names}) == 4
            assert {len(name) for name in names} == {len(launcher.PREFIX) + 24}
            assert {(folder.stat().st_uid, folder.stat().st_mode & 0o777) for folder in base.iterdir()} == {(0, 0o700)}
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.communicate()

    def test_a_base_made_beforehand_by_somebody_else_is_refused(self, base: Path) -> None:
        guessed = base / "guessed"
        guessed.mkdir()
        os.chown(guessed, pwd.getpwnam(USER).pw_uid, -1)
        found = shell(guessed, "echo never")
        assert (found.returncode, found.stdout) == (launcher.FAILED, "")
        assert "others could write to it" in found.stderr

    @pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
    def test_a_base_that_others_write_to_is_refused(self, base: Path, mode: int) -> None:
        base.chmod(mode)
        found = shell(base, "echo never")
        assert (found.returncode, found.stdout) == (launcher.FAILED, "")

    def test_a_link_as_base_is_refused(self, base: Path) -> None:
        (base / "link").symlink_to("/etc")
        found = shell(base / "link", "echo never")
        assert (found.returncode, found.stdout) == (launcher.FAILED, "")
        assert "is a link" in found.stderr

    def test_folders_by_our_names_that_are_links_or_of_others_stay(self, base: Path) -> None:
        elsewhere = base / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "precious").touch()
        names = [f"run-{number:024x}" for number in range(4)]
        (base / names[0]).symlink_to(elsewhere)
        (base / names[1]).mkdir(mode=0o700)
        os.chown(base / names[1], pwd.getpwnam(USER).pw_uid, -1)
        (base / names[2]).touch()
        (base / names[3]).mkdir(mode=0o755)
        (base / "run-production" / "precious").mkdir(parents=True)
        assert shell(base, "true").returncode == 0
        assert sorted(path.name for path in base.iterdir()) == ["elsewhere", *names, "run-production"]
        assert (elsewhere / "precious").exists()
        assert (base / "run-production" / "precious").exists()

    def test_nobody_who_locks_the_base_keeps_it_from_starting(self, base: Path) -> None:
        base.chmod(0o755)
        descriptor = os.open(base, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            assert shell(base, "echo started").stdout == "started\n"
        finally:
            os.close(descriptor)

    def test_another_start_may_take_a_folder_that_is_not_locked_yet(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        descriptor = os.open(base, os.O_RDONLY)
        mkdir = os.mkdir
        taken: list[str] = []
        held: list[int] = []

        def make(name: str, mode: int, dir_fd: int) -> None:
            mkdir(name, mode, dir_fd=dir_fd)
            if not taken:
                launcher.remove_abandoned(dir_fd)
                taken.append(name)
            elif not held:
                held.append(os.open(name, os.O_RDONLY, dir_fd=dir_fd))
                fcntl.flock(held[0], fcntl.LOCK_EX)

        monkeypatch.setattr(os, "mkdir", make)
        name, folder = launcher.make_folder(descriptor)
        assert os.path.samestat(os.stat(base / name), os.fstat(folder))
        assert name not in taken
        assert len(list(base.iterdir())) == 2
        for number in (descriptor, folder, *held):
            os.close(number)

    def test_what_can_not_be_removed_is_not_tried_for_ever(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("a", "immutable", "z"):
            (base / "run" / "tmp" / name / name).mkdir(parents=True)
        (base / "run" / "tmp" / "immutable" / "file").touch()
        descriptor = os.open(base, os.O_RDONLY)
        tried: list[str] = []
        unlink, rename = os.unlink, os.rename

        def keep(name: str, dir_fd: int) -> None:
            tried.append(name)
            assert len(tried) < 100, "without end"
            if name == "file":
                raise PermissionError
            unlink(name, dir_fd=dir_fd)

        def move(name: str, new: str, src_dir_fd: int, dst_dir_fd: int) -> None:
            if name == "file":
                raise PermissionError
            rename(name, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

        monkeypatch.setattr(os, "unlink", keep)
        monkeypatch.setattr(os, "rename", move)
        assert not launcher.remove(descriptor, "run", time.monotonic() + LIMIT)
        os.close(descriptor)
        assert [path.name for path in base.rglob("*") if not path.is_dir()] == ["file"]
        assert len(list(base.rglob("*"))) == 3

    def test_links_inside_lead_nowhere(self, base: Path) -> None:
        precious = base / "precious"
        precious.mkdir()
        (precious / "file").write_text("kept", encoding="utf-8")
        script = f"ln -s {precious} /tmp/a; ln -s {precious}/file /tmp/b; ln -s / /tmp/c; mkdir /tmp/d; ln -s ../../../.. /tmp/d/e"
        assert shell(base, script).returncode == 0
        assert [path.name for path in base.iterdir()] == ["precious"]
        assert (precious / "file").read_text(encoding="utf-8") == "kept"

    def test_any_depth_and_mode_is_removed(self, base: Path) -> None:
        script = (
            "import os, socket\nos.chdir('/tmp')\n"
            "for _ in range(3000):\n    os.mkdir('d' * 50)\n    os.chdir('d' * 50)\n"
            "os.mkdir('/tmp/closed')\nopen('/tmp/closed/file', 'w').close()\nos.chmod('/tmp/closed', 0)\n"
            "os.mkfifo('/tmp/pipe')\nsocket.socket(socket.AF_UNIX).bind('/tmp/socket')\n"
            "open(b'/tmp/\\xff\\n', 'w').close()\n"
        )
        command = [*words(base, "disk", "--user", USER), sys.executable, "-I", "-c", script]
        if not os.access(sys.executable, os.X_OK) or "/root/" in os.path.realpath(sys.executable):
            command[-4] = "/usr/bin/python3"
        found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT)
        assert (found.returncode, found.stderr) == (0, "")
        assert list(base.iterdir()) == []

    def test_the_user_can_not_reach_the_folders_of_others(self, base: Path) -> None:
        process = start(base, "echo secret > /tmp/secret; chmod 644 /tmp/secret; echo here; exec sleep 60")
        try:
            assert line_of(process) == "here"
            (folder,) = base.iterdir()
            os.chmod(base, 0o755)
            found = shell(base, f"ls {folder} || cat {folder}/tmp/secret || echo closed", "disk", "--user", USER)
            assert found.stdout.strip() == "closed"
        finally:
            process.terminate()
            process.communicate()

    def test_a_folder_below_tmp_will_do(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="fleetlab-base-", dir="/tmp"))
        try:
            found = shell(folder, "ls -A /tmp; findmnt --noheadings --output OPTIONS --mountpoint /var/tmp")
            assert "noexec" in found.stdout
            assert list(folder.iterdir()) == []
        finally:
            folder.rmdir()


class TestInput:
    """Refused before anything is made."""

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            (["--user", "no-such-user"], "no-such-user"),
            (["--options", "noexec,frobnicate"], "frobnicate"),
            (["--options", "exec"], "exec"),
            (["--size", "0"], "'0'"),
            (["--size", "-1"], "-1"),
            (["--size", "64X"], "64X"),
            (["--size", "1"], "at least 64K"),
            (["--size", "63k"], "at least 64K"),
            (["--size", "101%"], "101%"),
            (["--size", "64M,mode=0"], "64M,mode=0"),
            (["--size", "64M\n"], "64M"),
            (["--size", "1M", "--backing", "disk"], "--size"),
            (["--mode", "rwx"], "rwx"),
            (["--mode", "4777"], "4777"),
            (["--mode", "504"], "504"),
            (["--mode", "0700", "--user", USER], f"lets the group of {USER} write"),
            (["--backing", "moon"], "moon"),
            (["--opt", "noexec"], "--opt"),
            (["true"], "true"),
        ],
    )
    def test_wrong_options(self, base: Path, options: list[str], found: str) -> None:
        command = [sys.executable, "-I", PROGRAM, "--folder", str(base / "new"), *options, "--", "echo", "never"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (launcher.FAILED, "")
        assert found in done.stderr
        assert not (base / "new").exists()

    @pytest.mark.parametrize(
        "command", [[], ["--"], ["--backing", "disk"], ["true"], ["ls", "-h"], ["--user", "root", "true"], ["tail", "--size", "1"]]
    )
    def test_no_command(self, command: list[str]) -> None:
        done = subprocess.run([sys.executable, "-I", PROGRAM, *command], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout, "command behind --" in done.stderr) == (launcher.FAILED, "", True)

    @pytest.mark.parametrize("words", [["--help"], ["-h"], ["--help", "--", "true"]])
    def test_help(self, words: list[str]) -> None:
        done = subprocess.run([sys.executable, "-I", PROGRAM, *words], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr, "COMMAND" in done.stdout) == (0, "", True)

    def test_without_root_it_says_so(self) -> None:
        options, _command = launcher.parse(["--", "true"])
        assert (options.backing, options.mode, options.options, options.folder) == (
            "tmpfs",
            0o1777,
            ("noexec", "nosuid", "nodev"),
            launcher.FOLDER,
        )


def test_the_installed_text_is_a_program_of_its_own(tmp_path: Path) -> None:
    text = program_text(launcher.__name__)
    first, second = text.splitlines()[:2]
    assert first.startswith("#!/")
    assert first.endswith(" -I")
    assert is_ours(second)
    program = tmp_path / "private-tmp"
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    done = subprocess.run([program, "--help"], check=False, capture_output=True, text=True)
    assert (done.returncode, "COMMAND" in done.stdout) == (0, True)
