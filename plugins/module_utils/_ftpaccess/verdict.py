# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on each .ftpaccess that a session meets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from . import limits
from .accounts import Server, for_account
from .conf import Section, is_on, parse_access_file
from .state import AccessFile, Account, InForce, Seen, Verdict, WithoutEffect


@dataclass(frozen=True)
class Case:
    """A session of an account. C(anonymous) is its section C(<Anonymous>), C(folders) has the real paths of the arguments of
    C(<Directory>), C(has_gap) tells whether this ProFTPD skips files on the way to a deeper folder (its issue 2282). C(modules) and
    C(defines) decide what is in force of a file with conditions."""

    server: Server
    account: Account
    seen: Seen
    anonymous: Optional[Section] = None
    folders: Tuple[Tuple[str, str], ...] = ()
    has_gap: bool = True
    modules: Tuple[str, ...] = ()
    defines: Tuple[str, ...] = ()

    def tree(self, one: AccessFile) -> Section:
        """What a file says."""
        return parse_access_file(one.text or "", one.path, self.modules, self.defines)

    @property
    def outer(self) -> Tuple[Section, ...]:
        """The sections around all folders, innermost first."""
        server = self.server.scope
        return (self.anonymous, server) if self.anonymous else (server,)

    @property
    def directories(self) -> Tuple[Tuple[str, Section], ...]:
        """The sections C(<Directory>), each with the path that it is compared with."""
        real: Mapping[str, str] = dict(self.folders)
        sources = (*self.outer, *for_account(self.server.scope, self.account))
        found = (one for source in sources for one in source.of_kind("directory") if one.arguments)
        return tuple((real.get(one.arguments[0], one.arguments[0]), one) for one in found)


def judge(case: Case) -> Verdict:
    """What holds for the account."""
    seen = case.seen
    files = {one.path: case.tree(one) for one in (*seen.above, *seen.below)}
    reasons = {one.path: _reason(case, one) for one in (*seen.above, *seen.below)}
    forced = tuple(one for one in (*seen.above, *seen.below) if not reasons[one.path])
    chains = _Chains(case, {one.folder: files[one.path] for one in forced})
    around = tuple((one.path, way) for one in forced for way in _around(case, chains, one, one in seen.below))
    avoided = {path for path, _way in around}
    first = chains.of(seen.starts)
    # Where the server is told to read no such file, users have no say, and a section with their rules would give them one.
    is_off = _switched_off(case, is_below=False)
    outside = [one for one in seen.above if one.text and not is_off and not is_inside(one.folder, seen.root)]
    return Verdict(
        account=case.account,
        server=case.server.name,
        port=case.server.port,
        root=seen.root,
        starts=seen.starts,
        in_force=tuple(InForce(one.path, limits.rules(files[one.path]), limits.warnings(files[one.path])) for one in forced),
        without_effect=tuple(
            WithoutEffect(one.path, reasons[one.path], _is_covered(case, one)) for one in (*seen.above, *seen.below) if reasons[one.path]
        ),
        around=around,
        writable=tuple((one.path, way) for one in forced for way in _ways(case, chains, one)),
        depends_on_client=limits.depends_on_client(first, "STOR"),
        may_write=not seen.problem and limits.may_store(first, case.account),
        to_cover=tuple((one.folder, one.text or "") for one in (*outside, *(one for one in forced if one.path in avoided))),
        to_keep=tuple((one.folder, one.text or "") for one in forced if one.path not in avoided),
        is_anonymous=case.anonymous is not None,
        problem=seen.problem,
    )


def is_inside(folder: str, root: str) -> bool:
    """Whether the folder is the root or below it."""
    return root == "/" or f"{folder}/".startswith(f"{root}/")


def _reason(case: Case, one: AccessFile) -> str:
    """Why a file is without effect; empty for a file in force."""
    if not is_inside(one.folder, case.seen.root):
        return f"outside the session's root {case.seen.root}"
    place = _switched_off(case, one in case.seen.below)
    if place:
        return f"AllowOverride off ({place})"
    if one.size == 0 and not one.error:
        return "empty"
    return f"not readable by {case.account.name}: {one.error}" if one.error else ""


def _switched_off(case: Case, is_below: bool) -> str:
    """Where AllowOverride is off for a session that enters the server (or, C(is_below), that has entered it); empty if it is on.

    The first folder is looked at before ProFTPD knows any section C(<Directory>), so that AllowOverride there comes too late.
    """
    inner = [one for name, one in _matching(case, case.seen.starts)] if is_below else []
    for section in (*inner, *case.outer):
        line = section.first("allowoverride")
        if line and line.arguments:
            return "" if is_on(line.arguments[0]) else line.place
    return ""


def _matching(case: Case, folder: str) -> List[Tuple[str, Section]]:
    found = [(name, one) for name, one in case.directories if matches(name, folder)]
    return sorted(found, key=lambda pair: len(pair[0]), reverse=True)


def matches(pattern: str, folder: str) -> bool:
    """Whether a section C(<Directory>) with this path holds for the folder."""
    bare = pattern[:-1] if len(pattern) > 1 and pattern.endswith("/") else pattern
    if bare in (folder, "/"):
        return True
    is_open = bare.endswith("/*")
    return fnmatchcase(folder, bare if is_open else f"{bare}/*") or fnmatchcase(folder, bare)


class _Chains:
    """The sections that hold for a folder, innermost first."""

    def __init__(self, case: Case, files: Dict[str, Section]) -> None:
        self._case = case
        self._files = files

    def of(self, folder: str) -> Tuple[Section, ...]:
        """The sections of files and of the configuration."""
        pairs = [(name, one) for name, one in self._files.items() if is_inside(folder, name)]
        pairs += _matching(self._case, folder)
        ordered = sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)
        own = for_account(self._case.server.scope, self._case.account)
        return (*(one for _name, one in ordered), *own, *self._case.outer)

    def names(self) -> Iterator[str]:
        """The paths at which ProFTPD begins to look only into the folder of a command."""
        yield from self._files
        yield from (name for name, _one in self._case.directories)


def _is_covered(case: Case, one: AccessFile) -> bool:
    """Whether a section C(<Directory>) with the path of the file has the rules of the file."""
    rules = limits.rules(case.tree(one))
    return any(name == one.folder and limits.rules(section) == rules for name, section in case.directories)


def _around(case: Case, chains: _Chains, one: AccessFile, is_below: bool) -> Iterator[str]:
    if not (case.has_gap and is_below and one.has_folders) or _is_covered(case, one):
        return
    anchor = next((name for name in chains.names() if name != one.folder and is_inside(one.folder, name)), None)
    if anchor is not None:
        yield (
            f"a path into a folder below {one.folder}, given from above it without CWD: this ProFTPD does not look for the file, because"
            f" {anchor} has rules of its own (https://github.com/proftpd/proftpd/issues/2282)"
        )


def _ways(case: Case, chains: _Chains, one: AccessFile) -> Iterator[str]:
    """How the user can replace a file by FTP."""
    chain = chains.of(one.folder)
    inside = one.path if case.seen.root == "/" else one.path[len(case.seen.root) :]
    if limits.is_filtered(chain, inside):
        return

    def may(command: str) -> bool:
        return limits.may(chain, command, case.account)

    overwrite = any(is_on(section.value("allowoverwrite")) for section in chain)
    if one.is_replaceable and may("DELE"):
        yield "DELE"
    if one.is_replaceable and may("RNFR") and may("RNTO"):
        yield "RNFR and RNTO"
    if one.is_writable and overwrite and limits.may_store(chain, case.account):
        yield "STOR"
