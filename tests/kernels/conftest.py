# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are compiled for the tests of kernels, and kernels from the module lab_kernel."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import SystemRunner
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.choose import Chosen, choose
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.state import Kernel, Wanted

HERE = Path(__file__).parent
FILES = HERE.parents[1] / "roles" / "lab_hosts" / "files"

_REGISTERS = re.compile(r"registers: (\w+), \d+ bits, (\d+) context switches")


@dataclass(frozen=True)
class Registers:
    """The output of registers.c in a guest. A program that crashed because it lost its own registers counts as having kept none."""

    kept: bool
    switches: int
    console: str


def take(choice: str, suite: str, cache: Path) -> Chosen:
    """A kernel from the module."""
    return choose(Wanted(choice, suite, str(cache), str(FILES)), SystemRunner(), os.geteuid() != 0, check_mode=False)


def user_cache() -> Path:
    """The cache of the labs, so that a kernel is downloaded only once."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fleetlab"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiled programs; its folder root is the root of guests."""
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "root").mkdir()
    compile_c("-static", "-pthread", "-o", str(folder / "root" / "init"), str(HERE / "registers.c"))
    for library in ("large_registers", "upper_halves_lost"):
        compile_c("-shared", "-fPIC", "-o", str(folder / f"{library}.so"), str(HERE / f"{library}.c"))
    return folder


def compile_c(*arguments: str) -> None:
    """Compile without a warning."""
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", *arguments], check=True)


@pytest.fixture
def _large_registers(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulates a CPU with larger registers than this machine has."""
    monkeypatch.setenv("LD_PRELOAD", str(built / "large_registers.so"))


def hold_registers(kernel: Kernel, built: Path) -> Registers:
    """The vector registers that programs keep in a guest with this kernel."""
    console = ("con=null", "con0=null,fd:1", "quiet", "noreboot", "panic=-1")
    root = ("root=/dev/root", "rootfstype=hostfs", f"rootflags={built / 'root'}", "ro", "init=/init")
    argv = (kernel.program, "mem=64M", "umid=registers", f"uml_dir={built / 'uml'}", *console, *root)
    result = SystemRunner().run(argv, timeout=120, accept=range(-64, 256))
    found = _REGISTERS.search(result.stdout)
    return Registers(found is not None and found[1] == "kept", int(found[2]) if found else 0, result.stdout)
