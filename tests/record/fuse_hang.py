# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FUSE file system with one file, whose server takes what is written and never says that it has it.

Until it would, the kernel keeps the pages: as WritebackTmp up to Linux 6.15, as Writeback since then.
"""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

from ansible_collections.fleetlab.linux.tests.record.recording import run

SIZE = 512 << 10
_NAME = "file"
_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _WRITE, _INIT = 1, 2, 3, 14, 15, 16, 26
_ENOSYS = 38
_WITHIN = 60.0
# A program of its own: its faults wait for the server, and a thread would hold the interpreter's lock meanwhile.
_WRITER = """
import mmap, os, sys
file = os.open(sys.argv[1], os.O_RDWR)
memory = mmap.mmap(file, int(sys.argv[2]))
memory[:] = b"x" * len(memory)
os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
sys.stdin.read()
"""


@contextlib.contextmanager
def hanging_writes() -> Iterator[None]:
    """Some pages that are being written; nothing where the kernel has no FUSE."""
    subprocess.run(["modprobe", "fuse"], capture_output=True, check=False)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
        subprocess.run(["mount", "-i", "-t", "fuse", "-o", options, "fleetlab-record", folder], check=True, pass_fds=[device])
        written = threading.Event()
        threading.Thread(target=_serve, args=(device, written), daemon=True).start()
        with subprocess.Popen([sys.executable, "-c", _WRITER, f"{folder}/{_NAME}", str(SIZE)], stdin=subprocess.PIPE) as writer:
            try:
                if not written.wait(_WITHIN):
                    raise SystemExit(f"record: the kernel wrote nothing to FUSE in {_WITHIN:g} s")
                yield
            finally:
                # Ends all requests, and with them whatever waits for one.
                run("umount", "--force", "--lazy", folder)
                writer.kill()
    os.close(device)


def _serve(device: int, written: threading.Event) -> None:
    while True:
        try:
            request = os.read(device, 1 << 18)
        except OSError:
            return
        _length, opcode, unique, node = struct.unpack_from("=IIQQ", request)
        if opcode == _WRITE:
            written.set()
        elif opcode != _FORGET:
            body = _answer(opcode, node, request[40:])
            error = -_ENOSYS if body is None else 0
            os.write(device, struct.pack("=IiQ", 16 + len(body or b""), error, unique) + (body or b""))


def _answer(opcode: int, node: int, body: bytes) -> bytes | None:
    """The answer to a request, None if this file system has none."""
    if opcode == _INIT:
        # Version 7.31; 64 requests in the background, 48 of them before the kernel waits; 64 KiB in one write.
        return struct.pack("=IIIIHHII36x", 7, 31, 1 << 16, 0, 64, 48, 1 << 16, 1)
    if opcode == _LOOKUP:
        return struct.pack("=QQQQII", 2, 0, 3600, 3600, 0, 0) + _attributes(2)
    if opcode == _GETATTR:
        return struct.pack("=QII", 3600, 0, 0) + _attributes(node)
    if opcode == _OPEN:
        return struct.pack("=QII", 1, 0, 0)
    if opcode == _READ:
        return bytes(struct.unpack_from("=QQI", body)[2])
    return None


def _attributes(node: int) -> bytes:
    mode, size = (0o40755, 0) if node == 1 else (0o100644, SIZE)
    return struct.pack("=QQQQQQIIIIIIIIII", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
