# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a job's command as cron would, in a process group that can be ended as a whole."""

from __future__ import annotations

import os
import signal
import time

from .job import Job, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, NoReturn

# What a shell and timeout(1) give.
TIMED_OUT = 124
_NOT_STARTED = 126
_NOT_FOUND = 127

_GRACE = 10.0
_PATH = "/usr/bin:/bin"
_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Account:
    """Who a command is run as, with what cron sets for it."""

    def __init__(self, user: str | None) -> None:
        import pwd

        try:
            found = pwd.getpwuid(os.geteuid()) if user is None else pwd.getpwnam(user)
        except KeyError:
            raise UsageError(f"there is no user '{user}' on this host") from None
        self.name = found.pw_name
        self.uid = found.pw_uid
        self.gid = found.pw_gid
        self.home = found.pw_dir
        self.change = user is not None and found.pw_uid != os.geteuid()
        if self.change and os.geteuid() != 0:
            raise UsageError(f"only root can run the job, whose user is '{user}'")

    def environment(self) -> dict[str, str]:
        """The environment of this process, with what cron sets of its own."""
        own = {"HOME": self.home, "LOGNAME": self.name, "USER": self.name, "SHELL": "/bin/sh", "PATH": _PATH}
        return {**os.environ, **own}

    def take(self) -> None:
        """Become this user, for good."""
        os.initgroups(self.name, self.gid)
        os.setgid(self.gid)
        os.setuid(self.uid)


def wrapped(job: Job, account: Account) -> list[str]:
    """The command with what puts it into its network and gives it its own /tmp; those have to begin as root."""
    argv = list(job.command)
    if job.private_tmp:
        user = ["--user", account.name] if account.change else []
        argv = [_find("private-tmp"), *user, "--", *argv]
    elif job.netns is not None and account.change:
        argv = [_find("setpriv"), f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups", "--", *argv]
    if job.netns is not None:
        argv = [_find("ip"), "netns", "exec", job.netns, *argv]
    return argv


def _find(program: str) -> str:
    for folder in _FOLDERS:
        if os.access(f"{folder}/{program}", os.X_OK):
            return f"{folder}/{program}"
    raise UsageError(f"'{program}', which the job needs, is not on this host")


class Process:
    """A command that waits to be let go until its process is on record."""

    def __init__(self, job: Job, account: Account, lock: int | None) -> None:
        """C(lock) is the descriptor of the job's lock, which is for the runner alone: it shall be free when that is killed."""
        self._argv = wrapped(job, account)
        self._drop = account.change and not job.private_tmp and job.netns is None
        self._account = account
        # Signals are waited for, not handled: none can come between looking and waiting.
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        gate, self._gate = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self._child(gate, lock)
        os.close(gate)

    def _child(self, gate: int, lock: int | None) -> NoReturn:
        code = _NOT_STARTED
        try:
            if lock is not None:
                os.close(lock)
            os.setsid()
            os.close(self._gate)
            # Where the parent was killed before it had the process on record, nothing comes.
            if os.read(gate, 1) == b"":
                os._exit(_NOT_STARTED)
            self._become()
            os.execvpe(self._argv[0], self._argv, self._account.environment())
        except OSError as error:
            code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_STARTED
            os.write(2, f"run-at: {self._argv[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(code)

    def _become(self) -> None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if self._drop:
            self._account.take()
        os.umask(0o022)
        try:
            os.chdir(self._account.home)
        except OSError:
            os.chdir("/")
        # Python ignores some that programs count on.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def run(self, timeout: float | None, warn: Callable[[str], None]) -> int:
        """Let the command go and return its exit code; past the timeout, or where this process is to end, end its group."""
        os.write(self._gate, b"1")
        os.close(self._gate)
        try:
            return self._wait(timeout, warn)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _wait(self, timeout: float | None, warn: Callable[[str], None]) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._has_ended():
                return self.exit_code
            number = _next_signal(end)
            if number == signal.SIGCHLD:
                continue
            if number is None:
                warn(f"the command took longer than {timeout:g} s and was ended")
            self._end_group(number or signal.SIGTERM)
            return TIMED_OUT if number is None else 128 + number

    def _has_ended(self) -> bool:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.exit_code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        return pid != 0

    def _end_group(self, number: int) -> None:
        self._signal(number)
        ended = self._ends_within(_GRACE)
        # Also when the leader is gone: one that it started may have ignored the first signal.
        self._signal(signal.SIGKILL)
        if not ended:
            # One that hangs in the kernel outlives even that.
            self._ends_within(_GRACE)

    def _ends_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not self._has_ended():
            if time.monotonic() >= end:
                return False
            _next_signal(end)
        return True

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass


def _next_signal(end: float | None) -> int | None:
    """The next signal of interest; None where none came in time."""
    if end is None:
        return signal.sigwait(_SIGNALS)
    found = signal.sigtimedwait(_SIGNALS, max(0.0, end - time.monotonic()))
    return None if found is None else found.si_signo


def identity(pid: int) -> str | None:
    """What tells a process from a later one of the same number; None where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            boot = stream.read().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
