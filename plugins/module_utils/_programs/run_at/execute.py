# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a job's command in the way of cron, in a process group that can be ended as a whole."""

from __future__ import annotations

import os
import signal
import time

from .job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, NoReturn

# The exit codes of a shell and of timeout(1).
TIMED_OUT = 124
NOT_STARTED = 126
_NOT_FOUND = 127

_GRACE = 10.0
# Only the end of the leader is signalled; the other processes of its group have to be polled.
_LOOK = 0.1
_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StartError(Exception):
    """The reason why a command cannot be started, with the exit code for it."""

    def __init__(self, text: str, exit_code: int = NOT_STARTED) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class Account:
    """The user of a command, with the variables that cron sets."""

    def __init__(self, user: str | None) -> None:
        import pwd

        try:
            found = pwd.getpwuid(os.geteuid()) if user is None else pwd.getpwnam(user)
        except KeyError:
            raise StartError(f"there is no user '{os.geteuid() if user is None else user}' on this host") from None
        self.name = found.pw_name
        self.uid = found.pw_uid
        self.gid = found.pw_gid
        self.home = found.pw_dir
        self.change = user is not None and found.pw_uid != os.geteuid()
        if self.change and os.geteuid() != 0:
            raise StartError(f"only root can run the job, whose user is '{user}'")

    def environment(self, job: Job) -> dict[str, str]:
        """The variables that cron sets, those of the job, and those of this process, of which another user gets only locale and zone."""
        own = {"HOME": self.home, "LOGNAME": self.name, "USER": self.name, "SHELL": job.shell, "PATH": job.path}
        zone = {"TZ": job.zone_name} if job.command_timezone else {}
        given = inherited()
        if self.change:
            # Other variables, such as XDG_RUNTIME_DIR, belong to a session of another user.
            given = {name: value for name, value in given.items() if name in ("LANG", "TZ") or name.startswith("LC_")}
        return {**given, **own, **zone, **job.env}

    def take(self) -> None:
        """Become this user permanently."""
        os.initgroups(self.name, self.gid)
        os.setgid(self.gid)
        os.setuid(self.uid)


def inherited() -> dict[str, str]:
    """The environment of this process, without the variable that Python adds if no locale is set (PEP 538)."""
    found = dict(os.environ)
    try:
        with open("/proc/self/environ", "rb") as stream:
            given = stream.read().split(b"\0")
    except OSError:
        return found
    if not any(entry.startswith(b"LC_CTYPE=") for entry in given):
        found.pop("LC_CTYPE", None)
    return found


def wrapped(job: Job, account: Account) -> list[str]:
    """The command, after the programs that give it its network namespace and private /tmp; these programs have to start as root."""
    argv = list(job.command)
    if job.private_tmp:
        # The launcher gives another user the variables of a login and those that are named.
        user = ["--user", account.name, f"--keep={','.join(account.environment(job))}"] if account.change else []
        argv = [_needed("private-tmp"), *user, "--", *argv]
    elif job.netns is not None and account.change:
        argv = [_needed("setpriv"), f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups", "--", *argv]
    if job.netns is not None:
        argv = [_needed("ip"), "netns", "exec", job.netns, *argv]
    return argv


def find(program: str) -> str | None:
    """The path of a program that starts jobs; None if this host does not have it."""
    for folder in _FOLDERS:
        if os.access(f"{folder}/{program}", os.X_OK):
            return f"{folder}/{program}"
    return None


def _needed(program: str) -> str:
    found = find(program)
    if found is None:
        raise StartError(f"'{program}', which the job needs, is not on this host", _NOT_FOUND)
    return found


class Process:
    """A command that waits until its process is on record. If it cannot be started, its exit code says so."""

    def __init__(self, job: Job, lock: int | None, output: int | None = None) -> None:
        """Make the process.

        :arg lock: the descriptor of the job's lock. The command does not inherit it, so that the lock is free when the runner is killed.
        :arg output: the descriptor for all output of the command; without it, the command has that of this process.
        :raises OSError: no process can be made.
        """
        self._job = job
        self._exit_code: int | None = None
        gate, self._gate = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(gate)
            os.close(self._gate)
            raise
        if self.pid == 0:
            self._child(gate, lock, output)
        os.close(gate)
        # Signals are waited for and not handled, so that none is lost between the check and the wait.
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def _child(self, gate: int, lock: int | None, output: int | None) -> NoReturn:
        code = NOT_STARTED
        try:
            if lock is not None:
                os.close(lock)
            if output is not None:
                os.dup2(output, 1)
                os.dup2(output, 2)
            os.setsid()
            os.close(self._gate)
            # End of file without a byte: the parent was killed before it had the process on record.
            if os.read(gate, 1) == b"":
                os._exit(NOT_STARTED)
            self._become_command()
        except StartError as error:
            code = error.exit_code
            self._say(str(error))
        except OSError as error:
            self._say(f"the command could not be started: {error.strerror}")
        finally:
            os._exit(code)

    def _say(self, text: str) -> None:
        os.write(2, f"run-at: {self._job.name}: {text}\n".encode("utf-8", "replace"))

    def _become_command(self) -> NoReturn:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # A command in a crontab keeps the environment of its line.
        argv, environment = self._job.command, inherited()
        if self._job.declared:
            account = Account(self._job.user)
            argv, environment = wrapped(self._job, account), account.environment(self._job)
            self._be_at_home(account)
        # Python ignores some signals that programs need.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        try:
            os.execvpe(argv[0], argv, environment)
        except OSError as error:
            code = _NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED
            raise StartError(f"{argv[0]}: {error.strerror}", code) from None

    def _be_at_home(self, account: Account) -> None:
        # The programs before the command start as root, and change the user themselves.
        if account.change and not self._job.private_tmp and self._job.netns is None:
            account.take()
        try:
            os.chdir(account.home)
        except OSError:
            os.chdir("/")

    def run(self, timeout: float | None, warn: Callable[[str], None]) -> int:
        """Start the command and return its exit code. After the timeout, or when this process gets a signal to end, end its group."""
        os.write(self._gate, b"1")
        os.close(self._gate)
        try:
            return self._wait(timeout, warn)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _wait(self, timeout: float | None, warn: Callable[[str], None]) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            exit_code = self._ended()
            if exit_code is not None:
                return exit_code
            number = _next_signal(end)
            if number == signal.SIGCHLD:
                continue
            if number is None:
                warn(f"the command took longer than {timeout:g} s and was ended")
            self._end_group(number or signal.SIGTERM)
            return TIMED_OUT if number is None else 128 + number

    def _ended(self) -> int | None:
        """The exit code of the leader, which is the child of this process; None while it runs."""
        if self._exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._exit_code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        return self._exit_code

    def _end_group(self, number: int) -> None:
        """Signal the whole group and wait for its end: the leader may end before its children, because a shell does not wait for these."""
        self._signal(number)
        if not self._is_over_within(_GRACE):
            self._signal(signal.SIGKILL)
            # A process that hangs in the kernel survives even SIGKILL.
            self._is_over_within(_GRACE)

    def _is_over_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self._ended() is None or _has_members(self.pid):
            now = time.monotonic()
            if now >= end:
                return False
            _next_signal(min(end, now + _LOOK))
        return True

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            # All processes have ended, or run as another user, for example by sudo.
            pass


def _has_members(group: int) -> bool:
    """Whether any process of a group runs. Zombies do not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    for entry in os.listdir("/proc"):
        fields = _stat(int(entry)) if entry.isdigit() else None
        if fields is not None and fields[0] not in "ZX" and int(fields[2]) == group:
            return True
    return False


def _next_signal(end: float | None) -> int | None:
    """The next awaited signal; None if none came in time."""
    if end is None:
        return signal.sigwait(_SIGNALS)
    found = signal.sigtimedwait(_SIGNALS, max(0.0, end - time.monotonic()))
    return None if found is None else found.si_signo


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the name: state, parent, group ...; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()
    except OSError:
        return None


def identity(pid: int) -> str | None:
    """A text that differs from that of a later process with the same id; None if the process has ended."""
    fields = _stat(pid)
    if fields is None or fields[0] in "ZX":
        return None
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return f"{stream.read().strip()}:{fields[19]}"
    except OSError:
        return None
