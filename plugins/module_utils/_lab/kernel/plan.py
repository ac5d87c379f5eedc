# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernels to try, in order, and the steps that bring a kernel into the cache. Pure."""

from __future__ import annotations

from typing import List, Optional, Tuple

from ..._core.errors import InputError
from ..._core.plan import Command, MakeDirectory, Operation, Plan, Step
from .render import XSTATE
from .state import BUILD, CONFIGURATION, HOST, Kernel, State, Wanted, newest

_DOWNLOAD_LIMIT = 600.0
"""The time limit in seconds for 50 MB from a mirror."""


def origins(wanted: Wanted, state: State) -> Tuple[str, ...]:
    """The origins to try, the fastest kernel first; the first kernel that boots is taken.

    :raises InputError: the task asks for this machine's own kernel, and the machine has none.
    """
    if wanted.choice == HOST and state.host_program is None:
        raise InputError(
            "kernel", "linux.uml was not found on this machine: install the Debian package user-mode-linux, or set it to newest"
        )
    if wanted.choice != "auto":
        return (wanted.suite if wanted.choice == "newest" else wanted.choice,)
    recorded = recorded_kernel(state)
    if recorded is not None:
        return (recorded.origin,)
    return (wanted.suite, HOST) if state.host_program else (wanted.suite,)


def recorded_kernel(state: State) -> Optional[Kernel]:
    """The kernel that the lab was made with, because guests have its modules on their disks; C(None) if the cache no longer has it."""
    return next((kernel for kernel in state.kernels if kernel.program == state.recorded), None)


def find(origin: str, state: State, choice: str) -> Optional[Kernel]:
    """The kernel of an origin in the cache; C(None) if there is none."""
    recorded = recorded_kernel(state)
    if recorded is not None and recorded.origin == origin and choice == "auto":
        return recorded
    return newest(tuple(kernel for kernel in state.kernels if _is_current(kernel, state)), origin)


def _is_current(kernel: Kernel, state: State) -> bool:
    """Whether the machine's own kernel was not upgraded since the copy, or the configuration of a built kernel has not changed."""
    if kernel.origin == HOST:
        return kernel.version == state.host_version
    return kernel.origin != BUILD or kernel.version.endswith(f"-{state.recipe}")


def plan_kernel(origin: str, wanted: Wanted, state: State) -> Plan:
    """The plan that brings the kernel of an origin into the cache; without steps if the cache has it."""
    kernel = find(origin, state, wanted.choice)
    shown = "present" if kernel else "absent"
    makers = {HOST: _host_steps, BUILD: _build_steps}
    steps = () if kernel else tuple(makers.get(origin, _suite_steps)(wanted, state))
    return Plan(f"kernel of {origin}", {"kernel": shown}, {"kernel": "present"}, steps)


def plan_xstate(kernel: Kernel, wanted: Wanted, there: bool) -> Plan:
    """The plan that gives a kernel the library for large registers; without steps if it has the library."""
    arguments = {"directory": kernel.directory, "source": f"{wanted.files}/xstate.c"}
    steps = () if there else (Operation("add-xstate", arguments),)
    return Plan(f"registers of {kernel.label}", {XSTATE: "present" if there else "absent"}, {XSTATE: "present"}, steps)


def _host_steps(wanted: Wanted, state: State) -> List[Step]:
    return [
        MakeDirectory(wanted.cache, 0o700),
        Operation("copy-kernel", {"program": state.host_program, "version": state.host_version, "cache": wanted.cache}),
    ]


def _suite_steps(wanted: Wanted, _state: State) -> List[Step]:
    archive = f"{wanted.cache}/kernel-{wanted.suite}.tar"
    return [
        MakeDirectory(wanted.cache, 0o700),
        _download("user-mode-linux", wanted.suite, archive),
        Operation("unpack-kernel", {"archive": archive, "suite": wanted.suite, "cache": wanted.cache}),
    ]


def _build_steps(wanted: Wanted, state: State) -> List[Step]:
    archive = f"{wanted.cache}/kernel-build.tar"
    files = {"archive": archive, "configuration": f"{wanted.files}/{CONFIGURATION}", "recipe": state.recipe, "cache": wanted.cache}
    return [
        Operation("check-compiler"),
        MakeDirectory(wanted.cache, 0o700),
        _download("linux-source", wanted.suite, archive),
        Operation("build-kernel", files),
    ]


def _download(package: str, suite: str, archive: str) -> Command:
    """The command that downloads a package and its dependencies into one archive, without installing them."""
    # The package lists of a testing release can expire between two syncs of a mirror; their signature is still checked.
    options = ['Acquire::Check-Valid-Until "false"', 'Acquire::http::Timeout "20"', 'Acquire::Retries "1"']
    argv = [
        "mmdebstrap",
        "--quiet",
        "--variant=extract",
        "--architectures=amd64",
        *[f"--aptopt={option}" for option in options],
        f"--include={package}",
        suite,
        archive,
    ]
    return Command(tuple(argv), timeout=_DOWNLOAD_LIMIT)
