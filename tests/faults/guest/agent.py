# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic with an account of it, in the client: run there as C(python3 agent.py run FOLDER SECONDS), or C(check FOLDER).

Three things at once, until standard input is closed or the seconds are over: small writes, each acknowledged by the disks and
then by a line of output; small reads of data that is known; and passes of fio that write a file and verify all of it by checksum.
Each line of output is one JSON object: C(op) is write, read or fio; C(ms) how long it took; C(error) what it came to, if not well.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import struct
import subprocess
import sys
import threading
import time
import zlib
from typing import Callable

BLOCK = 4096
SLOTS = 256
PAUSE = 0.15
"""Seconds between two operations of a kind: short enough to measure a stall, long enough to keep the machine mostly idle."""

_lock = threading.Lock()
_stop = threading.Event()


def say(**line: object) -> None:
    """Write one line of the account at once."""
    with _lock:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def pack(slot: int, number: int) -> bytes:
    """The content of a slot: its number, the number of the write, and a checksum of both, repeated over the whole block."""
    head = struct.pack("<QQ", slot, number)
    return (head + struct.pack("<I", zlib.crc32(head)) + bytes(12)) * (BLOCK // 32)


def unpack(slot: int, block: bytes) -> int:
    """The number of the write that filled a slot; -1 if its content is not from one write."""
    number = int(struct.unpack_from("<Q", block, 8)[0])
    return number if block == pack(slot, number) else -1


def repeat(name: str, path: str, flags: int, operation: Callable[[int, int], int]) -> None:
    """Repeat an operation and account for each repeat; after an error the file is opened again."""
    count, descriptor = 0, -1
    while not _stop.wait(PAUSE):
        start = time.monotonic()
        try:
            if descriptor < 0:
                descriptor = os.open(path, flags | os.O_DIRECT)
            slot = operation(descriptor, count)
            say(op=name, t=start, ms=(time.monotonic() - start) * 1000, slot=slot, number=count)
        except OSError as error:
            say(op=name, t=start, ms=(time.monotonic() - start) * 1000, error=os.strerror(error.errno or 0))
            if descriptor >= 0:
                os.close(descriptor)
            descriptor = -1
        count += 1


def writer(folder: str, first: int) -> None:
    """Fill slots one after the other. A write counts once it is on the disks."""
    buffer = mmap.mmap(-1, BLOCK)

    def write(descriptor: int, count: int) -> int:
        slot = count % SLOTS
        buffer[:] = pack(slot, first + count)
        os.pwrite(descriptor, buffer, slot * BLOCK)
        return slot

    repeat("write", f"{folder}/slots", os.O_WRONLY | os.O_DSYNC, write)


def reader(folder: str) -> None:
    """Read known data at random places, from the disks and not from the page cache."""
    path = f"{folder}/known-1"
    blocks = os.path.getsize(path) // BLOCK
    buffer = mmap.mmap(-1, BLOCK)

    def read(descriptor: int, count: int) -> int:
        slot = count * 7919 % blocks
        os.preadv(descriptor, [buffer], slot * BLOCK)
        return slot

    repeat("read", path, os.O_RDONLY, read)


def passes(folder: str) -> None:
    """Let fio write a file in random order and verify it, over and over."""
    seed = 0
    while not _stop.wait(0.5):
        seed += 1
        argv = ["fio", "--name=pass", f"--filename={folder}/fio", "--size=6m", "--bs=32k", "--rw=randwrite", "--direct=1"]
        argv += ["--ioengine=psync", "--verify=crc32c", "--verify_fatal=1", "--rate_iops=60,60", f"--randseed={seed}", "--minimal"]
        start = time.monotonic()
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        error = {"error": done.stderr.strip()[-300:] or f"exit code {done.returncode}"} if done.returncode else {}
        say(op="fio", t=start, ms=(time.monotonic() - start) * 1000, **error)


def run(folder: str, seconds: float) -> None:
    """Run all kinds of traffic at the same time, until standard input is closed."""
    first = time.time_ns()
    threads = [
        threading.Thread(target=writer, args=(folder, first), daemon=True),
        threading.Thread(target=reader, args=(folder,), daemon=True),
        threading.Thread(target=passes, args=(folder,), daemon=True),
    ]
    say(op="start", first=first)
    for thread in threads:
        thread.start()
    select.select([sys.stdin], [], [], seconds)
    _stop.set()
    # What is under way is waited for: an operation that never ends is one that hangs, and is said to.
    limit = time.monotonic() + 150
    for thread, name in zip(threads, ("write", "read", "fio"), strict=True):
        thread.join(max(0.0, limit - time.monotonic()))
        if thread.is_alive():
            say(op=name, ms=(time.monotonic() - limit + 150) * 1000, error="hangs")
    say(op="end")
    sys.stdout.flush()
    os._exit(0)


def check(folder: str) -> None:
    """Print the number of the write in each slot, -1 for a broken slot."""
    buffer = mmap.mmap(-1, BLOCK)
    descriptor = os.open(f"{folder}/slots", os.O_RDONLY | os.O_DIRECT)
    found = []
    for slot in range(SLOTS):
        os.preadv(descriptor, [buffer], slot * BLOCK)
        found.append(unpack(slot, buffer[:]))
    print(json.dumps(found))


def prepare(folder: str) -> None:
    """Create the slots, and wait until all of them are on the disks."""
    with open(f"{folder}/slots", "wb") as stream:
        stream.write(b"".join(pack(slot, 0) for slot in range(SLOTS)))
        stream.flush()
        os.fsync(stream.fileno())


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(sys.argv[2], float(sys.argv[3]))
    else:
        {"check": check, "prepare": prepare}[sys.argv[1]](sys.argv[2])
