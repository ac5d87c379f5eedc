# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files, folders, links and block devices of a Linux host, read without a process."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import List, Optional, Tuple

_KINDS = (
    (stat.S_ISREG, "a regular file"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True)
class Host:
    """Reads the host, and changes nothing. Paths are absolute and lie below C(root), because tests have their own trees."""

    root: str = ""

    def read(self, path: str) -> Optional[str]:
        """The content of a file, or C(None) if it cannot be read.

        The file is read at once, so that the counters in a file of the kernel are of one moment. Bytes that are not UTF-8 are replaced.
        """
        try:
            return self.text(path)
        except OSError:
            return None

    def text(self, path: str, errors: str = "replace") -> Optional[str]:
        """Like L(Host.read), but C(None) only if the file does not exist.

        :arg errors: V(surrogateescape) keeps bytes that are not UTF-8, for a file with paths, which may have any bytes.
        :raises OSError: the file cannot be read, which must not be taken for a missing file.
        """
        try:
            with open(self.root + path, "rb", buffering=1 << 20) as stream:
                return stream.read().decode("utf-8", errors)
        except FileNotFoundError:
            return None

    def value(self, path: str) -> Optional[str]:
        """The content of a file with one value, without the white space around it, or C(None) if it cannot be read."""
        text = self.read(path)
        return None if text is None else text.strip()

    def number(self, path: str) -> Optional[int]:
        """The content of a file with one decimal number, or C(None) for other content or no file."""
        text = self.value(path)
        digits = (text or "").lstrip("-")
        return int(text) if text and digits.isascii() and digits.isdigit() else None

    def content(self, path: str) -> Optional[Tuple[str, int]]:
        """The content of a file and its permission bits, or C(None) if the file does not exist.

        :raises OSError: the file cannot be read, which must not be taken for an empty file.
        :raises UnicodeDecodeError: the content is not text.
        """
        try:
            with open(self.root + path, encoding="utf-8") as stream:
                return stream.read(), stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        except FileNotFoundError:
            return None

    def size(self, path: str) -> Optional[int]:
        """Bytes of a regular file, or C(None) for other objects."""
        try:
            info = os.stat(self.root + path)
        except OSError:
            return None
        return info.st_size if stat.S_ISREG(info.st_mode) else None

    def names(self, folder: str) -> List[str]:
        """The names in a folder, sorted; none if it cannot be read."""
        try:
            return sorted(os.listdir(self.root + folder))
        except OSError:
            return []

    def exists(self, path: str) -> bool:
        """Whether the path leads to an existing object."""
        return os.path.exists(self.root + path)

    def is_folder(self, path: str) -> bool:
        """Whether the path leads to a folder."""
        return os.path.isdir(self.root + path)

    def is_file(self, path: str) -> bool:
        """Whether the path leads to a regular file."""
        return os.path.isfile(self.root + path)

    def link(self, path: str) -> str:
        """The text of a symbolic link; empty for other objects."""
        try:
            return os.readlink(self.root + path)
        except OSError:
            return ""

    def resolve(self, path: str) -> str:
        """The path with all symbolic links resolved."""
        real = os.path.realpath(self.root + path)
        top = os.path.realpath(self.root) if self.root else ""
        return real[len(top) :] if top and real.startswith(f"{top}/") else real

    def base_name(self, path: str) -> str:
        """The last name of the path with all symbolic links resolved."""
        return self.resolve(path).rpartition("/")[2]

    def device_number(self, path: str) -> Tuple[Optional[str], str]:
        """C(major:minor) of a block device and an empty string; else C(None) and the object's kind, empty if it does not exist."""
        try:
            info = os.stat(self.root + path)
        except OSError:
            return None, ""
        if stat.S_ISBLK(info.st_mode):
            return f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}", ""
        return None, next((words for test, words in _KINDS if test(info.st_mode)), "no block device")

    def program(self, name: str) -> bool:
        """Whether a system program is installed."""
        return any(os.access(f"{self.root}{folder}/{name}", os.X_OK) for folder in ("/usr/sbin", "/sbin", "/usr/bin", "/bin"))

    def kernel(self) -> str:
        """The release of the running kernel."""
        return os.uname().release

    def hostname(self) -> str:
        """The kernel's host name."""
        return os.uname().nodename
