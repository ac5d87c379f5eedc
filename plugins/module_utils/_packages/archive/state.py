# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed archive of packages, and the builds that belong into it. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class Entry:
    """A package of a build. C(place) is its path in the archive, C(digest) its SHA-256."""

    name: str
    version: str
    architecture: str
    suite: str
    path: str
    digest: str

    @property
    def place(self) -> str:
        """Where it lies in the archive. The version in a name of a file has no epoch, but two epochs may have the same versions."""
        return f"pool/{self.suite}/{self.name}/{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


@dataclass(frozen=True)
class Index:
    """The index of a suite as it is published: the packages by place and digest, and whether our key has signed just this index."""

    suite: str
    architectures: Tuple[str, ...]
    entries: Tuple[Tuple[str, str], ...]
    is_signed: bool


@dataclass(frozen=True)
class Archive:
    """An archive. C(pool) are the files that it has, C(foreign) are names in its folder that this module does not write.

    C(fingerprint) is that of the key, C(None) if there is none yet. C(key_problem) says why a given key cannot be used.
    """

    architecture: str
    entries: Tuple[Entry, ...]
    indexes: Tuple[Index, ...]
    pool: Tuple[str, ...]
    foreign: Tuple[str, ...] = ()
    fingerprint: Optional[str] = None
    has_public_key: bool = False
    key_problem: str = ""
    missing: Tuple[str, ...] = ()

    def index(self, suite: str) -> Index:
        """The index of a suite, empty if there is none."""
        return next((each for each in self.indexes if each.suite == suite), Index(suite, (), (), False))
