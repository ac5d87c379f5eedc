# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command in real shells, and what of its output is understood."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.fleetlab.linux.plugins.module_utils._core.errors import ObservationError
from ansible_collections.fleetlab.linux.plugins.module_utils._host import files
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo import collect
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import COMMAND, parse_output
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.facts import make_facts
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.observe import read_host
from ansible_collections.fleetlab.linux.tests.unit.plugins.module_utils._meminfo.readings import KERNELS, facts, tables, text, with_counter

SHELLS = [
    argv
    for argv in (["sh"], ["dash"], ["bash", "--posix"], ["bash"], ["ksh"], ["mksh"], ["zsh", "--emulate", "sh"], ["busybox", "sh"])
    if shutil.which(argv[0])
]
_PLACES = {
    "meminfo": collect.MEMINFO,
    "zoneinfo": collect.ZONEINFO,
    "min_free_kbytes": collect.MIN_FREE,
    "osrelease": collect.OSRELEASE,
    "cgroup": collect.SELF_CGROUP,
    "init_cgroup": collect.INIT_CGROUP,
    "arcstats": collect.ARCSTATS,
    "pressure": collect.PRESSURE,
    "vmstat": collect.VMSTAT,
}


class Host:
    """A folder that looks like the root of a host, and the programs on its PATH."""

    def __init__(self, root: Path, kernel: str) -> None:
        self.root = root
        self.programs = root / "bin"
        self.programs.mkdir()
        self.kernel = kernel
        for name, place in _PLACES.items():
            content = text(kernel, name)
            if content is not None:
                self.write(place, content)
        for place, content in tables(kernel).items():
            self.write(place, f"{content}\n")
        self.program("grep")
        (self.programs / "getconf").write_text(f"#!/bin/sh\necho {(text(kernel, 'pagesize') or '').strip()}\n", encoding="utf-8")
        (self.programs / "getconf").chmod(0o755)

    def program(self, name: str) -> None:
        """Put a program of this machine on the PATH of the host."""
        found = shutil.which(name)
        assert found
        (self.programs / name).symlink_to(found)

    def write(self, place: str, content: str) -> None:
        """Write a file of the host."""
        path = self.root / place.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def run(self, shell: list[str]) -> str:
        """What the command prints there."""
        command = COMMAND
        for folder in ("/proc/", "/sys/"):
            command = command.replace(f" {folder}", f" {self.root}{folder}").replace(f"<{folder}", f"<{self.root}{folder}")
        command = command.replace("=/sys/", f"={self.root}/sys/")
        program = shutil.which(shell[0])
        assert program
        env = {"PATH": str(self.programs), "GREP_OPTIONS": "--color=always", "LANG": "de_DE.UTF-8"}
        done = subprocess.run([program, *shell[1:], "-c", command], env=env, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.replace(str(self.root), "")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_command_brings_all_that_the_facts_need(tmp_path: Path, shell: list[str], kernel: str) -> None:
    assert make_facts(parse_output(Host(tmp_path, kernel).run(shell)), True) == make_facts(parse_output(printed(kernel)), True)
    assert make_facts(parse_output(printed(kernel))) == facts(kernel)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_limits_of_every_group_above_are_read(tmp_path: Path, shell: list[str]) -> None:
    host = Host(tmp_path, "6.1")
    host.write(collect.SELF_CGROUP, "0::/a slice/b:c*\n")
    for folder, limit in (("/a slice/b:c*", "max"), ("/a slice", "1073741824"), ("", "2147483648")):
        host.write(f"/sys/fs/cgroup{folder}/memory.max", f"{limit}\n")
        host.write(f"/sys/fs/cgroup{folder}/memory.current", "536870912\n")
        host.write(f"/sys/fs/cgroup{folder}/memory.stat", "anon 5\ninactive_file 4096\nactive_file 8\n")
    found = make_facts(parse_output(host.run(shell)))["cgroup"]
    assert (found["path"], found["limit"], found["available"]) == ("/a slice", 1073741824, 1073741824 - 536870912 + 4096)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_limits_of_version_1_are_read(tmp_path: Path, shell: list[str]) -> None:
    host = Host(tmp_path, "4.19")
    host.write(collect.SELF_CGROUP, "3:cpu,cpuacct:/x\n5:memory:/docker/1\n0::/x\n")
    host.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n")
    host.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "134217728\n")
    host.write("/sys/fs/cgroup/memory/memory.stat", "cache 1\ninactive_file 2\ntotal_inactive_file 4096\n")
    found = make_facts(parse_output(host.run(shell)))["cgroup"]
    assert (found["version"], found["limit"], found["available"]) == (1, 268435456, 134217728 + 4096)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_page_size_is_that_of_a_mapping_and_can_be_missing(tmp_path: Path, shell: list[str]) -> None:
    host = Host(tmp_path, "6.1-arm64-64k")
    (host.programs / "getconf").unlink()
    host.write("/proc/self/smaps", "0-1 r-xp\nKernelPageSize:       64 kB\nMMUPageSize: 64 kB\n2-3 r-xp\nKernelPageSize:       64 kB\n")
    assert make_facts(parse_output(host.run(shell))) == facts("6.1-arm64-64k")
    (tmp_path / "proc/self/smaps").unlink()
    assert make_facts(parse_output(host.run(shell))) == facts("6.1-arm64-64k")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_host_without_proc_or_grep_says_so(tmp_path: Path, shell: list[str]) -> None:
    host = Host(tmp_path, "6.1")
    (tmp_path / "proc/meminfo").unlink()
    with pytest.raises(ObservationError, match="could not read /proc/meminfo"):
        parse_output(host.run(shell))


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_command_and_the_module_read_the_same_of_this_machine(shell: list[str]) -> None:
    done = subprocess.run([*shell, "-c", COMMAND], capture_output=True, text=True, check=True)
    by_command, by_module = make_facts(parse_output(done.stdout)), make_facts(read_host(files.Host()))
    assert shape(by_command) == shape(by_module)
    assert by_command["kernel"] == by_module["kernel"]
    for name in ("MemTotal", "SwapTotal", "VmallocTotal", "Hugepagesize"):
        assert by_command["bytes"].get(name) == by_module["bytes"].get(name)


def shape(value: Any) -> Any:
    """The names and types in a result, without its figures."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    return type(value).__name__


def test_the_command_passes_through_any_login_shell() -> None:
    # csh expands ! even in quotes, fish reads backslashes there, and none of them likes a line that ends within quotes.
    assert not set(COMMAND) & set("'!\\\n`")
    assert len(COMMAND) < os.pathconf("/", "PC_PATH_MAX")


def printed(kernel: str) -> str:
    """What the command prints on a host, by hand and without leaving anything out."""
    lines = ["", "fleetlab-meminfo-1 begin", f"pagesize:{(text(kernel, 'pagesize') or '').strip()}"]
    for name, place in _PLACES.items():
        lines += [f"{place}:{line}" for line in (text(kernel, name) or "").splitlines()]
    for place, content in tables(kernel).items():
        lines += [f"{place}:{line}" for line in content.splitlines()]
    return "\n".join([*lines, "fleetlab-meminfo-1 end", ""])


def test_noise_around_and_between_and_carriage_returns_do_no_harm() -> None:
    clean = printed("3.2")
    banner = "Authorized use only!\nMemTotal: 1 kB\n/proc/meminfo is watched"
    noisy = (banner + clean + banner).replace("\n", "\r\n")
    assert parse_output(noisy) == parse_output(clean)
    first = clean.index("/proc/zoneinfo")
    assert parse_output(clean[:first] + "Message from syslogd: disk on fire\n\n" + clean[first:]) == parse_output(clean)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "nothing at all"),
        ("sh: 1: Syntax error", "Syntax error"),
        (COMMAND, "no reading"),
        ("fleetlab-meminfo-1 begin\n/proc/meminfo:MemTotal:  1 kB\n", "incomplete"),
        ("fleetlab-meminfo-1 begin\nfleetlab-meminfo-1 end\n", "could not read /proc/meminfo"),
        (printed("6.1") * 2, "more than one"),
        ("fleetlab-meminfo-1 end\nfleetlab-meminfo-1 begin\n", "more than one"),
    ],
)
def test_what_is_no_whole_reading_is_an_error_that_says_why(output: str, reason: str) -> None:
    with pytest.raises(ObservationError) as error:
        parse_output(output)
    assert reason in str(error.value)


def test_foreign_text_inside_a_line_costs_a_counter_and_not_the_host() -> None:
    whole = printed("6.1")
    found = make_facts(parse_output(whole.replace("\n/proc/meminfo:Shmem:", "\nBroadcast: /proc/meminfo:Shmem:")))
    assert "foreign text inside the line" in found["problems"]["Shmem"]
    assert found["accounting"]["tmpfs"] is None
    assert found["available"] == facts("6.1")["available"]


def test_foreign_text_inside_zoneinfo_costs_the_zones_and_not_the_host() -> None:
    whole = printed("6.1").replace("\n/proc/zoneinfo:Node 0, zone   Normal", "\nBroadcast: /proc/zoneinfo:Node 0, zone   Normal")
    found = make_facts(parse_output(whole))
    assert found["available"]["bytes"] == facts("6.1")["available"]["bytes"]
    assert "/proc/zoneinfo: cannot understand 'Node: foreign text" in found["available"]["missing"]["linux_4_20"]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_huge_pages_of_every_size_are_read(tmp_path: Path, shell: list[str]) -> None:
    host = Host(tmp_path, "6.1")
    meminfo = with_counter("6.1", "HugePages_Total", "3").replace("Hugetlb:               0 kB", f"Hugetlb: {3 * 2048 + 2 * 1048576} kB")
    host.write(collect.MEMINFO, meminfo)
    for size, total, free in ((2048, 3, 1), (1048576, 2, 1)):
        host.write(f"{collect.HUGEPAGES}/hugepages-{size}kB/nr_hugepages", f"{total}\n")
        host.write(f"{collect.HUGEPAGES}/hugepages-{size}kB/free_hugepages", f"{free}\n")
        host.write(f"{collect.HUGEPAGES}/hugepages-{size}kB/surplus_hugepages", "9\n")
    expected = {"total": (3 * 2 + 2 * 1024) << 20, "free": (2 + 1024) << 20, "used": (2 * 2 + 1024) << 20, "reason": None}
    assert make_facts(parse_output(host.run(shell)))["accounting"]["huge_pages"] == expected
    assert make_facts(read_host(files.Host(str(tmp_path))))["accounting"]["huge_pages"] == expected
