# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernel a lab gets, with a cache of this test's own, and a runner that downloads and boots nothing."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import CommandError, InputError, ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._core.runner import DEFAULT_TIMEOUT, CommandResult
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.apply import operations
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.apply.cache import origin_lock
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.choose import Chosen, choose
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.options import make_wanted
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.plan import find, origins, plan_kernel
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.render import launcher
from ansible_collections.fleetlab.linux.plugins.module_utils._lab.kernel.state import Kernel, State, Wanted, kernel_at, newest

BOOTS = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100"
LARGE = "userspace - ptrace set fp regs failed, errno = 14\nKernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"


class Machine:
    """A runner whose kernels boot or not, and whose mirror is there or not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host: Optional[str] = "6.1.176"
        self.newest = "7.2.7"
        self.mirror = True
        self.large_registers = False
        self.broken: List[str] = []
        self.runs: List[str] = []

    def run(
        self, argv: Sequence[str], stdin: Optional[str] = None, timeout: float = DEFAULT_TIMEOUT, accept: Sequence[int] = (0,)
    ) -> CommandResult:
        self.runs.append(Path(argv[0]).name)
        if argv[-1] == "--version":
            return CommandResult(tuple(argv), 0, f"{self.host}\n", "")
        if argv[0] == "mmdebstrap":
            self.download(argv)
        elif argv[0].endswith("/cc"):
            Path(argv[argv.index("-o") + 1]).write_text("library")
        elif argv[0] == "make":
            return CommandResult(tuple(argv), 0, self.make(argv), "")
        elif argv[0].endswith("/merge_config.sh"):
            pass
        else:
            return CommandResult(tuple(argv), -6, self.console(next(word for word in argv if word.endswith("/linux"))), "")
        return CommandResult(tuple(argv), 0, "", "")

    def download(self, argv: Sequence[str]) -> None:
        if not self.mirror:
            raise CommandError(argv, "exit code 25: E: cannot resolve the mirror", 25)
        if "--include=linux-source" in argv:
            self.download_source(argv[-1])
            return
        names = ["usr/bin/linux.uml", f"usr/lib/uml/modules/{self.newest}/x.ko", "var/lib/dpkg/status"]
        names += [f"usr/lib/x86_64-linux-gnu/{name}" for name in ("libc.so.6", "ld-linux-x86-64.so.2", "gconv/other.so")]
        with tarfile.open(argv[-1], "w") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(f"./{name}"), io.BytesIO())

    def download_source(self, path: str) -> None:
        source = io.BytesIO()
        with tarfile.open(fileobj=source, mode="w:xz") as archive:
            archive.addfile(tarfile.TarInfo("linux-source-7.2/Makefile"), io.BytesIO())
        member = tarfile.TarInfo("./usr/src/linux-source-7.2.tar.xz")
        member.size = len(source.getvalue())
        with tarfile.open(path, "w") as archive:
            archive.addfile(member, io.BytesIO(source.getvalue()))

    def make(self, argv: Sequence[str]) -> str:
        source = Path(argv[argv.index("-C") + 1])
        if "linux" in argv:
            (source / "linux").touch()
        if argv[-1] == "modules_install":
            (source.parents[1] / "installed" / "lib" / "modules" / "7.2.13").mkdir(parents=True)
        return "7.2.13\n"

    def console(self, program: str) -> str:
        folder = Path(program).parent
        if any(word in program for word in self.broken):
            return "Kernel panic - not syncing: no room"
        needs = self.large_registers and "-6." in folder.name and not (folder / "xstate.so").exists()
        return LARGE if needs else BOOTS


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "linux.uml").touch()
    (tmp_path / "host-modules" / "6.1.176").mkdir(parents=True)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "kernel.config").write_text("CONFIG_NF_TABLES=y\n")
    programs: Dict[str, Any] = {"linux.uml": lambda: machine.host and str(tmp_path / "bin" / "linux.uml")}
    monkeypatch.setattr(shutil, "which", lambda name: programs.get(name, lambda: f"/usr/bin/{name}")())
    monkeypatch.setattr(operations, "_HOST_MODULES", str(tmp_path / "host-modules"))
    return machine


def take(machine: Machine, kernel: str = "auto", check_mode: bool = False) -> Chosen:
    params = {"kernel": kernel, "suite": "forky", "cache": str(machine.root / "cache"), "files": str(machine.root / "files")}
    params["directory"] = str(machine.root / "lab")
    return choose(make_wanted(params), machine, rootless=False, check_mode=check_mode)


def test_the_newest_kernel_is_taken_and_kept(machine: Machine) -> None:
    chosen = take(machine)
    assert chosen.kernel == Kernel("forky", "7.2.7", str(machine.root / "cache" / "kernel-forky-7.2.7"))
    assert chosen.plan.changed
    assert not chosen.warnings
    assert sorted(path.name for path in Path(chosen.kernel.directory).iterdir()) == [
        "ld-linux-x86-64.so.2",
        "libc.so.6",
        "linux",
        "linux.uml",
        "modules",
    ]
    assert [path.name for path in Path(chosen.kernel.modules).iterdir()] == ["7.2.7"]
    machine.mirror = False
    again = take(machine)
    assert not again.plan.changed
    assert again.kernel == chosen.kernel


def test_without_a_mirror_the_lab_goes_on_with_the_kernel_of_this_machine_and_says_so_in_one_line(machine: Machine) -> None:
    machine.mirror = False
    chosen = take(machine)
    assert chosen.kernel.origin == "host"
    assert len(chosen.warnings) == 1
    assert "cannot resolve the mirror" in chosen.warnings[0]
    assert "uses User-mode Linux 6.1.176 of this host" in chosen.warnings[0]
    assert "\n" not in chosen.warnings[0]


def test_a_newest_kernel_that_does_not_boot_is_not_taken(machine: Machine) -> None:
    machine.broken = ["forky"]
    chosen = take(machine)
    assert chosen.kernel.origin == "host"
    assert "does not boot on this machine: Kernel panic - not syncing: no room" in chosen.warnings[0]


def test_what_was_asked_for_by_name_is_not_replaced(machine: Machine) -> None:
    machine.mirror = False
    with pytest.raises(ObservationError, match="cannot resolve the mirror"):
        take(machine, "newest")
    machine.mirror, machine.broken = True, ["forky"]
    with pytest.raises(ObservationError, match=r"7\.2\.7 of forky does not boot on this machine: Kernel panic"):
        take(machine, "newest")


def test_where_nothing_boots_every_reason_is_given(machine: Machine) -> None:
    machine.mirror, machine.broken = False, ["host"]
    with pytest.raises(ObservationError, match=r"(?s)cannot resolve the mirror.*of this host does not boot on this machine"):
        take(machine)


def test_a_machine_without_a_kernel_of_its_own_takes_the_newest_and_is_told_of_it_otherwise(machine: Machine) -> None:
    machine.host = None
    assert take(machine).kernel.origin == "forky"
    with pytest.raises(InputError, match="install the Debian package user-mode-linux"):
        take(machine, "host")


def test_an_old_kernel_gets_the_library_that_large_registers_need(machine: Machine) -> None:
    machine.large_registers = True
    chosen = take(machine, "host")
    assert chosen.has_xstate
    assert "LD_PRELOAD=xstate.so" in Path(chosen.kernel.program).read_text()
    assert not take(machine, "host").plan.changed


def test_a_compiler_that_is_missing_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.large_registers = True
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "cc" else which(name))
    with pytest.raises(ObservationError, match="install gcc and libc6-dev"):
        take(machine, "host")


def test_a_lab_keeps_the_kernel_it_was_made_with(machine: Machine) -> None:
    machine.mirror = False
    chosen = take(machine)
    (machine.root / "lab").mkdir()
    (machine.root / "lab" / "kernel").write_text(f"{chosen.kernel.program}\n")
    machine.mirror = True
    machine.host = "6.1.999"
    again = take(machine)
    assert again.kernel == chosen.kernel
    assert not again.warnings
    (machine.root / "lab" / "kernel").unlink()
    assert take(machine).kernel.origin == "forky"


def test_a_kernel_is_built_once_for_a_configuration(machine: Machine) -> None:
    chosen = take(machine, "build")
    assert re.fullmatch(r"7\.2\.13-[0-9a-f]{8}", chosen.kernel.version)
    assert sorted(path.name for path in Path(chosen.kernel.directory).iterdir()) == ["linux", "linux.uml", "modules"]
    assert not take(machine, "build").plan.changed
    (machine.root / "files" / "kernel.config").write_text("CONFIG_NF_TABLES=m\n")
    assert take(machine, "build").kernel != chosen.kernel
    assert take(machine).kernel.origin == "forky"


def test_what_a_build_lacks_is_named_before_anything_is_downloaded(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in ("flex", "depmod") else which(name))
    with pytest.raises(ObservationError, match="without these Debian packages: flex kmod"):
        take(machine, "build")
    assert "mmdebstrap" not in machine.runs


def test_a_kernel_that_another_run_is_making_holds_up_only_those_who_want_it(machine: Machine) -> None:
    take(machine)
    with origin_lock(str(machine.root / "cache"), "build"):
        assert not take(machine).plan.changed
        late = threading.Thread(target=take, args=(machine, "build"), daemon=True)
        late.start()
        late.join(0.5)
        assert late.is_alive()
    late.join(10)
    assert not take(machine, "build").plan.changed


def test_check_mode_brings_nothing(machine: Machine) -> None:
    chosen = take(machine, check_mode=True)
    assert chosen.plan.changed
    assert chosen.kernel.version == "unknown"
    assert not (machine.root / "cache").exists()
    assert "mmdebstrap" not in machine.runs
    assert take(machine, "host", check_mode=True).kernel.version == "6.1.176"
    take(machine, "host")
    machine.large_registers = True
    assert take(machine, "host", check_mode=True).plan.changed
    assert not take(machine, "host", check_mode=True).has_xstate


def test_of_several_cached_kernels_the_newest_counts_and_of_this_machine_the_one_it_has() -> None:
    def cached(origin: str, version: str) -> Kernel:
        return Kernel(origin, version, f"/c/kernel-{origin}-{version}")

    kernels = (cached("forky", "7.9.1"), cached("forky", "7.10.0"), cached("host", "6.1.9"), cached("host", "6.1.10"))
    state = State(kernels, None, "/usr/bin/linux.uml", "6.1.9")
    wanted = Wanted("auto", "forky", "/c", "/f")
    assert newest(kernels, "forky") == cached("forky", "7.10.0")
    assert find("host", state, "auto") == cached("host", "6.1.9")
    assert plan_kernel("forky", wanted, state).steps == plan_kernel("host", wanted, state).steps == ()
    assert origins(wanted, state) == ("forky", "host")


@pytest.mark.parametrize(
    "name", ["kernel-forky", "kernel-forky.new", "kernel-forky.tar", "uml-bookworm-0123", "kernel-host-", "kernel-host.lock"]
)
def test_other_names_in_the_cache_are_no_kernels(name: str) -> None:
    assert kernel_at(f"/c/{name}") is None


@pytest.mark.parametrize(
    ("option", "value"), [("suite", "../x"), ("suite", ""), ("cache", "relative"), ("cache", "/a:b"), ("cache", "/a'b")]
)
def test_what_cannot_be_a_release_or_a_cache_is_refused(option: str, value: str) -> None:
    params = {"kernel": "auto", "suite": "forky", "cache": "/c", "files": "/f", "directory": None, option: value}
    with pytest.raises(InputError, match=option):
        make_wanted(params)


@pytest.mark.parametrize("own_libc", [False, True])
@pytest.mark.parametrize("xstate", [False, True])
def test_the_launcher_is_a_valid_script_and_says_what_it_starts(own_libc: bool, xstate: bool, tmp_path: Path) -> None:
    text = launcher(Kernel("forky", "7.2.7", "/c/kernel-forky-7.2.7"), own_libc, xstate)
    script = tmp_path / "linux"
    script.write_text(text)
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert "User-mode Linux 7.2.7 of forky" in text
    assert ("unshare --mount" in text) == own_libc
    assert ("LD_PRELOAD" in text) == xstate


def test_the_launcher_hands_its_arguments_over_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "a b" / "kernel-host-6.1"
    folder.mkdir(parents=True)
    program = folder / "linux.uml"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$LD_PRELOAD" "$@"\n')
    program.chmod(0o755)
    script = folder / "linux"
    script.write_text(launcher(Kernel("host", "6.1", str(folder)), own_libc=False, xstate=False))
    script.chmod(0o755)
    said = subprocess.run([str(script), "a b", "$c", "'"], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert said.splitlines()[1:] == ["a b", "$c", "'"]
