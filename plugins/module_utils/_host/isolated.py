# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a process of its own, also in namespaces of its own where nothing of the host can be written and nothing is reachable.

Whatever happens to this process, the other ends with it, and the kernel takes its namespaces, mounts and files away.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import time
from contextlib import suppress
from typing import Any, Callable, NoReturn

from .._core.errors import FleetlabError, ObservationError
from .files import Host
from .mounts import read_mounts

Work = Callable[[], Any]
SCRATCH = "/run"
"""The folder in memory that work in namespaces of its own may write to. It hides the folder of the host, with its sockets."""

_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC, _CLONE_NEWPID, _CLONE_NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 8, 32, 4096
_MS_REC, _MS_PRIVATE = 16384, 1 << 18
_FLAGS = {"nosuid": _MS_NOSUID, "nodev": _MS_NODEV, "noexec": _MS_NOEXEC, "noatime": 1024, "nodiratime": 2048, "relatime": 1 << 21}
_PR_SET_PDEATHSIG = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def in_child(work: Work, limit: float) -> Any:
    """What C(work) returns, as JSON gives it back; it runs in a child process, which may give up root or change its root folder.

    :arg limit: seconds after which the child is ended.
    :raises ObservationError: the work failed, or did not end in time.
    """
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _report(work, writing, parent)
    os.close(writing)
    try:
        text = _read(reading, limit)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    answer = json.loads(text) if text else {"error": "the process ended without an answer"}
    if "error" in answer:
        raise ObservationError(answer["error"])
    return answer["value"]


def isolated(work: Work, limit: float) -> Any:
    """The same as L(in_child), with namespaces of mounts, processes, network, names and messages of its own.

    Only the loopback interface is up there. All file systems are read-only except L(SCRATCH), which is empty.
    """
    return in_child(lambda: _in_namespaces(work, limit), limit + 5)


def end_with_parent() -> None:
    """Let the kernel end this process with its parent. It forgets that when the process becomes another user, who has to say it again."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def mount_over(source: str, target: str) -> None:
    """Show the file C(source) in the place of C(target), for work in namespaces of its own."""
    _require(_mount(source, target, "", _MS_BIND), f"mounting over {target}")


def _in_namespaces(work: Work, limit: float) -> Any:
    if _libc.unshare(_CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWPID | _CLONE_NEWNET):
        raise ObservationError(f"this kernel gives no namespaces of its own: {os.strerror(ctypes.get_errno())}; run the module as root")

    def inside() -> Any:
        _make_read_only()
        _loopback_up()
        return work()

    return in_child(inside, limit)


def _report(work: Work, writing: int, parent: int) -> NoReturn:
    """Send the result of the work. Nothing of the copied process may run after it, such as its handlers of the end."""
    end_with_parent()
    # In a namespace of processes the parent has no number.
    if os.getppid() not in (parent, 0):
        os._exit(1)
    try:
        try:
            answer = {"value": work()}
        except (FleetlabError, OSError) as error:
            answer = {"error": str(error)}
        except (ArithmeticError, MemoryError, ValueError) as error:
            # Users give the names and contents of their files, such as a name that no text of UTF-8 can have.
            answer = {"error": f"{type(error).__name__}: {error}"}
        with os.fdopen(writing, "w") as stream:
            json.dump(answer, stream)
    finally:
        os._exit(0)


def _read(reading: int, limit: float) -> bytes:
    """All that the child sends until its end."""
    text = b""
    end = time.monotonic() + limit
    while select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
        data = os.read(reading, 1 << 16)
        if not data:
            return text
        text += data
    raise ObservationError(f"took longer than {limit:g} s, and was ended")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> int:
    words = [os.fsencode(word) if word else None for word in (source, target, kind, data)]
    return 0 if _libc.mount(words[0], words[1], words[2], flags, words[3]) == 0 else ctypes.get_errno()


def _require(number: int, what: str) -> None:
    if number:
        raise ObservationError(f"{what} failed: {os.strerror(number)}")


def _make_read_only() -> None:
    _require(_mount("", "/", "", _MS_REC | _MS_PRIVATE), "making the mounts private")
    _require(_mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC), "mounting /proc")
    for mount in read_mounts(Host(), errors="surrogateescape"):
        place, flags = mount.point, sum(_FLAGS.get(option, 0) for option in mount.options)
        number = _mount("", place, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | flags)
        # A mount that is hidden by another one has no path of its own.
        if number and os.path.exists(place) and not os.statvfs(place).f_flag & os.ST_RDONLY:
            raise ObservationError(f"{place} cannot be made read-only: {os.strerror(number)}")
    _require(_mount("tmpfs", SCRATCH, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755"), f"mounting {SCRATCH}")
    if os.path.exists("/dev/log"):
        _require(_mount("/dev/null", os.path.realpath("/dev/log"), "", _MS_BIND), "hiding /dev/log")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(control, _SIOCGIFFLAGS, asked + b"\0" * 16)[:18])[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP) + b"\0" * 16)
