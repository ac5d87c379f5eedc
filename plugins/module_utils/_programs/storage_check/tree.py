# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a host, and of the program's own records."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager, suppress
from typing import Any, Iterator

RECORDS = "/var/lib/fleetlab"
"""The folder of what the programs remember between their runs."""


class Tree:
    """Reads the files of the host below a root folder, because tests have their own trees."""

    def __init__(self, root: str = "") -> None:
        self.root = root

    def text(self, path: str) -> str | None:
        """The content without the white space around it, or None if the file cannot be read."""
        try:
            with open(self.root + path, encoding="utf-8", errors="replace") as stream:
                return stream.read().strip()
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """The content of a file with one decimal number, or None for other content or no file."""
        text = self.text(path) or ""
        return int(text) if text.isascii() and text.isdigit() else None

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none if it cannot be read."""
        try:
            return sorted(os.listdir(self.root + folder))
        except OSError:
            return []

    def last_name(self, path: str) -> str:
        """The last name of the path with all symbolic links resolved."""
        return os.path.realpath(self.root + path).rpartition("/")[2]

    def link(self, path: str) -> str:
        """The text of a symbolic link; empty for other objects."""
        try:
            return os.readlink(self.root + path)
        except OSError:
            return ""

    def load(self, path: str) -> dict[str, Any]:
        """A file with an object in JSON; empty if there is none, or a damaged one."""
        try:
            found = json.loads(self.text(path) or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until no other run writes the records, and keep others waiting. The kernel frees the lock of a killed run."""
        os.makedirs(self.root + RECORDS, exist_ok=True)
        descriptor = os.open(self.root + RECORDS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def save(self, path: str, content: str, mode: int = 0o644) -> None:
        """Replace a file as a whole, because another program may read it at any time. A missing folder is created."""
        folder, _slash, name = (self.root + path).rpartition("/")
        os.makedirs(folder, exist_ok=True)
        # node_exporter only reads names that end in .prom.
        new = f"{folder}/.{name}.new"
        # Others may write in the folder of node_exporter too. What they put at this path, such as a pipe, is not opened.
        with suppress(FileNotFoundError):
            os.unlink(new)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with open(descriptor, "w", encoding="utf-8") as stream:
                stream.write(content)
                os.fchmod(descriptor, mode)
                stream.flush()
                os.fsync(descriptor)
            os.replace(new, self.root + path)
        except OSError:
            os.unlink(new)
            raise
