# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads which kernels there are: those in the cache, this machine's own, and the one that a lab was made with. The only reader."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import Optional, Tuple

from ..._core.runner import Runner
from ..state import KERNEL
from .launcher import XSTATE
from .state import BUILD, CONFIGURATION, Kernel, State, Wanted, kernel_at


def observe(wanted: Wanted, runner: Runner) -> State:
    """Read what C(wanted) can be made of."""
    program = shutil.which("linux.uml")
    return State(
        kernels=_cached(wanted.cache),
        recorded=_recorded(wanted.lab),
        host_program=program,
        host_version=runner.run([program, "--version"]).stdout.strip() if program else None,
        recipe=_recipe(f"{wanted.files}/{CONFIGURATION}") if wanted.choice == BUILD else "",
    )


def has_xstate(kernel: Kernel) -> bool:
    """Whether a kernel runs with the library for large registers."""
    return os.path.exists(f"{kernel.directory}/{XSTATE}")


def _cached(cache: str) -> Tuple[Kernel, ...]:
    names = sorted(os.listdir(cache)) if os.path.isdir(cache) else []
    found = (kernel_at(f"{cache}/{name}") for name in names)
    return tuple(kernel for kernel in found if kernel and os.path.exists(kernel.program))


def _recipe(configuration: str) -> str:
    with open(configuration, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()[:8]


def _recorded(lab: Optional[str]) -> Optional[str]:
    if lab is None:
        return None
    try:
        with open(f"{lab}/{KERNEL}", encoding="utf-8") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return None
