# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system calls with which L(observe) reads a host; tests put recorded answers in their place."""

from __future__ import annotations

import errno
import mmap
import os
import stat
import time
from typing import List, Optional, Tuple

_KINDS = (
    (stat.S_ISREG, "a regular file"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


class Host:
    """Reads files, links, and devices of this machine. Nothing here changes anything or starts a process."""

    def text(self, path: str) -> Optional[str]:
        """The content of a small file without white space at its ends, or C(None) if it cannot be read."""
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                return stream.read().strip()
        except OSError:
            return None

    def content(self, path: str) -> Optional[Tuple[str, int]]:
        """The whole content of a file and its permission bits, or C(None) where there is none."""
        try:
            with open(path, encoding="utf-8") as stream:
                return stream.read(), stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> List[str]:
        """The names in a folder, sorted; none if it is not there."""
        try:
            return sorted(os.listdir(folder))
        except OSError:
            return []

    def target(self, path: str) -> str:
        """The path with all symbolic links resolved."""
        return os.path.realpath(path)

    def device_number(self, path: str) -> Tuple[Optional[str], str]:
        """C(major:minor) of a block device, or C(None) and what the path is instead (an empty string: nothing)."""
        try:
            info = os.stat(path)
        except OSError:
            return None, ""
        if stat.S_ISBLK(info.st_mode):
            return f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}", ""
        return None, next((words for test, words in _KINDS if test(info.st_mode)), "no block device")

    def read(self, node: str, offset: int, length: int) -> Optional[bytes]:
        """Bytes of a block device, or C(None) if it gives none.

        Past the page cache: md writes superblocks past it too, and what is cached there can be from before that.
        """
        try:
            descriptor = os.open(node, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            # O_DIRECT wants memory aligned to the device's blocks, which a page is.
            with mmap.mmap(-1, length) as buffer:
                return buffer[: os.preadv(descriptor, [buffer], offset)]
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def busy(self, node: str) -> bool:
        """Whether the kernel keeps the device for somebody alone (mount, md, dm, swap, LIO, another exclusive user)."""
        try:
            os.close(os.open(node, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
        except OSError as error:
            return error.errno == errno.EBUSY
        return False

    def users(self, number: str) -> List[str]:
        """Processes that have the block device C(major:minor) open, as C(name[pid])."""
        found = []
        for process in self.names("/proc"):
            if process.isdigit() and self._has_open(process, number):
                found.append(f"{self.text(f'/proc/{process}/comm')}[{process}]")
        return found

    def _has_open(self, process: str, number: str) -> bool:
        folder = f"/proc/{process}/fd"
        return any(self.device_number(f"{folder}/{descriptor}")[0] == number for descriptor in self.names(folder))

    def hostname(self) -> str:
        """The host name as the kernel and mdadm know it."""
        return os.uname().nodename

    def program(self, name: str) -> bool:
        """Whether a system program is installed."""
        return any(os.access(f"{folder}/{name}", os.X_OK) for folder in ("/usr/sbin", "/sbin", "/usr/bin", "/bin"))

    def now(self) -> int:
        """Seconds since 1970, by the clock that superblocks have their times from."""
        return int(time.time())

    def random_uuid(self) -> str:
        """A new UUID, 32 hexadecimal digits."""
        return os.urandom(16).hex()
