# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernels are tried, in which order, and the steps that bring one into the cache. Pure."""

from __future__ import annotations

from typing import List, Optional, Tuple

from ..._core.errors import InputError
from ..._core.plan import Command, Operation, Plan, Step
from .state import HOST, Kernel, State, Wanted, kernel_at, newest

_DOWNLOAD_LIMIT = 600.0
"""Seconds that 50 MB from a mirror may take."""


def origins(wanted: Wanted, state: State) -> Tuple[str, ...]:
    """Where kernels are taken from, the fastest first; of several the first that boots is meant.

    :raises InputError: this machine has no kernel of its own, and that is the one asked for.
    """
    if wanted.choice == HOST and state.host_program is None:
        raise InputError("kernel", "linux.uml was not found on this machine: install the Debian package user-mode-linux, or set it to newest")
    if wanted.choice != "auto":
        return (HOST if wanted.choice == HOST else wanted.suite,)
    recorded = recorded_kernel(state)
    if recorded is not None:
        return (recorded.origin,)
    return (wanted.suite, HOST) if state.host_program else (wanted.suite,)


def recorded_kernel(state: State) -> Optional[Kernel]:
    """The kernel that the lab was made with, as long as it is in the cache: guests have its modules on their disks."""
    return next((kernel for kernel in state.kernels if kernel.program == state.recorded), None)


def find(origin: str, state: State, choice: str) -> Optional[Kernel]:
    """The kernel of an origin that is in the cache."""
    recorded = recorded_kernel(state)
    if recorded is not None and recorded.origin == origin and choice == "auto":
        return recorded
    # This machine's own may have been brought up to date since it was copied.
    kernels = tuple(kernel for kernel in state.kernels if origin != HOST or kernel.version == state.host_version)
    return newest(kernels, origin)


def plan_kernel(origin: str, wanted: Wanted, state: State) -> Plan:
    """Bring the kernel of an origin into the cache, unless it is there."""
    kernel = find(origin, state, wanted.choice)
    shown = "present" if kernel else "absent"
    steps = () if kernel else tuple(_host_steps(wanted, state) if origin == HOST else _suite_steps(origin, wanted))
    return Plan(f"kernel of {origin}", {"kernel": shown}, {"kernel": "present"}, steps)


def _host_steps(wanted: Wanted, state: State) -> List[Step]:
    return [
        Operation("make-directory", {"path": wanted.cache}),
        Operation("copy-kernel", {"program": state.host_program, "version": state.host_version, "cache": wanted.cache}),
    ]


def _suite_steps(suite: str, wanted: Wanted) -> List[Step]:
    archive = f"{wanted.cache}/kernel-{suite}.tar"
    # A release in the making has lists that expire between two syncs of a mirror; they are signed all the same, and that is checked.
    options = ['Acquire::Check-Valid-Until "false"', 'Acquire::http::Timeout "20"', 'Acquire::Retries "1"']
    argv = [
        "mmdebstrap",
        "--quiet",
        "--variant=extract",
        "--architectures=amd64",
        *[f"--aptopt={option}" for option in options],
        "--include=user-mode-linux",
        suite,
        archive,
    ]
    return [
        Operation("make-directory", {"path": wanted.cache}),
        Command(tuple(argv), timeout=_DOWNLOAD_LIMIT),
        Operation("unpack-kernel", {"archive": archive, "suite": suite, "cache": wanted.cache}),
    ]


def cached_name(cache: str, origin: str, version: str) -> str:
    """The folder of a kernel."""
    directory = f"{cache}/kernel-{origin}-{version}"
    if kernel_at(directory) is None:
        raise InputError("kernel", f"'{version}' is not the version of a kernel")
    return directory
