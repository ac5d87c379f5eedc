# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files an Include names, and names and addresses of servers. Pure: callables read the files."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from typing import Iterator, List, Optional, Protocol, Sequence

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")


class Files(Protocol):
    """What reading needs of a host."""

    def read(self, path: str) -> Optional[str]:
        """The content of a file, if it can be read."""

    def names(self, folder: str) -> List[str]:
        """The names in a folder, sorted."""

    def is_folder(self, path: str) -> bool:
        """Whether the path leads to a folder."""

    def exists(self, path: str) -> bool:
        """Whether the path leads to an existing object."""


def matches(files: Files, root: str, pattern: str) -> Iterator[str]:
    """The files of an Include, whose pattern may be a folder, with all files below it."""
    path = pattern if pattern.startswith("/") else f"{root}/{pattern}"
    found = [""]
    for part in path.strip("/").split("/"):
        if any(character in part for character in "*?["):
            found = [f"{base}/{name}" for base in found for name in files.names(base or "/") if _matches(name, part)]
        else:
            found = [f"{base}/{part}" for base in found]
    for one in found:
        yield from _below(files, one)


def _matches(name: str, pattern: str) -> bool:
    """As the servers have it: a pattern matches no hidden file, such as the swap file of an editor."""
    return fnmatch.fnmatchcase(name, pattern) and (not name.startswith(".") or pattern.startswith("."))


def _below(files: Files, path: str) -> Iterator[str]:
    if not files.is_folder(path):
        yield path
        return
    for name in files.names(path):
        yield from _below(files, f"{path}/{name}")


def is_address(text: str) -> bool:
    """Whether the text is the address of one interface."""
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False


def is_within(address: str, network: str) -> bool:
    """Whether an address belongs to a network, such as C(192.0.2.0/24), or is the only one of it."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def reached(address: str) -> str:
    """Where a server is asked that listens on an address, on that of a name of this host, or on all of a family."""
    if is_address(address) or is_name(address):
        return address
    return "::1" if ":" in address else "127.0.0.1"


def is_name(text: str) -> bool:
    """Whether the text is a name, and neither an address nor a sign for all of them, such as C(*) and C(_default_)."""
    return _NAME.fullmatch(text) is not None and not re.fullmatch(r"[0-9.]+", text) and text != "_default_"


def names_of(words: Sequence[str]) -> Iterator[str]:
    """The names that a client can ask for: no addresses, and no other patterns than all names below a domain."""
    for word in words:
        name = word.rpartition("://")[2].partition(":")[0].lower()
        # Of the names below a domain one is asked for, so that a site with such names only is asked, too.
        name = f"www.{name[2:]}" if name.startswith("*.") else name
        if _NAME.fullmatch(name) and not is_address(name):
            yield name
