# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the output of a job and the messages of the runner go: to cron or systemd, to a log of limited size, and to the journal.

Cron mails all output, and discards it on a host without a program that sends mail. There it goes to the journal as well.
"""

from __future__ import annotations

import os
import sys
import time

from .job import Job
from .watch import stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

MAILERS = ("/usr/sbin/sendmail", "/usr/lib/sendmail")

_MOST = 262144
# A run that prints more lines than that has the others in its log.
_MOST_LINES = 1000
# Background processes of a command can keep its output open, and are not waited for.
_PATIENCE = 1.0


def say(job: Job, text: str) -> None:
    """Tell the owner of the job something."""
    say_line(job, f"run-at: {job.name}: {text}")


def say_line(job: Job, line: str) -> None:
    """Tell the owner of the job something, in exactly these words."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
    keeper = Keeper(job)
    keeper.keep(f"{line}\n".encode("utf-8", "replace"))
    keeper.end()


def sends_mail() -> bool:
    """Whether cron can mail output on this host."""
    return any(os.access(path, os.X_OK) for path in MAILERS)


def _is_lost() -> bool:
    """Whether nobody gets what this process prints: its caller is cron, which can send no mail."""
    return not (sends_mail() or "JOURNAL_STREAM" in os.environ or os.isatty(2))


class Keeper:
    """Adds output to the log of a declared job, and to the journal if nobody would get it otherwise."""

    def __init__(self, job: Job) -> None:
        self._path = f"{job.state}.output" if job.declared else None
        self._name = job.name
        self._lines = _MOST_LINES if _is_lost() else 0
        self._rest = b""
        self._begun = False

    def keep(self, data: bytes) -> None:
        """Add output. A full disk loses it, and stops nothing."""
        if self._path is not None:
            self._write(self._path, data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._to_journal(lines)

    def _write(self, path: str, data: bytes) -> None:
        head = b"" if self._begun else f"--- {stamp(time.time())}\n".encode()
        self._begun = True
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "wb") as stream:
                stream.write(head + data)
                stream.flush()
                full = os.fstat(descriptor).st_size > _MOST
            if full:
                os.replace(path, f"{path}.1")
        except OSError:
            pass

    def end(self) -> None:
        """The output is complete, also without the end of its last line."""
        self._to_journal([self._rest] if self._rest else [])

    def _to_journal(self, lines: list[bytes]) -> None:
        if not (self._lines and lines):
            return
        import syslog

        syslog.openlog("run-at", syslog.LOG_PID, syslog.LOG_CRON)
        for line in lines[: self._lines]:
            text = line.decode("utf-8", "replace").replace("\0", " ")
            syslog.syslog(syslog.LOG_NOTICE, text if text.startswith("run-at: ") else f"{self._name}: {text}")
        self._lines = max(0, self._lines - len(lines))
        if not self._lines:
            syslog.syslog(syslog.LOG_NOTICE, f"{self._name}: all further output of this run is in {self._path}")


class Collector:
    """A process that passes the output of a command on and keeps it. It ends with the output, even if the runner was killed."""

    def __init__(self, job: Job, lock: int | None) -> None:
        """Make the process; it does not keep the job's lock.

        :raises OSError: no process can be made.
        """
        read, self.descriptor = os.pipe()
        try:
            self._pid = os.fork()
        except OSError:
            os.close(read)
            os.close(self.descriptor)
            raise
        if self._pid == 0:
            self._collect(job, read, lock)
        os.close(read)

    def _collect(self, job: Job, read: int, lock: int | None) -> NoReturn:
        import signal

        try:
            # The command gets these signals from the runner, and may print something at its end.
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            os.close(self.descriptor)
            if lock is not None:
                os.close(lock)
            keeper = Keeper(job)
            while True:
                data = os.read(read, 65536)
                if not data:
                    break
                _pass_on(data)
                keeper.keep(data)
            keeper.end()
        finally:
            os._exit(0)

    def release(self) -> None:
        """Close this process's end, so that the output ends with the command."""
        os.close(self.descriptor)

    def wait(self) -> None:
        """Wait until all output is kept, but not for long."""
        end = time.monotonic() + _PATIENCE
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0 and time.monotonic() < end:
            time.sleep(0.005)


def _pass_on(data: bytes) -> None:
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        # The reader has gone; the output is kept all the same.
        pass
