# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of User-mode Linux boot on this CPU and on a CPU with larger registers, and keep all registers of programs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.observe.trial import try_kernel
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.state import Kernel

from .conftest import hold_registers, take, user_cache

_SWITCHES = 10_000

_PACKAGED = [("host", "forky"), ("newest", "trixie"), ("newest", "forky")]
"""This machine's own kernel, the kernel of Debian 13, and the newest one."""


def assert_kept(kernel: Kernel, built: Path) -> None:
    registers = hold_registers(kernel, built)
    assert registers.kept, registers.console
    assert registers.switches >= _SWITCHES


@pytest.mark.parametrize(("choice", "suite"), _PACKAGED)
def test_registers_survive_on_the_cpu_of_this_machine(choice: str, suite: str, built: Path) -> None:
    assert_kept(take(choice, suite, user_cache()).kernel, built)


def test_the_program_notices_registers_that_are_lost(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = take("host", "forky", user_cache()).kernel
    assert hold_registers(kernel, built).kept
    monkeypatch.setenv("LD_PRELOAD", str(built / "upper_halves_lost.so"))
    assert not hold_registers(kernel, built).kept


@pytest.mark.usefixtures("_large_registers")
def test_an_old_kernel_by_itself_does_not_boot_on_a_cpu_with_large_registers(tmp_path: Path) -> None:
    (tmp_path / "linux").symlink_to(str(shutil.which("linux.uml")))
    trial = try_kernel(Kernel("host", "0", str(tmp_path)), SystemRunner(), os.geteuid() != 0)
    assert not trial.boots
    assert trial.needs_xstate
    assert trial.end.cause == "userspace - ptrace set fp regs failed, errno = 14"


@pytest.mark.usefixtures("_large_registers")
def test_an_old_kernel_is_given_what_it_lacks_on_such_a_cpu(tmp_path: Path, built: Path) -> None:
    chosen = take("host", "forky", tmp_path)
    assert chosen.has_xstate
    assert_kept(chosen.kernel, built)
    assert not take("host", "forky", tmp_path).plan.changed


@pytest.mark.usefixtures("_large_registers")
def test_a_new_kernel_lacks_nothing_on_such_a_cpu(built: Path) -> None:
    chosen = take("newest", "forky", user_cache())
    assert not chosen.has_xstate
    assert_kept(chosen.kernel, built)
