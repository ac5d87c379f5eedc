# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that runs commands: argv lists, C locale, a time limit, never a shell."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from typing import IO, Callable, Dict, Mapping, Optional, Protocol, Sequence, Tuple, Union

from .errors import CommandError

DEFAULT_TIMEOUT = 60.0
"""The default time limit of a command, in seconds."""

_GRACE = 3.0
"""Seconds within which a process group that ran too long has to end after SIGTERM, and then after SIGKILL."""

_File = Union[int, IO[bytes]]

_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True)
class CommandResult:
    """The result of a finished command: its exit code, and its output as UTF-8 with invalid bytes replaced."""

    argv: Tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str


class Runner(Protocol):
    """Runs commands for C(observe) and C(apply); tests pass a runner with recorded answers."""

    def run(
        self,
        argv: Sequence[str],
        stdin: Optional[str] = None,
        timeout: float = DEFAULT_TIMEOUT,
        accept: Sequence[int] = (0,),
    ) -> CommandResult:
        """Run one command to its end.

        :arg timeout: in seconds; after it the command's whole process group is ended.
        :arg accept: exit codes that are an answer and not a failure.
        :raises CommandError: the command is missing, ran too long, or ended with another exit code.
        """
        raise NotImplementedError


class Process(subprocess.Popen):  # type: ignore[type-arg]  # generic for its users only since Python 3.9
    """A process that leads its own session: it is ended with all its children, and its end is noticed at once.

    ansible-test refuses calls of subprocess and os.posix_spawn in modules, in favour of C(AnsibleModule.run_command). But run_command
    has no time limit, does not end the children of a command, and reads pipes, which a remaining daemon (iscsid) keeps open. This class
    solves these three problems. It extends Popen and does not fork itself, because Popen tells why a program could not be started, and
    since Python 3.10 does not first copy this process: the copy of 60 MB takes 4 ms, a whole start 0.7 ms.
    """

    def __init__(
        self,
        argv: Sequence[str],
        stdin: _File,
        stdout: _File,
        stderr: _File,
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = "/",
    ) -> None:
        super().__init__(list(argv), stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, start_new_session=True)

    def wait(self, timeout: Optional[float] = None) -> int:
        """Wait for the end. With a time limit Popen polls, up to 50 ms late; Linux 5.3 with Python 3.9 notices the end at once."""
        if timeout and self.returncode is None:
            timeout = self._await_end(timeout)
        return super().wait(timeout)

    def _await_end(self, timeout: float) -> float:
        """Return the rest of the time for polling: all of it if the kernel cannot notice the end."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            return timeout
        try:
            ended = select.poll()
            ended.register(descriptor, select.POLLIN)
            ended.poll(timeout * 1000)
        finally:
            os.close(descriptor)
        return 0

    def terminate(self) -> None:
        """Send SIGTERM to the whole group."""
        _signal_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the whole group, even after the end of the leader, because a child may have ignored SIGTERM."""
        _signal_group(self.pid, signal.SIGKILL)


def environment() -> Dict[str, str]:
    """The environment of commands: the C locale, and a path with all folders of the system."""
    env = dict(os.environ, LC_ALL="C", LANGUAGE="C")
    known = env.get("PATH", "").split(os.pathsep)
    env["PATH"] = os.pathsep.join([p for p in known if p] + [p for p in _SYSTEM_PATH if p not in known])
    return env


class SystemRunner:
    """Runs commands on this machine.

    :arg packages: returns the packages that contain a command, for the error on a host that lacks the command.
    """

    def __init__(self, packages: Callable[[str], str] = lambda _command: "") -> None:
        self._packages = packages

    def run(
        self,
        argv: Sequence[str],
        stdin: Optional[str] = None,
        timeout: float = DEFAULT_TIMEOUT,
        accept: Sequence[int] = (0,),
    ) -> CommandResult:
        """See L(Runner.run)."""
        # Output goes to unnamed files and not to pipes: a daemon that the command starts (iscsiadm starts iscsid) inherits
        # the output, and would keep a pipe open and the caller waiting as long as it runs.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as feed:
            if stdin is not None:
                feed.write(stdin.encode("utf-8", "surrogateescape"))
                feed.seek(0)
            process = _start(argv, feed, out, err, self._packages)
            exit_code = _wait(process, argv, timeout)
            result = CommandResult(tuple(argv), exit_code, _content(out), _content(err))
        if exit_code not in accept:
            brief = f"exit code {exit_code}"
            raise CommandError(argv, f"{brief}: {_reason(result)}", exit_code, result.stderr, brief)
        return result


def _start(argv: Sequence[str], feed: IO[bytes], out: IO[bytes], err: IO[bytes], packages: Callable[[str], str]) -> Process:
    try:
        return Process(argv, feed, out, err, environment())
    except FileNotFoundError:
        package = packages(argv[0])
        remedy = f"install the package {package}" if package else "install it or correct PATH"
        raise _not_started(argv, f"was not found on this host: {remedy}", 127) from None
    except PermissionError:
        raise _not_started(argv, "may not be executed by this user: use become", 126) from None
    except OSError as error:
        raise _not_started(argv, f"could not be started: {error.strerror}", 126) from None


def _not_started(argv: Sequence[str], why: str, exit_code: int) -> CommandError:
    # The exit codes are the same as those of a shell.
    problem = f"command {argv[0]} {why}"
    return CommandError(argv, problem, exit_code, brief=problem)


def _wait(process: Process, argv: Sequence[str], timeout: float) -> int:
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        ended = "was ended" if _end_group(process) else "cannot be ended: it hangs in the kernel, perhaps on a device that does not answer"
        problem = f"took longer than {timeout:g} s and {ended}"
        raise CommandError(argv, problem, brief=problem) from None
    except BaseException:
        _end_group(process)
        raise


def _end_group(process: Process) -> bool:
    """End the command and all its children; false if a process survives even SIGKILL, because it waits for a device in the kernel."""
    process.terminate()
    _has_ended(process)
    process.kill()
    return _has_ended(process)


def _has_ended(process: Process) -> bool:
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        return False
    return True


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _content(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")


def _reason(result: CommandResult) -> str:
    lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
    return " | ".join(line.strip() for line in lines[-5:]) or "no output"
