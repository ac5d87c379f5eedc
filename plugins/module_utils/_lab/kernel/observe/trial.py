# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out in a second whether a kernel boots on this machine: it starts, runs one program of this machine, and ends."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from typing import Tuple

from ...._core.runner import Runner
from ...console import ConsoleEnd, read_end
from ..state import Kernel

_TIMEOUT = 30.0
"""The time limit of a trial in seconds; it takes one second on an idle machine."""

_INIT = "/lib64/ld-linux-x86-64.so.2"
"""The first program is the loader itself: it needs no library, complains that it has no program to load, and ends."""

_ANY_EXIT_CODE = tuple(range(-64, 256))

_INIT_EXITED = re.compile(r"Attempted to kill init! exitcode=0x0000[0-9a-f]{2}00\b")
"""The kernel's last message if its first program has ended by itself, and not by a signal."""

_XSTATE_REFUSED = "ptrace set fp regs failed"


@dataclass(frozen=True)
class Trial:
    """The result of a trial. C(needs_xstate): the size of the CPU's vector registers has stopped the kernel, see xstate.c."""

    boots: bool
    needs_xstate: bool
    end: ConsoleEnd


def try_kernel(kernel: Kernel, runner: Runner, rootless: bool) -> Trial:
    """Start a kernel whose file system is this machine's, read-only. Changes nothing."""
    folder = tempfile.mkdtemp(prefix="fleetlab-kernel-")
    try:
        result = runner.run(trial_argv(kernel, folder, rootless), timeout=_TIMEOUT, accept=_ANY_EXIT_CODE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return read_trial(f"{result.stdout}\n{result.stderr}")


def trial_argv(kernel: Kernel, folder: str, rootless: bool) -> Tuple[str, ...]:
    """The command of a trial; C(folder) is for the kernel's own files."""
    user = ("unshare", "--user", "--map-root-user") if rootless else ()
    root = ("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={_INIT}")
    console = ("con=null", "con0=null,fd:1", "quiet")
    return (*user, kernel.program, "mem=64M", "noreboot", "panic=-1", "umid=trial", f"uml_dir={folder}", *console, *root)


def read_trial(text: str) -> Trial:
    """The result of a trial, from the text of its console."""
    return Trial(_INIT_EXITED.search(text) is not None, _XSTATE_REFUSED in text, read_end(text))
