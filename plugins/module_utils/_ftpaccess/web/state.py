# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The .htaccess files that a request meets, and the verdict on each. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from ..conf import Section


@dataclass(frozen=True)
class Apache:
    """A configuration as Apache itself reads it: C(main) is the tree, without modules that are not loaded.

    C(modules) are the loaded modules by the names of their files, C(loads) the lines that load them, C(defines) what was defined. C(needs)
    are all directives that this Apache has, in lower case, each with the classes of AllowOverride that let it into a file. C(unproved)
    are directives in the files on the way that Apache has only by a module that no trial loads. C(present) are the files of
    C(<IfFile>) that exist.
    """

    program: str
    version: str
    main: Section
    modules: Tuple[str, ...] = ()
    loads: Tuple[Tuple[str, str], ...] = ()
    defines: Tuple[str, ...] = ()
    needs: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    unproved: Tuple[str, ...] = ()
    present: Tuple[str, ...] = ()


@dataclass(frozen=True)
class AccessText:
    """A file with one of the names of AccessFileName; C(error) says why the server cannot read it."""

    path: str
    text: str = ""
    error: str = ""


@dataclass(frozen=True)
class Folder:
    """A folder on the way to a path. C(is_link) and C(has_owner_of_target) are about a symbolic link with this path.

    C(error) says what is wrong if the way ends here.
    """

    path: str
    files: Tuple[AccessText, ...] = ()
    is_link: bool = False
    has_owner_of_target: bool = True
    error: str = ""


@dataclass(frozen=True)
class Override:
    """What a folder's files may say: classes, single directives, and whether a line that they may not have, or that this Apache does not
    know, ends requests.

    C(options) are the words of C(Options=), C(None) for all options. C(is_unset) tells whether AllowOverride is not configured: Apache
    reads files then too, but nearly no line may be in them.
    """

    classes: Tuple[str, ...] = ()
    directives: Tuple[str, ...] = ()
    options: Optional[Tuple[str, ...]] = None
    is_fatal: bool = True
    is_unknown_fatal: bool = True
    is_unset: bool = False
    place: str = ""

    @property
    def is_off(self) -> bool:
        """Whether Apache does not even look for a file."""
        return not (self.classes or self.directives or self.is_unset)


@dataclass(frozen=True)
class Refused:
    """A line that a file may not have, for its class or because Apache does not know it; C(is_fatal) tells whether it ends requests."""

    number: int
    directive: str
    needs: str
    is_unknown: bool = False
    is_fatal: bool = True

    @property
    def why(self) -> str:
        """The reason."""
        if self.is_unknown:
            return "is misspelled, or its module is not loaded (there is no <IfModule> around it)"
        return f"needs AllowOverride {self.needs}" if self.needs else "is not for such a file"


@dataclass(frozen=True)
class Effective:
    """A file that Apache reads, what it may say, and the lines that it may not have."""

    file: str
    override: Override
    refused: Tuple[Refused, ...] = ()

    @property
    def fatal(self) -> Optional[Refused]:
        """The line that ends requests, if there is one."""
        return next((line for line in self.refused if line.is_fatal), None)


@dataclass(frozen=True)
class PathVerdict:
    """What holds for requests of a server to a path. C(problem) says what ends every request."""

    server: str
    path: str
    in_force: Tuple[Effective, ...] = ()
    without_effect: Tuple[Tuple[str, str], ...] = ()
    problem: str = ""
