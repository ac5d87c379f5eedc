# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The .htaccess files that a request meets, and the verdict on each. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from ..conf import Section


@dataclass(frozen=True)
class Apache:
    """A configuration as Apache itself reads it: C(main) is the tree, without modules that are not loaded.

    C(modules) are the loaded modules by the names of their files, C(loads) the lines that load them.
    """

    program: str
    version: str
    main: Section
    modules: Tuple[str, ...] = ()
    loads: Tuple[Tuple[str, str], ...] = ()


@dataclass(frozen=True)
class AccessText:
    """A file with one of the names of AccessFileName; C(error) says why the server cannot read it."""

    path: str
    text: str = ""
    error: str = ""


@dataclass(frozen=True)
class Folder:
    """A folder on the way to a path. C(is_link) and C(has_owner_of_target) are about a symbolic link with this path."""

    path: str
    files: Tuple[AccessText, ...] = ()
    is_link: bool = False
    has_owner_of_target: bool = True


@dataclass(frozen=True)
class Override:
    """What a folder's files may say: classes, single directives, and whether a line that they may not have ends requests.

    C(is_unset) tells whether AllowOverride is not configured: Apache reads files then too, but nearly no line may be in them.
    """

    classes: Tuple[str, ...] = ()
    directives: Tuple[str, ...] = ()
    is_fatal: bool = True
    is_unset: bool = False
    place: str = ""

    @property
    def is_off(self) -> bool:
        """Whether Apache does not even look for a file."""
        return not (self.classes or self.directives or self.is_unset)


@dataclass(frozen=True)
class Refused:
    """A line that a file may not have."""

    number: int
    directive: str
    needs: str


@dataclass(frozen=True)
class Effective:
    """A file that Apache reads, what it may say, and the lines that it may not have."""

    file: str
    override: Override
    refused: Tuple[Refused, ...] = ()


@dataclass(frozen=True)
class PathVerdict:
    """What holds for requests of a server to a path. C(problem) says what ends every request."""

    server: str
    path: str
    in_force: Tuple[Effective, ...] = ()
    without_effect: Tuple[Tuple[str, str], ...] = ()
    problem: str = ""
