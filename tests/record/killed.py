# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that is killed while it runs, at the system call that a test names."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Sequence

_TRACEME, _GETREGS, _SYSCALL, _SETOPTIONS = 0, 12, 24, 0x4200
_SYSGOOD = 1
_ORIG_RAX, _RDI, _RSI = 15, 14, 13
_REGISTERS = 27

WRITES = (1, 18)
"""C(write) and C(pwrite64) on x86-64."""
IOCTL = 16

Call = tuple[int, int, int]
"""Its number and its first two arguments."""


def run_until(argv: Sequence[str], is_reached: Callable[[int, Call], bool]) -> bool:
    """Kill the program at the first system call for which C(is_reached) is true; returns whether this happened."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    pid = os.fork()
    if pid == 0:
        libc.ptrace(_TRACEME, 0, None, None)
        os.execvp(argv[0], list(argv))
    os.waitpid(pid, 0)
    libc.ptrace(_SETOPTIONS, pid, None, _SYSGOOD)
    registers = (ctypes.c_ulong * _REGISTERS)()
    entering, passed_on = False, 0
    while True:
        libc.ptrace(_SYSCALL, pid, None, passed_on)
        _pid, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            return False
        stopped_by = os.WSTOPSIG(status)
        passed_on = 0 if stopped_by == signal.SIGTRAP | 0x80 else stopped_by
        if passed_on:
            continue
        entering = not entering
        libc.ptrace(_GETREGS, pid, None, ctypes.addressof(registers))
        if entering and is_reached(pid, (registers[_ORIG_RAX], registers[_RDI], registers[_RSI])):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return True
