# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner that enters a network namespace itself, for the commands that would start with doing so.

C(nsenter) is one more program to start for each command, and C(ip -n) also makes mounts of its own, which its answers do not need. Here
the thread enters the namespace, the command inherits it, and the thread comes back. The commands in plans and errors stay what a person
would type.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import replace
from typing import Optional, Sequence, Tuple

from .._core.errors import CommandError, ObservationError
from .._core.runner import DEFAULT_TIMEOUT, CommandResult, Runner

_CLONE_NEWNET = 0x40000000
_OWN = "/proc/thread-self/ns/net"
_BY_NSENTER = "--net="
NAMED = "/run/netns"
"""The folder with a file for each named network namespace."""

_libc = ctypes.CDLL(None, use_errno=True)


class Entering:
    """A L(Runner) for commands that begin with C(nsenter --net=FILE) or C(ip -n NAME)."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def run(
        self,
        argv: Sequence[str],
        stdin: Optional[str] = None,
        timeout: float = DEFAULT_TIMEOUT,
        accept: Sequence[int] = (0,),
    ) -> CommandResult:
        """See L(Runner.run)."""
        path, inner = _without_entering(tuple(argv))
        before = _enter(path) if path else None
        if before is None:
            return self._runner.run(argv, stdin, timeout, accept)
        try:
            return replace(self._runner.run(inner, stdin, timeout, accept), argv=tuple(argv))
        except CommandError as error:
            raise CommandError(argv, error.problem, error.exit_code, error.stderr, error.brief) from None
        finally:
            _come_back(before, path)


def _without_entering(argv: Tuple[str, ...]) -> Tuple[str, Tuple[str, ...]]:
    """The file of the namespace that a command enters first, and the command without that; an empty text if it enters none."""
    if argv[0] == "nsenter" and argv[1].startswith(_BY_NSENTER) and not argv[2].startswith("-"):
        return argv[1][len(_BY_NSENTER) :], argv[2:]
    if argv[:2] == ("ip", "-n"):
        return f"{NAMED}/{argv[2]}", ("ip", *argv[3:])
    return "", argv


def _enter(path: str) -> Optional[int]:
    """The open file of the namespace that this thread leaves for another; C(None) if the command has to enter it, or to say why not."""
    opened = []
    try:
        opened = [os.open(path, os.O_RDONLY)]
        opened.append(os.open(_OWN, os.O_RDONLY))
        return opened.pop() if _libc.setns(opened[0], _CLONE_NEWNET) == 0 else None
    except OSError:
        return None
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _come_back(before: int, path: str) -> None:
    failed = _libc.setns(before, _CLONE_NEWNET)
    os.close(before)
    if failed:
        raise ObservationError(f"{path}: the way back from this namespace failed: {os.strerror(ctypes.get_errno())}")
