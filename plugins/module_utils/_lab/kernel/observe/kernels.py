# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the kernels of this machine: in the cache, the machine's own, and the kernel that a lab was made with."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import Tuple

from ...._core.runner import Runner
from ...._host.files import Host
from ...state import KERNEL
from ..render import XSTATE
from ..state import BUILD, CONFIGURATION, Kernel, State, Wanted, kernel_at


def observe(wanted: Wanted, runner: Runner, host: Host) -> State:
    """The state of the kernels for a task."""
    program = shutil.which("linux.uml")
    return State(
        kernels=_cached(wanted.cache, host),
        recorded=host.value(f"{wanted.lab}/{KERNEL}") if wanted.lab is not None else None,
        host_program=program,
        host_version=runner.run([program, "--version"]).stdout.strip() if program else None,
        recipe=_recipe(f"{wanted.files}/{CONFIGURATION}") if wanted.choice == BUILD else "",
    )


def has_xstate(kernel: Kernel) -> bool:
    """Whether a kernel runs with the library for large registers."""
    return os.path.exists(f"{kernel.directory}/{XSTATE}")


def _cached(cache: str, host: Host) -> Tuple[Kernel, ...]:
    found = (kernel_at(f"{cache}/{name}") for name in host.names(cache))
    return tuple(kernel for kernel in found if kernel and host.exists(kernel.program))


def _recipe(configuration: str) -> str:
    with open(configuration, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()[:8]
