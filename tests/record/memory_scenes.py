# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of the running kernel in use: tmpfs, locked memory, huge pages, zram, FUSE, a balloon; and of a container with a limit."""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.collect import COMMAND, Reading, parse_output
from ansible_collections.fleetlab.linux.plugins.module_utils._meminfo.meminfo import parse_page_size
from ansible_collections.fleetlab.linux.tests.record.fuse_hang import hanging_writes
from ansible_collections.fleetlab.linux.tests.record.recording import Folder, run

SIZE = 12 << 20
"""Bytes of tmpfs, of locked memory, and on a zram device."""
LIMIT = 64 << 20
KIND = "FLEETLAB_RECORD_KIND"
"""The environment variable with a word for the machine, such as -qemu, which the folders have after the version of the kernel."""
HUGE_PAGES = Path("/proc/sys/vm/nr_hugepages")
_MAP_HUGETLB = 0x40000
_ZRAM = Path("/sys/block/zram0")
_BALLOON_WITHIN = 120.0
_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
_IN_CONTAINER = """
mount --make-rprivate / && mount -t tmpfs none {root} && mkdir -p {mount} && mount -t {kind} none {mount} &&
head -c 3000000 /dev/zero >{root}/file && {command}
"""


def record(output: Path) -> None:
    """The host, and a container on it if the kernel can limit memory and the machine is not a guest of the scenes' own."""
    version = ".".join(os.uname().release.split(".")[:2]) + os.environ.get(KIND, "")
    _wait_for_balloon()
    with _tmpfs(), _locked(), _huge_pages(), _compressed(), hanging_writes():
        _save(Folder(output / "proc" / f"{version}-in-use"), run("sh", "-c", COMMAND))
    if KIND in os.environ:
        return
    with _limited_group() as group:
        if group is not None:
            _save(Folder(output / "proc" / f"{version}-container"), _read_in_container(group))


def _wait_for_balloon() -> None:
    """Wait until the balloon of the scenes' own guest has taken what its host asks for. Of other machines nobody asks for anything."""
    if KIND not in os.environ:
        return
    run("modprobe", "virtio_balloon")
    deadline, before = time.monotonic() + _BALLOON_WITHIN, -1
    while time.monotonic() < deadline:
        now = _inflated()
        if now > 0 and now == before:
            return
        before = now
        time.sleep(2)
    raise SystemExit(f"record: the balloon did not come to rest in {_BALLOON_WITHIN:g} s; does its host ask for memory?")


def _inflated() -> int:
    """Pages that balloons have taken since boot."""
    found = [line.split()[1] for line in _text(Path("/proc/vmstat")).splitlines() if line.startswith("balloon_inflate ")]
    return int(found[0]) if found else 0


@contextlib.contextmanager
def _tmpfs() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        run("mount", "-t", "tmpfs", "none", folder)
        try:
            (Path(folder) / "file").write_bytes(b"x" * SIZE)
            yield
        finally:
            run("umount", folder)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    with mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        place = (ctypes.c_char * SIZE).from_buffer(memory)
        if ctypes.CDLL(None, use_errno=True).mlock(place, ctypes.c_size_t(SIZE)) != 0:
            raise SystemExit(f"record: mlock: {os.strerror(ctypes.get_errno())}")
        yield
        del place


@contextlib.contextmanager
def _huge_pages() -> Iterator[None]:
    """Five huge pages of the default size, two of them used, if the kernel has any."""
    if not HUGE_PAGES.exists():
        yield
        return
    before = HUGE_PAGES.read_text(encoding="ascii")
    HUGE_PAGES.write_text(f"{int(before) + 5}\n", encoding="ascii")
    try:
        with mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_HUGETLB) as memory:
            memory[0] = memory[2 << 20] = 1
            yield
    finally:
        HUGE_PAGES.write_text(before, encoding="ascii")


@contextlib.contextmanager
def _compressed() -> Iterator[None]:
    """Random data on a zram device that nobody uses, if the kernel has one."""
    subprocess.run(["modprobe", "zram"], capture_output=True, check=False)
    if _text(_ZRAM / "disksize") != "0\n":
        yield
        return
    (_ZRAM / "disksize").write_text(f"{2 * SIZE}\n", encoding="ascii")
    try:
        with Path("/dev", _ZRAM.name).open("wb") as device:
            device.write(os.urandom(SIZE))
            os.fsync(device.fileno())
        yield
    finally:
        (_ZRAM / "reset").write_text("1\n", encoding="ascii")


@contextlib.contextmanager
def _limited_group() -> Iterator[Path | None]:
    """A group with a limit, None if the kernel cannot limit memory."""
    if (_V1 / "memory.limit_in_bytes").exists():
        group, limit = _V1 / "fleetlab-record", "memory.limit_in_bytes"
    elif "memory" in _text(_V2 / "cgroup.controllers").split():
        (_V2 / "cgroup.subtree_control").write_text("+memory\n", encoding="ascii")
        group, limit = _V2 / "fleetlab-record", "memory.max"
    else:
        yield None
        return
    group.mkdir()
    try:
        (group / limit).write_text(f"{LIMIT}\n", encoding="ascii")
        yield group
    finally:
        group.rmdir()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _read_in_container(group: Path) -> str:
    """A reading by a process in the group, which sees the group as the root."""
    first = group.parent == _V1
    root = "/sys/fs/cgroup"
    kind, mount = ("cgroup -o memory", f"{root}/memory") if first else ("cgroup2", root)
    script = _IN_CONTAINER.format(root="/mnt" if not first else root, mount=mount, kind=kind, command=COMMAND)
    join = f"echo $$ >{group}/cgroup.procs && exec unshare --mount --cgroup --pid --fork --mount-proc sh -c"
    return run("sh", "-c", f'{join} "$0"', script)


def _save(folder: Folder, printed: str) -> None:
    """The parts of a reading in the form of the fixtures."""
    reading: Reading = parse_output(printed)
    reading = reading._replace(page_size=str(parse_page_size(reading.page_size)))
    names = {"page_size": "pagesize", "self_cgroup": "cgroup"}
    for name, value in reading._asdict().items():
        if isinstance(value, dict) and value:
            folder.save(f"{names.get(name, name)}.json", json.dumps(value, indent=1, sort_keys=True) + "\n")
        elif isinstance(value, str) and value:
            folder.save(names.get(name, name), f"{value}\n")
