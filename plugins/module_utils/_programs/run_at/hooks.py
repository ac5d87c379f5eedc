# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells somebody how a run ended: by a command, or by a request to a URL of a monitoring service. Neither holds up the job."""

from __future__ import annotations

import os
import signal

from .execute import Account, Process, StartError
from .job import Job, hook_of
from .output import Collector, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

TIMEOUT = 30
_OF_REQUEST = 10


def is_url(hook: str) -> bool:
    """Whether the hook is a URL and not a command."""
    return hook.startswith(("http://", "https://"))


def tell(job: Job, exit_code: int, wanted: str, text: str) -> None:
    """Call the job's hook for a run that ended, or did not begin, with C(text) about it. A failure of the hook is only said."""
    hook, option = (job.on_failure, "on_failure") if exit_code else (job.on_success, "on_success")
    if hook is None:
        return
    if is_url(hook):
        problem = _request(job, hook)
    else:
        about = {"RUN_AT_JOB": job.name, "RUN_AT_EXIT_CODE": str(exit_code), "RUN_AT_WANTED": wanted, "RUN_AT_MESSAGE": text}
        problem = _run(hook_of(job, hook, about))
    if problem:
        say(job, f"{option}: {problem}")


def _run(hook: Job) -> str:
    try:
        collector = Collector(hook, None)
        process = Process(hook, None, collector.descriptor)
    except OSError as error:
        return f"no process can be made: {error.strerror}"
    collector.release()
    exit_code = process.run(TIMEOUT, lambda text: say(hook, text))
    collector.wait()
    return f"the command ended with exit code {exit_code}" if exit_code else ""


def _request(job: Job, url: str) -> str:
    """Ask for the URL in a process of its own, as the job's user and in at most C(TIMEOUT) seconds. Returns the problem, if any."""
    read, write = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        return f"no process can be made: {error.strerror}"
    if pid == 0:
        _ask(job, url, write)
    os.close(write)
    with open(read, encoding="utf-8", errors="replace") as stream:
        problem = stream.read()
    _pid, status = os.waitpid(pid, 0)
    return problem or ("" if status == 0 else f"the request failed, or took longer than {TIMEOUT} s")


def _ask(job: Job, url: str, write: int) -> NoReturn:
    code = 1
    try:
        signal.alarm(TIMEOUT)
        account = Account(job.user)
        environment = account.environment(job)
        if account.change:
            account.take()
        os.environ.clear()
        os.environ.update(environment)
        from urllib.request import build_opener

        with build_opener().open(url, timeout=_OF_REQUEST):
            code = 0
    except (StartError, OSError, ImportError, ValueError) as error:
        # The URL may be a secret, and is in none of these messages.
        os.write(write, f"the request failed: {error}".encode("utf-8", "replace"))
    finally:
        os._exit(code)
