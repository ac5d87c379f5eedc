# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of an FTP server, the .ftpaccess files that a session meets, and the verdict on each. Frozen data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from .conf import Line, Section


@dataclass(frozen=True)
class Databases:
    """The files with users, groups, shells and refused users, by path."""

    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Account:
    """A user of an FTP server. C(source) is the file that has the user. C(groups) are the names of all its groups, the primary one
    included, and C(gids) their numbers in the same order."""

    name: str
    source: str
    uid: int
    gid: int
    home: str
    shell: str = ""
    groups: Tuple[str, ...] = ()
    gids: Tuple[int, ...] = ()


@dataclass(frozen=True)
class Configuration:
    """A configuration. C(lines) are those of all its files in order, C(main) is its tree, C(modules) are compiled in or loaded.

    C(others) are the configurations that running servers, or inetd, name.
    """

    path: str
    lines: Tuple[Line, ...]
    main: Section
    version: str
    modules: Tuple[str, ...] = ()
    defines: Tuple[str, ...] = ()
    databases: Databases = Databases()
    others: Tuple[str, ...] = ()

    @property
    def has_gap(self) -> bool:
        """Whether this version skips files on the way to a deeper folder (issue 2282 of ProFTPD, mended after 1.3.9d)."""
        return bool(re.match(r"1\.[0-2]\.|1\.3\.([0-8]|9([a-d]|rc[0-9]*)?$)([^0-9]|$)", self.version))


@dataclass(frozen=True)
class AccessFile:
    """A .ftpaccess. C(folder) is its folder on the host; C(text) is C(None) if the session cannot read the file, C(error) says why.

    C(is_replaceable) tells whether the user may remove or rename it, C(is_writable) whether the user may write into it, both by the
    permissions of the file system alone. C(has_folders) tells whether its folder has folders that the user can enter.
    """

    folder: str
    text: Optional[str] = None
    error: str = ""
    size: int = 0
    is_replaceable: bool = False
    is_writable: bool = False
    has_folders: bool = False

    @property
    def path(self) -> str:
        """The path on the host."""
        return f"{self.folder.rstrip('/')}/.ftpaccess"


@dataclass(frozen=True)
class Seen:
    """What a session of an account meets. Paths are those of the host. C(root) is C(/) without chroot, C(starts) is the first folder.

    C(above) are the files from the first folder up to C(/), innermost first, C(below) those in deeper folders. C(problem) says why the
    login fails.
    """

    root: str
    starts: str
    above: Tuple[AccessFile, ...] = ()
    below: Tuple[AccessFile, ...] = ()
    problem: str = ""
    is_loop: bool = False
    is_cut: bool = False


@dataclass(frozen=True)
class Rule:
    """A C(<Limit>) of a file: its commands, and its directives as text."""

    commands: Tuple[str, ...]
    rules: Tuple[str, ...]


@dataclass(frozen=True)
class InForce:
    """A file in force, with its limits and the lines that ProFTPD does not understand."""

    file: str
    limits: Tuple[Rule, ...]
    warnings: Tuple[str, ...] = ()


@dataclass(frozen=True)
class WithoutEffect:
    """A file without effect, and why. C(is_covered) tells whether a section C(<Directory>) of the configuration has its rules."""

    file: str
    reason: str
    is_covered: bool = False


@dataclass(frozen=True)
class Verdict:
    """What holds for a user of a server.

    C(around) are files that a path avoids, C(writable) files that the user may replace by FTP, each with the way. C(may_write) tells
    whether the rules let the user write into the first folder, from a client that no rule names; C(depends_on_client) that rules name
    clients for that. C(to_cover) are the folders, each with the text of its file, whose rules do not hold and that a section
    C(<Directory>) can have instead, C(to_keep) those whose rules hold.
    """

    account: Account
    server: str
    port: int
    root: str
    starts: str
    in_force: Tuple[InForce, ...] = ()
    without_effect: Tuple[WithoutEffect, ...] = ()
    around: Tuple[Tuple[str, str], ...] = ()
    writable: Tuple[Tuple[str, str], ...] = ()
    may_write: bool = False
    depends_on_client: bool = False
    to_cover: Tuple[Tuple[str, str], ...] = ()
    to_keep: Tuple[Tuple[str, str], ...] = ()
    is_anonymous: bool = False
    problem: str = ""


UNREAD = "/run/fleetlab/ftpaccess.unread"
"""Has the name of a changed file until the server has read it."""


@dataclass(frozen=True)
class CureState:
    """C(plain) is the configuration without our file, C(text) our file as it is, C(None) if it is missing, C(wanted) as it shall be.

    C(before) and C(after) are the verdicts with the one and the other. C(is_running) tells whether a server runs that has to read the file.
    C(is_unread): a run was killed between the change of the file and the reload.
    """

    plain: Configuration
    text: Optional[str]
    wanted: str
    before: Tuple[Verdict, ...]
    after: Tuple[Verdict, ...]
    is_included: bool = True
    is_running: bool = False
    is_unread: bool = False
