# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg and apt know of packages, and what was built. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

PREFIX = "Fleetlab"
"""The fields of patched packages in dpkg's database begin with this."""


@dataclass(frozen=True)
class Installed:
    """An installed package. C(base) is empty for a package of the distribution."""

    name: str
    version: str
    architecture: str
    is_held: bool
    base: str = ""
    patches: str = ""
    suite: str = ""
    is_essential: bool = False
    source: str = ""

    @property
    def is_patched(self) -> bool:
        """Whether patched_package built it."""
        return bool(self.base)

    @property
    def full_name(self) -> str:
        """The name with the architecture, as apt-mark needs it where several are installed."""
        return self.name if self.architecture == "all" else f"{self.name}:{self.architecture}"


@dataclass(frozen=True)
class Deb:
    """A package in a file."""

    path: str
    name: str
    version: str
    architecture: str
    base: str = ""
    patches: str = ""
    suite: str = ""
    is_essential: bool = False


@dataclass(frozen=True)
class Offer:
    """A version in an archive. C(origin) is the archive's label, such as C(Debian-Security)."""

    name: str
    version: str
    origin: str
    suite: str
    is_local: bool

    @property
    def is_security(self) -> bool:
        """Whether the archive is one of security updates."""
        return "security" in f"{self.origin} {self.suite}".lower()


@dataclass(frozen=True)
class Host:
    """A host on which packages are installed. C(lists_age) is in seconds, C(None) if the lists were never fetched."""

    architecture: str
    suite: str
    installed: Tuple[Installed, ...]
    offers: Tuple[Offer, ...] = ()
    debs: Tuple[Deb, ...] = ()
    lists_age: Optional[float] = None
    changed_files: Tuple[Tuple[str, Tuple[str, ...]], ...] = ()

    def find(self, name: str) -> Optional[Installed]:
        """An installed package by its name, of the host's architecture if there are several."""
        found = [package for package in self.installed if package.name == name]
        return next((package for package in found if package.architecture in (self.architecture, "all")), found[0] if found else None)


@dataclass(frozen=True)
class Candidate:
    """The newest version of a binary package in the archive, and its source."""

    version: str
    source: str
    source_version: str
    is_essential: bool


@dataclass(frozen=True)
class Patch:
    """A patch. C(digest) is the SHA-256 of its content."""

    name: str
    content: str
    digest: str


@dataclass(frozen=True)
class Built:
    """A finished build in the builder's directory. C(key) stands for its source and its patches, C(patch_key) for the patches alone."""

    version: str
    base: str
    key: str
    patch_key: str
    debs: Tuple[str, ...]


@dataclass(frozen=True)
class Builder:
    """A host on which packages are built. C(problem) tells why the patches do not apply, C(lines) are sources of apt.

    C(is_ubuntu) is about the release for which is built.
    """

    architecture: str
    suite: str
    lines: Tuple[str, ...]
    candidate: Candidate
    patches: Tuple[Patch, ...]
    built: Tuple[Built, ...]
    free: int
    problem: str = ""
    is_ubuntu: bool = False
