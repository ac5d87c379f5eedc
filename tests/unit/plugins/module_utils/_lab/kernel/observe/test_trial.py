# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a trial boot says, on recorded consoles."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._lab.console import read_end
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.observe.trial import read_trial, trial_argv
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.state import Kernel

FIXTURES = Path(__file__).parents[6] / "fixtures" / "uml"
VERSIONS = sorted(path.name for path in FIXTURES.iterdir())
REFUSED = "userspace - ptrace set fp regs failed, errno = 14"


def recorded(version: str, name: str) -> str:
    return (FIXTURES / version / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kernel_whose_first_program_ended_by_itself_boots(version: str) -> None:
    trial = read_trial(recorded(version, "trial"))
    assert trial.boots
    assert not trial.needs_xstate


@pytest.mark.parametrize("version", [version for version in VERSIONS if version.startswith("6.")])
def test_an_old_kernel_on_a_cpu_with_large_registers_says_what_it_lacks(version: str) -> None:
    trial = read_trial(recorded(version, "trial-large-registers"))
    assert not trial.boots
    assert trial.needs_xstate
    assert trial.end.cause == REFUSED
    assert len(trial.end.lines) <= 10
    assert not [line for line in trial.end.lines if line.startswith(("[<", "Stack", "Call Trace"))]


@pytest.mark.parametrize("version", [version for version in VERSIONS if version.startswith("7.")])
def test_a_new_kernel_lacks_nothing_there(version: str) -> None:
    assert read_trial(recorded(version, "trial-large-registers")).boots


def test_a_kernel_that_says_nothing_does_not_boot() -> None:
    trial = read_trial("")
    assert not trial.boots
    assert str(trial.end) == "no panic on its console\nThe end of its console:\nnothing"


def test_the_end_of_a_console_has_the_last_lines_without_stamps() -> None:
    end = read_end(
        "\n".join(f"[{number:5}.000000] line {number}" for number in range(30)) + "\n[   31.0] Kernel panic - not syncing: VFS\n"
    )
    assert end.cause == "Kernel panic - not syncing: VFS"
    assert end.lines[-2:] == ("line 29", "Kernel panic - not syncing: VFS")
    assert len(end.lines) == 10


@pytest.mark.parametrize("rootless", [False, True])
def test_a_trial_writes_nowhere(rootless: bool) -> None:
    argv = trial_argv(Kernel("host", "6.1", "/c/kernel-host-6.1"), "/t", rootless)
    assert "ro" in argv
    assert ("unshare" in argv) == rootless
    assert "/c/kernel-host-6.1/linux" in argv
